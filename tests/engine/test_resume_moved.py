"""Templates and documents that change between the rounds of a run, and what follows from it."""

from dataclasses import dataclass, field

import pytest

from engine.errors import EffectWouldRepeat
from engine.testing import FunctionAction, ScriptedModel, actions, inline_engine
from tests.engine.nested import FAILED, SUCCEEDED, branch, call, definition, echo, loop, start

MODES = ("partial", "dependencies")


@dataclass
class World:
    """`meanwhile` is called once, by the first step that asks for it."""

    broken: bool = True
    called: list = field(default_factory=list)
    meanwhile: object = None

    def lines(self, context, template):
        """The lines of a template."""
        self.called.append(context.path)
        return context.resources.templates[template].body.split()

    def text(self, context, file):
        self.called.append(context.path)
        return context.resources.documents[file].path

    def work(self, context, value=None):
        self.called.append(context.path)
        return value

    def edit(self, context):
        self.called.append(context.path)
        self.meanwhile()

    def fragile(self, value=None):
        if self.broken:
            raise ValueError("broken")
        return value

    def calls(self):
        called, self.called = self.called, []
        return sorted(called)


@pytest.fixture
def world():
    return World()


@pytest.fixture
def engine(tmp_path, world):
    known = actions(
        lines=world.lines,
        text=world.text,
        work=world.work,
        edit=world.edit,
        fragile=world.fragile,
        choose=lambda: "Welcome",
        send=FunctionAction(world.work, repeatable=False),
    )
    with inline_engine(tmp_path, actions=known, model=ScriptedModel(["said"] * 4)) as engine:
        yield engine


def put(engine, body, name="Welcome"):
    engine.put_resource("acme", "template", name, {"subject": "s", "body": body})


def lines(step_id="lines", template="Welcome"):
    return call(step_id, "lines", given={"template": template})


def work(step_id, value=None, action="work"):
    return call(step_id, action, given={"value": value})


END = call("end", "fragile")


def failed(engine, world, *steps, **more):
    run = start(engine, *steps, **more)
    assert run.status is FAILED
    world.calls()
    world.broken = False
    return run


def resumed(engine, run, mode="partial", **more):
    engine.resume("acme", run.id, mode=mode, **more)
    return engine.execution("acme", run.id)


def outputs(engine, run):
    return {step.path: step.output for step in engine.steps("acme", run.id)}


@pytest.mark.parametrize("mode", MODES)
def test_what_a_loop_has_done_with_an_older_template_is_done_again(engine, world, mode):
    put(engine, "old older")
    each = loop("each", work("note", "{{ loop.item }}"), for_each="{{ lines }}")
    run = failed(engine, world, lines(), each, END)
    put(engine, "new newer")
    ended = resumed(engine, run, mode)
    assert ended.status is SUCCEEDED
    assert world.calls() == ["/each/1/note", "/each/2/note", "/lines"]
    assert outputs(engine, run)["/each"] == ["new", "newer"]
    stale = {one.path: (one.reason, one.because) for one in ended.resume_report.stale}
    assert stale["/lines"] == ("input_changed", "template/Welcome")
    assert stale["/each/2/note"] == ("input_changed", "lines")


@pytest.mark.parametrize("mode", MODES)
def test_what_a_branch_has_done_by_an_older_template_is_done_again(engine, world, mode):
    put(engine, "go")
    way = branch("way", ("yes", 'lines[0] == "go"', [work("x", 1)]), ("no", None, [work("y", 2)]))
    run = failed(engine, world, lines(), way | {"default": "no"}, END)
    put(engine, "stay")
    assert resumed(engine, run, mode).status is SUCCEEDED
    assert world.calls() == ["/lines", "/way/no/y"]
    assert "/way/yes/x" not in outputs(engine, run)


def test_what_only_follows_from_it_is_done_again_too(engine, world):
    put(engine, "old")
    each = loop("each", work("note", "{{ loop.item }}"), for_each="{{ picked }}")
    run = failed(engine, world, lines(), work("picked", "{{ lines }}"), each, END)
    put(engine, "new")
    resumed(engine, run)
    assert outputs(engine, run)["/each"] == ["new"]


