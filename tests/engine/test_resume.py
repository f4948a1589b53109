"""The three ways to resume a run, with changed definitions, fresh data and exact outputs."""

from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from engine.errors import AlreadyRunning, NotFound, NotResumable
from engine.execution import ExecutionStatus
from engine.testing import (
    FrozenClock,
    ScriptedModel,
    actions,
    agent,
    inline_engine,
    tool,
    workflow,
)


@dataclass
class World:
    """What the actions of these tests see and do."""

    sheet: list[str] = field(default_factory=lambda: ["row 1"])
    broken: bool = True
    called: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def read(self, name="read"):
        self.called.append(name)
        return list(self.sheet)

    def work(self, name, value=None, context=None):
        self.called.append(name)
        self.keys.append(context.effect_key)
        return value

    def fragile(self, name="fail", value=None):
        self.called.append(name)
        if self.broken:
            raise ValueError("hard-coded name")
        return value

    def take_calls(self):
        called, self.called = self.called, []
        return called


@pytest.fixture
def world():
    return World()


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture
def engine(tmp_path, world, clock):
    functions = actions(read=world.read, work=world.work, fragile=world.fragile)
    with inline_engine(tmp_path, actions=functions, clock=clock) as engine:
        yield engine


FIVE = workflow(
    tool("s1", "read", name="s1"),
    tool("s2", "work", name="s2", value="{{ s1 }}"),
    tool("s3", "work", name="s3", value="aside"),
    tool("s4", "fragile", name="s4", value="{{ s2 }}"),
    tool("s5", "work", name="s5", value={"rows": "{{ s4 }}", "from": "{{ s1 }}"}),
)


def fail_once(engine, world, definition=FIVE):
    engine.put_workflow("acme", definition, workflow_id="w")
    run = engine.submit("acme", "w", user_id="u1", session_id="s1", inputs={"x": 1})
    failed = engine.execution("acme", run.id)
    assert failed.status is ExecutionStatus.FAILED
    world.take_calls()
    world.broken = False
    return failed


@pytest.mark.parametrize(
    ("mode", "called", "restored"),
    [
        ("full", ["s1", "s2", "s3", "s4", "s5"], set()),
        ("partial", ["s4", "s5"], {"s1", "s2", "s3"}),
        ("dependencies", ["s1", "s2", "s4", "s5"], {"s3"}),
    ],
)
def test_each_mode_runs_what_it_says(engine, world, mode, called, restored):
    failed = fail_once(engine, world)
    queued = engine.resume("acme", failed.id, mode=mode)
    ended = engine.execution("acme", failed.id)
    assert (queued.round, queued.resume_mode, queued.status.value) == (2, mode, "queued")
    assert ended.status is ExecutionStatus.SUCCEEDED
    assert ended.output == {"rows": ["row 1"], "from": ["row 1"]}
    assert world.take_calls() == called
    steps = engine.steps("acme", failed.id)
    assert {step.step_id for step in steps if step.restored} == restored
    assert {step.round for step in steps if not step.restored} == {2}


@pytest.mark.parametrize(("mode", "rows"), [("full", 2), ("dependencies", 2), ("partial", 1)])
def test_data_is_as_fresh_as_the_mode_says(engine, world, mode, rows):
    failed = fail_once(engine, world)
    world.sheet.append("row 2")
    engine.resume("acme", failed.id, mode=mode)
    assert len(engine.execution("acme", failed.id).output["rows"]) == rows


def test_the_run_stays_the_same_run(engine, world, clock):
    failed = fail_once(engine, world)
    clock.advance(60)
    engine.resume("acme", failed.id)
    ended = engine.execution("acme", failed.id)
    assert ended.started_at == failed.started_at
    assert (ended.round_started_at - failed.round_started_at).total_seconds() == 60
    assert (ended.user_id, ended.session_id, ended.inputs) == ("u1", "s1", {"x": 1})
    assert ended.error is None


def test_the_history_keeps_every_round(engine, world):
    failed = fail_once(engine, world)
    engine.resume("acme", failed.id, mode="partial")
    rounds = [(step.round, step.step_id) for step in engine.history("acme", failed.id)]
    assert rounds == [(1, "s1"), (1, "s2"), (1, "s3"), (1, "s4"), (2, "s4"), (2, "s5")]


