"""What a partial resume keeps is what a whole run of the new version would have given.

Random small workflows break somewhere, something about them is changed, and they are resumed.
"""

import copy
import itertools
import zlib
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import InvalidDefinition
from engine.execution import ExecutionStatus, StepStatus
from engine.testing import actions, inline_engine
from tests.engine.random_flows import Author, Drawn, every, read

TEMPLATES = ("Alpha", "Beta")
CHANGES = ("as before", "moved in", "shadowed", "renamed", "template", "other items", "swapped")


@dataclass
class Pure(Author):
    """Writes workflows of steps that compute, from what they read and from templates."""

    def _leaf(self, sight):
        given = {
            "note": self._pick([0, 1, 2]),
            "saw": {one: f"{{{{ {one} }}}}" for one in {self._read(sight)} if sight.names},
        }
        naming = [None, None, *TEMPLATES, "{{ inputs.which }}"]
        naming += [f"{{{{ {one}.template }}}}" for one in sight.plain[-1:]]
        given["template"] = self._pick(naming)
        return {"id": self._name(), "type": "tool", "action": "compute", "with": given}

    def _read(self, sight):
        return super()._read(sight) if sight.names else "inputs"

    def altered(self, flow):
        """*flow* otherwise, and the template that is edited beside it, if one is."""
        match self._pick(CHANGES):
            case "template":
                return flow, self._pick(TEMPLATES)
            case "moved in":
                return self._moved_in(copy.deepcopy(flow)), None
            case "shadowed":
                return self._shadowed(copy.deepcopy(flow)), None
            case "renamed":
                return self._renamed(copy.deepcopy(flow)), None
            case "swapped":
                return self._swapped(copy.deepcopy(flow)), None
            case "other items":
                return self._other_items(copy.deepcopy(flow)), None
            case _:
                return self.changed(flow)[0], None

    def _moved_in(self, flow):
        """A step goes to the beginning of what another holds."""
        steps, groups = flow["steps"], list(_groups(flow["steps"]))
        if groups and len(steps) > 1:
            self._pick(groups).insert(0, steps.pop(0))
        return flow

    def _shadowed(self, flow):
        """What is inside another step sees one of its own by the name of one outside."""
        groups = list(_groups(flow["steps"]))
        if groups:
            named = self._pick(flow["steps"])["id"]
            given = {"note": 7, "saw": {}, "template": None}
            made = {"id": named, "type": "tool", "action": "compute", "with": given}
            self._pick(groups).insert(0, made)
        return flow

    def _renamed(self, flow):
        """A step, and nobody who reads it."""
        self._pick(list(every(flow["steps"])))["id"] = self._name()
        return flow

    def _swapped(self, flow):
        leaves = [step for step in every(flow["steps"]) if step["type"] == "tool"]
        one, other = self._pick(leaves), self._pick(leaves)
        one["id"], other["id"] = other["id"], one["id"]
        return flow

    def _other_items(self, flow):
        for step in every(flow["steps"]):
            if "for_each" in step:
                step["for_each"] = ["x", "y"]
        return flow


def _groups(steps):
    for step in every(steps):
        yield from (arm["steps"] for arm in step.get("branches", ()))
        if "steps" in step:
            yield step["steps"]


@dataclass
class World:
    """Computes; the call of number `breaks_at` fails."""

    breaks_at: int | None = None
    count: object = field(default_factory=itertools.count)

    def compute(self, context, note, saw, template):
        if next(self.count) == self.breaks_at:
            raise ValueError("broken")
        body = context.resources.templates[template].body if template else ""
        made = zlib.crc32(repr((note, saw, body)).encode())
        return {
            "n": made % 3 - 1,
            "items": list(range(made % 4)),
            "template": TEMPLATES[made % 2],
            "made": made,
        }

    def end(self, **_):
        if self.breaks_at is not None:
            raise ValueError("broken at the end")

    def begin(self, breaks_at):
        self.breaks_at, self.count = breaks_at, itertools.count()


def outputs(engine, run_id):
    return {
        step.path: step.output
        for step in engine.steps("acme", run_id)
        if step.status is StepStatus.SUCCEEDED
    }


def check(engine, world, draw, name):
    author = Pure(Drawn(draw), approvals=False)
    flow = author.flow(inputs={"which": {"default": "Alpha"}})
    flow["steps"].append({"id": "end", "type": "tool", "action": "end"})
    for step in every(flow["steps"]):
        if step["type"] == "tool":
            step["retry"] = {"max_retries": 0}
    for template in TEMPLATES:
        engine.put_resource("acme", "template", template, {"subject": "s", "body": "old"})
    engine.put_workflow("acme", read(flow), workflow_id=name)
    world.begin(draw(st.integers(0, 20)))
    run = engine.submit("acme", name)
    try:
        now, edited = author.altered(flow)
        parsed = read(now)
        engine.put_workflow("acme", parsed, workflow_id=name)
    except InvalidDefinition:
        return
    if edited:
        engine.put_resource("acme", "template", edited, {"subject": "s", "body": "new"})
    world.begin(None)
    engine.resume("acme", run.id, mode="partial")
    resumed = engine.execution("acme", run.id)
    fresh = engine.execution("acme", engine.submit("acme", name).id)
    assert resumed.status is fresh.status, (resumed.error, fresh.error)
    if fresh.status is ExecutionStatus.SUCCEEDED:
        assert outputs(engine, resumed.id) == outputs(engine, fresh.id)
        assert resumed.output == fresh.output


def run_examples(folder, count):
    world = World()
    names = (f"w{number}" for number in itertools.count())
    known = actions(compute=world.compute, end=world.end, toss=lambda **_: {})
    with inline_engine(folder, actions=known) as engine:

        @settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.data())
        def examples(data):
            check(engine, world, data.draw, next(names))

        examples()


def test_what_a_partial_resume_keeps_is_what_a_whole_run_would_give(tmp_path):
    run_examples(tmp_path, 80)


@pytest.mark.long
def test_the_same_of_many_workflows(tmp_path):
    run_examples(tmp_path, 3000)
