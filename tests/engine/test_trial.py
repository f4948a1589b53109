"""A failed step tried on the same input: as it would go, without a trace."""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.actions import Effect, catalog, effect_of
from engine.definition import Workflow
from engine.errors import NotFound
from engine.execution import ExecutionStatus
from engine.run import trial
from engine.storage.tables import METADATA
from engine.testing import FunctionAction, actions, inline_engine
from engine.workspace import ResourceKind, Template


@dataclass(frozen=True)
class Harmless(FunctionAction):
    effect: Effect = "computes"


@dataclass
class World:
    called: list[str] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)

    def pick(self, rows, name):
        self.called.append(f"pick {name}")
        found = {row["name"]: row for row in rows}
        if name not in found:
            raise LookupError(f"no row is called {name}")
        return found[name]

    def send(self, **_):
        self.called.append("send")
        raise ConnectionError("refused")

    def hang(self):
        self.called.append("hang")
        if len(self.called) > 1:
            self.release.wait(20)
        raise ValueError("not yet")


ROWS = [{"name": "ada"}, {"name": "ben"}]


def workflow(*steps):
    return Workflow.model_validate({"name": "w", "inputs": {"rows": {}}, "steps": steps})


def tool(step_id, action, **parameters):
    return {"id": step_id, "type": "tool", "action": action, "with": parameters,
            "retry": {"max_retries": 0}}  # fmt: skip


@pytest.fixture
def world():
    return World()


@pytest.fixture
def engine(tmp_path, world):
    known = catalog() | actions(
        pick=Harmless(world.pick), send=world.send, hang=Harmless(world.hang)
    )
    with inline_engine(tmp_path, actions=known) as engine:
        yield engine
    world.release.set()


def failed(engine, world, *steps):
    engine.put_workflow("acme", workflow(*steps), workflow_id="w")
    run = engine.submit("acme", "w", inputs={"rows": ROWS})
    ended = engine.execution("acme", run.id)
    assert ended.status is ExecutionStatus.FAILED
    world.called.clear()
    return ended.id


def stored(engine):
    with engine.database.connect() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(sa.select(table))))
            for table in METADATA.sorted_tables
            if table.name != "job_tick"
        }


def pick(step_id, name, rows="{{ inputs.rows }}", **more):
    return tool(step_id, "pick", rows=rows, name=name) | more


def test_the_changed_step_passes_on_what_it_failed_on_and_nothing_is_stored(engine, world):
    run = failed(engine, world, tool("a", "echo", value="{{ inputs.rows }}"), pick("b", "eve"))
    before = stored(engine)
    changed = workflow(tool("a", "echo", value="{{ inputs.rows }}"), pick("b", "ben", "{{ a }}"))
    told = engine.try_step("acme", run, changed)
    assert told.state == "passed"
    assert told.explanation == "Tried on the failed input: passes."
    assert told.path == "/b"
    assert world.called == ["pick ben"]
    assert stored(engine) == before


def test_what_still_fails_says_with_what(engine, world):
    run = failed(engine, world, pick("b", "eve"))
    told = engine.try_step("acme", run, workflow(pick("b", "eva")))
    assert told.state == "failed"
    assert told.explanation.startswith("Tried on the failed input: still fails.")
    assert "no row is called eva" in told.explanation


def test_a_changed_step_before_it_is_carried_out_as_well(engine, world):
    run = failed(engine, world, pick("a", "ada"), pick("b", "{{ a.name }}x"))
    told = engine.try_step("acme", run, workflow(pick("a", "ben"), pick("b", "{{ a.name }}")))
    assert told.state == "passed"
    assert world.called == ["pick ben", "pick ben"]


def test_a_step_before_it_that_fails_now_is_named(engine, world):
    run = failed(engine, world, pick("a", "ada"), pick("b", "eve"))
    told = engine.try_step("acme", run, workflow(pick("a", "zoe"), pick("b", "{{ a.name }}")))
    assert told.state == "failed"
    assert "still fails in step 'a'" in told.explanation


def test_nothing_behind_the_failed_step_is_carried_out(engine, world):
    after = tool("c", "send")
    run = failed(engine, world, pick("b", "eve"), after)
    assert engine.try_step("acme", run, workflow(pick("b", "ada"), after)).state == "passed"
    assert world.called == ["pick ada"]


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([tool("b", "send", to="ada")], "step 'b' acts outside (send)"),
        ([tool("b", "http_request", url="https://x.test/")], "acts outside (http_request)"),
        ([tool("b", "write_file", path="a.txt", text="x")], "acts outside (write_file)"),
        ([{"id": "b", "type": "agent", "prompt": "Say hello."}], "step 'b' asks a model"),
        ([pick("b", "ada") | {"repeatable": False}], "is not to be repeated"),
        ([{"id": "q", "type": "approval", "message": "Go on?"}, pick("b", "ada")], "asks a person"),
        ([tool("q", "send"), pick("b", "ada")], "step 'q' acts outside"),
        ([pick("b", "ada") | {"plugins": [{"name": "http_check", "with": {"url": "https://x.test"}}]}],
         "has a plugin"),
        ([pick("other", "ada")], "would not have this step any more"),
    ],
    ids=["sends", "requests", "writes", "agent", "declared", "approval", "before", "plugin", "gone"],
)  # fmt: skip
def test_what_may_reach_outside_is_not_tried(engine, world, steps, words):
    run = failed(engine, world, pick("b", "eve"))
    told = engine.try_step("acme", run, workflow(*steps))
    assert told.state == "not_possible"
    assert words in told.explanation
    assert world.called == []