def test_each_round_has_effect_keys_of_its_own(engine, world):
    failed = fail_once(engine, world)
    engine.resume("acme", failed.id)
    of_s2 = [key for key in world.keys if key.endswith("/s2")]
    assert of_s2 == [f"{failed.id}:1:/s2", f"{failed.id}:2:/s2"]


def test_a_failed_resume_can_be_resumed(engine, world):
    failed = fail_once(engine, world)
    world.broken = True
    engine.resume("acme", failed.id, mode="partial")
    assert engine.execution("acme", failed.id).status is ExecutionStatus.FAILED
    world.broken = False
    world.take_calls()
    engine.resume("acme", failed.id, mode="partial")
    assert engine.execution("acme", failed.id).round == 3
    assert world.take_calls() == ["s4", "s5"]


def changed(step_id, **parameters):
    """`FIVE` with other parameters in one step."""
    steps = [
        step.model_copy(update={"parameters": step.parameters | parameters})
        if step.id == step_id
        else step
        for step in FIVE.steps
    ]
    return workflow(*steps)


def test_the_newest_version_is_used_and_said(engine, world):
    failed = fail_once(engine, world)
    engine.put_workflow("acme", changed("s4", value="fixed"), workflow_id="w")
    engine.resume("acme", failed.id, mode="partial")
    ended = engine.execution("acme", failed.id)
    assert ended.workflow_version == 2
    assert ended.output["rows"] == "fixed"
    assert world.take_calls() == ["s4", "s5"]


def test_an_older_version_can_be_asked_for(engine, world):
    failed = fail_once(engine, world)
    engine.put_workflow("acme", changed("s4", value="fixed"), workflow_id="w")
    engine.resume("acme", failed.id, mode="partial", version=1)
    assert engine.execution("acme", failed.id).output["rows"] == ["row 1"]
    with pytest.raises(NotFound):
        engine.resume("acme", engine.submit("acme", "w").id, version=9)


@pytest.mark.parametrize("mode", ["partial", "dependencies"])
def test_a_changed_step_and_its_readers_are_never_restored(engine, world, mode):
    failed = fail_once(engine, world)
    engine.put_workflow("acme", changed("s3", value="other"), workflow_id="w")
    engine.resume("acme", failed.id, mode=mode)
    assert "s3" in world.take_calls()
    engine.put_workflow("acme", changed("s3", value="other"), workflow_id="w")


def test_readers_of_a_changed_step_run_again(engine, world):
    failed = fail_once(engine, world)
    first = FIVE.steps[0].model_copy(update={"parameters": {"name": "s1-new"}})
    engine.put_workflow("acme", workflow(first, *FIVE.steps[1:]), workflow_id="w")
    engine.resume("acme", failed.id, mode="partial")
    assert world.take_calls() == ["s1-new", "s2", "s4", "s5"]


def test_what_people_read_or_how_long_to_wait_does_not_make_a_step_another(engine, world):
    failed = fail_once(engine, world)
    first = FIVE.steps[0].model_copy(update={"name": "Read the sheet", "timeout_seconds": 5.0})
    engine.put_workflow("acme", workflow(first, *FIVE.steps[1:]), workflow_id="w")
    engine.resume("acme", failed.id, mode="partial")
    assert world.take_calls() == ["s4", "s5"]


def test_steps_can_be_added_removed_and_moved(engine, world):
    failed = fail_once(engine, world)
    s1, s2, _, s4, _ = FIVE.steps
    added = tool("new", "work", name="new", value="{{ s1 }}")
    engine.put_workflow("acme", workflow(s1, added, s2, s4), workflow_id="w")
    engine.resume("acme", failed.id, mode="partial")
    ended = engine.execution("acme", failed.id)
    assert world.take_calls() == ["new", "s4"]
    assert ended.output == ["row 1"]
    assert ended.steps_total == 4
    numbers = [(step.number, step.step_id) for step in engine.steps("acme", failed.id)]
    assert numbers == [(1, "s1"), (2, "new"), (3, "s2"), (4, "s4")]