@pytest.mark.parametrize("mode", MODES)
def test_effects_for_items_of_an_older_template_are_not_taken_for_those_of_others(
    engine, world, mode
):
    put(engine, "ann ben")
    each = loop("each", work("mail", "{{ loop.item }}", "send"), for_each="{{ lines }}")
    run = failed(engine, world, lines(), each, END)
    put(engine, "cem dan")
    told = engine.resume_options.of("acme", run.id)
    refused = {one.mode: one.refused for one in told.options}
    with pytest.raises(EffectWouldRepeat, match="/each/1/mail, /each/2/mail") as found:
        resumed(engine, run, mode)
    assert refused[mode] == str(found.value)
    assert world.calls() == []
    resumed(engine, run, mode, repeat_effects=True)
    assert outputs(engine, run)["/each"] == ["cem", "dan"]


def test_a_document_of_the_same_name_hides_no_template(engine, world):
    put(engine, "old")
    engine.put_resource("acme", "document", "welcome", {"path": "x.txt"})
    run = failed(engine, world, lines(), END)
    put(engine, "new")
    assert resumed(engine, run).status is SUCCEEDED
    assert outputs(engine, run)["/lines"] == ["new"]


def test_a_template_of_the_same_name_hides_no_document(engine, world):
    engine.put_resource("acme", "document", "welcome", {"path": "old.txt"})
    put(engine, "x")
    run = failed(engine, world, call("text", "text", given={"file": "welcome"}), END)
    engine.put_resource("acme", "document", "welcome", {"path": "new.txt"})
    assert resumed(engine, run).status is SUCCEEDED
    assert outputs(engine, run)["/text"] == "new.txt"


def test_what_was_stored_while_the_run_was_under_way_is_not_what_its_steps_had(engine, world):
    put(engine, "old")
    world.meanwhile = lambda: put(engine, "new")
    run = start(engine, call("edit", "edit"), lines(), END)
    assert outputs(engine, run)["/lines"] == ["old"]  # read when the round began
    world.broken = False
    world.calls()
    assert resumed(engine, run).status is SUCCEEDED
    assert world.calls() == ["/lines"]
    assert outputs(engine, run)["/lines"] == ["new"]


def test_what_was_stored_between_two_rounds_is_what_the_second_had(engine, world):
    put(engine, "old")
    run = start(engine, call("first", "fragile"), lines(), END)
    put(engine, "new")
    engine.put_workflow("acme", definition(echo("first"), lines(), END), workflow_id="w")
    assert resumed(engine, run).status is FAILED
    world.broken = False
    world.calls()
    assert resumed(engine, run).status is SUCCEEDED
    assert world.calls() == []


@pytest.mark.parametrize("edited", ["Welcome", "Other"])
def test_a_template_that_an_input_names_counts_and_no_other(engine, world, edited):
    put(engine, "old")
    put(engine, "old", "Other")
    steps = (lines(template="{{ inputs.which }}"), END)
    run = failed(engine, world, *steps, inputs={"which": "Welcome"})
    put(engine, "new", edited)
    resumed(engine, run)
    assert outputs(engine, run)["/lines"] == ["new" if edited == "Welcome" else "old"]


def test_a_template_that_another_step_names_may_be_any_of_them(engine, world):
    put(engine, "old")
    run = failed(engine, world, call("which", "choose"), lines(template="{{ which }}"), END)
    put(engine, "new")
    resumed(engine, run)
    assert world.calls() == ["/lines"]
    assert outputs(engine, run)["/lines"] == ["new"]


def test_new_orders_are_for_a_fallback_that_asks_a_model_too(engine, world):
    asks = work("asks", 1) | {"fallback": {"prompt": "Say it.", "model": "m"}}
    plain = work("plain", 1) | {"fallback": {"action": "echo"}}
    run = failed(engine, world, asks, plain, END, instructions="Be kind.")
    now = definition(asks, plain, END, instructions="Be strict.")
    engine.put_workflow("acme", now, workflow_id="w")
    assert resumed(engine, run).status is SUCCEEDED
    assert world.calls() == ["/asks"]