def test_a_fallback_is_tried_where_it_is_harmless_and_only_there(engine, world):
    run = failed(engine, world, pick("b", "eve"))
    safe = {"action": "pick", "with": {"rows": "{{ inputs.rows }}", "name": "ada"}}
    told = engine.try_step("acme", run, workflow(pick("b", "eve", fallback=safe)))
    assert told.state == "passed"
    told = engine.try_step("acme", run, workflow(pick("b", "eve", fallback={"action": "send"})))
    assert (told.state, "send" in world.called) == ("not_possible", False)


def test_inside_a_loop_the_iterations_before_are_kept(engine, world):
    names = ["ada", "eve", "ben"]

    def looped(name):
        inner = pick("find", name)
        return {
            "id": "each",
            "type": "loop",
            "for_each": names,
            "max_iterations": 5,
            "steps": [inner],
        }

    run = failed(engine, world, looped("{{ loop.item }}"))
    skipping = {"id": "each", "type": "loop", "for_each": ["ada", "ben"], "max_iterations": 5}
    told = engine.try_step(
        "acme", run, workflow(skipping | {"steps": [pick("find", "{{ loop.item }}")]})
    )
    assert (told.state, told.path) == ("passed", "/each/2/find")
    assert world.called == ["pick ada", "pick ben"]  # another list: nothing of before counts
    still = engine.try_step("acme", run, workflow(looped("{{ loop.item }}")))
    assert still.state == "failed"
    assert world.called[2:] == ["pick eve"]


def test_beside_a_failed_branch_the_others_are_let_alone(engine, world):
    def lanes(name):
        held = [{"id": "x", "steps": [tool("s", "send")]}, {"id": "y", "steps": [pick("f", name)]}]
        return {"id": "fan", "type": "parallel", "branches": list(reversed(held))}

    run = failed(engine, world, lanes("eve"))
    told = engine.try_step("acme", run, workflow(lanes("ada")))
    assert (told.state, told.path) == ("passed", "/fan/y/f")
    assert world.called == ["pick ada"]


def test_a_resource_that_is_not_stored_yet_is_there_for_the_trial(engine, world):
    steps = [tool("b", "render_template", template="Hello", values={"name": "Ada"})]
    run = failed(engine, world, *steps)
    as_if = [(ResourceKind.TEMPLATE, "Hello", Template(body="Dear {name}"))]
    assert engine.try_step("acme", run, workflow(*steps)).state == "failed"
    assert engine.try_step("acme", run, workflow(*steps), resources=as_if).state == "passed"
    assert engine.resources("acme").resources.templates == {}


def test_files_of_the_workspace_are_read(engine, world):
    folder = Path(engine.settings.files) / "acme"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("name\nada\n")
    run = failed(engine, world, tool("b", "read_sheet", file="b.csv"))
    assert engine.try_step("acme", run, workflow(tool("b", "read_sheet", file="a.csv"))).state == (
        "passed"
    )


def test_a_trial_that_takes_too_long_is_left_alone(tmp_path, world, monkeypatch):
    with inline_engine(tmp_path, actions=actions(hang=Harmless(world.hang))) as engine:
        run = failed(engine, world, tool("b", "hang"))
        world.called.append("the run")
        object.__setattr__(engine._trials, "seconds", 0.2)
        began = time.monotonic()
        told = [engine.try_step("acme", run, workflow(tool("b", "hang"))) for _ in range(3)]
        assert time.monotonic() - began < 10
        world.release.set()
    assert [one.state for one in told] == ["not_possible"] * 3
    assert "not done within 0.2 s" in told[0].explanation
    assert "other fixes are being tried" in told[2].explanation


def test_what_is_too_large_is_not_restored(engine, world, monkeypatch):
    run = failed(engine, world, tool("a", "echo", value="x" * 2000), pick("b", "eve"))
    changed = workflow(tool("a", "echo", value="x" * 2000), pick("b", "ada"))
    monkeypatch.setattr(trial, "MOST_RESTORED", 1000)
    told = engine.try_step("acme", run, changed)
    assert (told.state, world.called) == ("not_possible", [])
    assert "too large" in told.explanation


def test_a_run_that_has_not_failed_has_nothing_to_try(engine, world):
    engine.put_workflow("acme", workflow(pick("b", "ada")), workflow_id="w")
    run = engine.submit("acme", "w", inputs={"rows": ROWS})
    told = engine.try_step("acme", run.id, workflow(pick("b", "ada")))
    assert told.state == "not_possible"


def test_another_workspace_has_no_such_run(engine, world):
    run = failed(engine, world, pick("b", "eve"))
    with pytest.raises(NotFound):
        engine.try_step("other", run, workflow(pick("b", "ada")))


def test_every_shipped_action_says_what_it_does():
    told = {name: effect_of(action) for name, action in catalog().items()}
    assert all(hasattr(action, "effect") for action in catalog().values())
    assert {name for name, effect in told.items() if effect != "acts"} == {
        "filter_rows",
        "read_sheet",
        "render_template",
    }


@pytest.mark.parametrize("effect", [None, "none", True], ids=["silent", "unknown", "no word"])
def test_an_action_that_does_not_say_so_in_these_words_acts(effect):
    assert effect_of(Harmless(print, effect=effect)) == "acts"