def test_new_instructions_make_every_agent_step_another(tmp_path, world):
    model = ScriptedModel(["one", "two"])
    functions = actions(fragile=world.fragile)
    steps = (agent("think", "go"), tool("after", "fragile"))
    with inline_engine(tmp_path, actions=functions, model=model) as engine:
        failed = fail_once(engine, world, workflow(*steps, instructions="Be kind."))
        engine.put_workflow("acme", workflow(*steps, instructions="Be strict."), workflow_id="w")
        engine.resume("acme", failed.id, mode="partial")
        assert [question.system for question in model.asked] == ["Be kind.", "Be strict."]


def test_shown_totals_restart_and_caps_go_on(tmp_path, world):
    model = ScriptedModel(["x"] * 4)
    functions = actions(fragile=world.fragile)
    definition = workflow(
        agent("think", "go"), tool("after", "fragile"), budget={"max_cost_usd": "0.02"}
    )
    with inline_engine(tmp_path, actions=functions, model=model) as engine:
        failed = fail_once(engine, world, definition)
        assert failed.total_tokens_used == 15
        world.broken = True
        engine.resume("acme", failed.id)
        again = engine.execution("acme", failed.id)
        assert (again.total_tokens_used, again.total_cost_usd) == (15, Decimal("0.01"))
        assert again.error.message == "hard-coded name"
        engine.resume("acme", failed.id)
        third = engine.execution("acme", failed.id)
        assert third.error.message.startswith("Cost limit of $0.02 exceeded: $0.03 used")
        assert third.error.details["used"] == "0.03"
        assert third.total_tokens_used == 15


def test_restored_outputs_are_exact_and_whole(tmp_path, world):
    rows = [{"id": n, "price": Decimal("0.10"), "raw": bytes(9)} for n in range(500)]
    seen = []

    def check(value):
        seen.append(value)

    functions = actions(make=lambda: rows, fragile=world.fragile, check=check)
    definition = workflow(
        tool("s1", "make"), tool("s2", "fragile"), tool("s3", "check", value="{{ s1 }}")
    )
    with inline_engine(tmp_path, actions=functions) as engine:
        failed = fail_once(engine, world, definition)
    with inline_engine(tmp_path, actions=functions) as engine:
        engine.resume("acme", failed.id, mode="partial")
        assert engine.execution("acme", failed.id).status is ExecutionStatus.SUCCEEDED
    assert seen == [rows]


def test_a_run_that_succeeded_is_not_resumed(engine):
    engine.put_workflow("acme", workflow(tool("a")), workflow_id="w")
    run = engine.submit("acme", "w")
    with pytest.raises(NotResumable, match="nothing left to do"):
        engine.resume("acme", run.id)
    assert engine.execution("acme", run.id).round == 1


def test_a_run_that_is_queued_is_already_running(tmp_path):
    from engine.dispatch.inline import InlineDispatcher

    queue = InlineDispatcher(hold=True)
    with inline_engine(tmp_path, dispatcher=queue, actions=actions()) as engine:
        engine.put_workflow("acme", workflow(tool("a")), workflow_id="w")
        run = engine.submit("acme", "w")
        with pytest.raises(AlreadyRunning):
            engine.resume("acme", run.id)
        engine.cancel("acme", run.id)
        with pytest.raises(NotResumable, match="never started"):
            engine.resume("acme", run.id)


def test_an_end_after_a_resume_has_a_new_cursor(engine, world):
    failed = fail_once(engine, world)
    (before,) = engine.ended_runs("acme")
    assert [run.cursor for run in engine.failed_runs("acme")] == [before.cursor]
    engine.resume("acme", failed.id)
    (after,) = engine.ended_runs("acme", after=before.cursor)
    assert after.cursor > before.cursor
    assert after.execution.status is ExecutionStatus.SUCCEEDED
    assert engine.failed_runs("acme") == ()


def test_the_published_record_of_a_failed_run_is_whole(engine, world):
    failed = fail_once(engine, world)
    (published,) = engine.failed_runs(None)
    assert published == engine.failed_run("acme", failed.id)
    assert published.execution.error.message == "hard-coded name"
    assert published.workflow_name == FIVE.name
    assert published.definition["steps"][3] == {
        "id": "s4",
        "retry": {"max_retries": 0, "backoff_seconds": 0.0},
        "type": "tool",
        "action": "fragile",
        "with": {"name": "s4", "value": "{{ s2 }}"},
    }
    assert [step.status.value for step in published.steps] == [
        "succeeded",
        "succeeded",
        "succeeded",
        "failed",
        "skipped",
    ]
