"""Runs that a person cancels: what was under way, what it has used, and what nobody waits for."""

import asyncio
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import pytest

from engine.definition import Budget
from engine.dispatch.inline import InlineDispatcher
from engine.execution import ErrorInfo, ExecutionStatus, StepStatus
from engine.storage.rounds import Dispatched
from engine.storage.spending import SpendingStore
from engine.testing import (
    FrozenClock,
    FunctionAction,
    ScriptedModel,
    actions,
    agent,
    calling,
    inline_engine,
    tool,
    workflow,
)
from tests.engine.nested import approval, call, echo, parallel, start

CANCELLED, FAILED = ExecutionStatus.CANCELLED, ExecutionStatus.FAILED


class Desk:
    """An engine whose steps wait until the test has looked: `reached` counts how many do."""

    def __init__(self, folder):
        self.folder = folder
        self.clock = FrozenClock()
        self.queue = InlineDispatcher(hold=True)
        self.model = ScriptedModel([])
        self.reached = 0
        self.opened = threading.Event()

    async def hang(self):
        self.reached += 1
        while not self.opened.is_set():
            await asyncio.sleep(0.005)
        return "done"

    @contextmanager
    def open(self):
        chosen = actions(hang=self.hang, send=FunctionAction(self.hang, repeatable=False))
        with inline_engine(
            self.folder,
            actions=chosen,
            model=self.model,
            clock=self.clock,
            dispatcher=self.queue,
        ) as self.engine:
            yield self

    @contextmanager
    def at_work(self, *, waiting=1):
        """While *waiting* of its steps wait; afterwards the interpreter has let go."""
        working = threading.Thread(target=self.queue.run)
        working.start()
        try:
            until = time.monotonic() + 10
            while self.reached < waiting:
                assert time.monotonic() < until
                time.sleep(0.005)
            yield
        finally:
            working.join(10)
        assert not working.is_alive()

    def put(self, *steps, **facts):
        self.engine.put_workflow("acme", workflow(*steps, **facts), workflow_id="w")
        return self.engine.submit("acme", "w")

    def get(self, run):
        return self.engine.execution("acme", run.id)

    def steps(self, run):
        return {step.path: step for step in self.engine.steps("acme", run.id)}

    def history(self, run):
        return self.engine.history("acme", run.id)

    def spent_today(self):
        day = self.clock.now() - timedelta(hours=1)
        return SpendingStore(self.engine.database).since("acme", day)


@pytest.fixture
def desk(tmp_path):
    with Desk(tmp_path).open() as desk:
        yield desk


def asking(name="ask", uses="hang"):
    return agent(name, "Do it", tools=(uses,))


def test_what_a_step_has_used_until_then_is_counted(desk):
    desk.model.answers = [calling("hang", cost="0.02")]
    run = desk.put(asking(), tool("last"))
    with desk.at_work():
        assert desk.engine.cancel("acme", run.id).status is CANCELLED
    (step,) = desk.history(run)
    assert (step.status, step.error.code) == (StepStatus.FAILED, "step_stopped")
    assert step.error.message == "Step 'ask' was stopped because its run was cancelled."
    assert (step.turns, step.tokens_used, step.cost_usd) == (1, 15, Decimal("0.02"))
    ended = desk.get(run)
    assert (ended.status, ended.error) == (CANCELLED, None)
    assert (ended.total_tokens_used, ended.total_cost_usd) == (15, Decimal("0.02"))
    assert [one.status.value for one in desk.steps(run).values()] == ["failed", "skipped"]


def test_the_day_and_the_budget_of_the_run_see_it(desk):
    desk.model.answers = [calling("hang", cost="0.02")]
    run = desk.put(asking(), budget=Budget(max_tokens=20))
    with desk.at_work():
        desk.engine.cancel("acme", run.id)
    assert (desk.spent_today().tokens, desk.spent_today().cost_usd) == (15, Decimal("0.02"))
    desk.model.answers = ["done"]
    desk.engine.resume("acme", run.id, mode="partial")
    desk.queue.run()
    assert desk.get(run).error.message.startswith("Token limit of 20 exceeded: 30 used.")


def test_every_branch_counts_and_what_has_ended_stays(desk):
    desk.model.answers = ["first", calling("hang"), calling("hang")]
    lanes = parallel(
        "fan",
        a=[{"id": "ask", "type": "agent", "prompt": "?", "tools": ["hang"]}],
        b=[{"id": "ask", "type": "agent", "prompt": "?", "tools": ["hang"]}],
        c=[echo("quick", 1), call("slow", "hang")],
    )
    run = start(desk.engine, {"id": "one", "type": "agent", "prompt": "?"}, lanes)
    with desk.at_work(waiting=3):
        before = desk.steps(run)
        desk.engine.cancel("acme", run.id)
    after = desk.steps(run)
    assert (after["/one"], after["/fan/c/quick"]) == (before["/one"], before["/fan/c/quick"])
    stopped = {path: one for path, one in after.items() if one.status is StepStatus.FAILED}
    assert sorted(stopped) == ["/fan/a/ask", "/fan/b/ask", "/fan/c/slow"]
    assert [one.tokens_used for one in stopped.values()] == [15, 15, 0]
    assert desk.get(run).total_tokens_used == 45


def test_of_an_effect_under_way_it_is_said_that_nobody_knows(desk):
    run = desk.put(tool("a", "send"), tool("b"))
    with desk.at_work():
        desk.engine.cancel("acme", run.id)
        assert desk.steps(run)["/a"].status is StepStatus.FAILED  # once the request is answered
    for step in (desk.steps(run)["/a"], desk.history(run)[0]):
        assert (step.status.value, step.error.code, step.effect) == ("failed", "conflict", True)
        assert step.error.details["kind"] == "interrupted_effect"


def test_what_a_step_with_an_effect_has_used_is_counted_too(desk):
    desk.model.answers = [calling("send", cost="0.02")]
    run = desk.put(asking(uses="send"))
    with desk.at_work():
        desk.engine.cancel("acme", run.id)
    (step,) = desk.history(run)
    assert (step.error.code, step.effect) == ("conflict", True)
    assert (step.turns, step.tokens_used, step.cost_usd) == (1, 15, Decimal("0.02"))
    assert desk.get(run).total_tokens_used == 15


def test_who_learns_of_it_only_at_the_fence_tells_what_was_used(desk):
    """As a worker in another process, which goes on until it writes."""
    desk.model.answers = [calling("hang"), "done"]
    run = desk.put(asking())
    with desk.at_work():
        desk.engine.runs.rounds.cancel("acme", run.id)
        desk.opened.set()
    (step,) = desk.history(run)
    assert (step.error.code, step.turns, step.tokens_used) == ("step_stopped", 2, 30)
    assert desk.get(run).total_tokens_used == 30


def test_a_run_that_goes_on_at_once_counts_it_among_the_past(desk):
    """The interpreter lets go when the next round has begun already."""
    desk.model.answers = [calling("hang"), "late", "done"]
    run = desk.put(asking())
    with desk.at_work():
        desk.engine.runs.rounds.cancel("acme", run.id)
        desk.queue.cancel(run.id, 1)
        desk.engine.resume("acme", run.id, mode="partial")
        desk.opened.set()
    (stopped,) = desk.history(run)
    assert (stopped.round, stopped.error.code, stopped.tokens_used) == (1, "step_stopped", 30)
    assert desk.steps(run)["/ask"].status is StepStatus.PENDING
    assert desk.get(run).total_tokens_used == 0
    desk.queue.run()
    done = desk.get(run)
    assert (done.status, done.total_tokens_used) == (ExecutionStatus.SUCCEEDED, 15)
    assert desk.spent_today().tokens == 45


def test_who_is_only_fenced_off_writes_nothing(desk):
    """Another worker has the run, which has not ended: that one tells what its steps use."""
    desk.model.answers = [calling("hang"), "one", calling("echo"), "two"]
    run = desk.put(asking(uses="hang"))
    with desk.at_work():
        again = Dispatched(run.id, 1, ExecutionStatus.RUNNING)
        desk.engine.runs.rounds.dispatch_again(again, enqueue=desk.queue.enqueue)
        desk.opened.set()
    assert desk.history(run) == ()
    assert desk.get(run).status is ExecutionStatus.RUNNING


def test_an_engine_that_is_closed_leaves_its_runs_to_the_next_one(tmp_path):
    desk = Desk(tmp_path)
    desk.model.answers = [calling("hang")]
    with desk.open():
        run = desk.put(asking())
        with desk.at_work():
            desk.engine._interpreter.stop(2)
        assert desk.history(run) == ()
    desk.opened.set()
    desk.model.answers = ["done"]
    with desk.open():
        desk.queue.run()
        assert desk.get(run).status is ExecutionStatus.SUCCEEDED


def test_the_log_tells_of_it_behind_the_end(desk):
    desk.model.answers = [calling("hang", cost="0.02")]
    run = desk.put(asking())
    with desk.at_work():
        desk.engine.cancel("acme", run.id)
    told = desk.engine.streams.page("acme", run.id).events
    assert [(one.kind, one.path) for one in told] == [
        ("execution_started", None),
        ("execution_cancelled", None),
        ("step_started", "/ask"),
        ("step_failed", "/ask"),
    ]
    assert told[-1].facts["tokens_used"] == 15


def crash(desk, run):
    """As the reconciler gives up a run that was started too often."""
    lost = Dispatched(run.id, 1, ExecutionStatus.RUNNING)
    desk.engine.runs.rounds.crash(lost, ErrorInfo(type="x", message="x", code="run_crashed"))
    desk.engine._interpreter.interrupt(run.id)


@pytest.mark.parametrize("end", [lambda desk, run: desk.engine.cancel("acme", run.id), crash])
def test_nothing_waits_or_runs_in_a_run_that_was_ended(desk, end):
    lanes = parallel(
        "fan",
        a=[approval("ok", expires_after="2h")],
        b=[call("mail", "send")],
        c=[approval("no", on_reject=[call("told", "hang")])],
    )
    run = start(desk.engine, lanes, echo("last"))
    with desk.at_work():
        end(desk, run)
    steps = desk.steps(run)
    assert {path: one.status.value for path, one in steps.items()} == {
        "/fan": "skipped",
        "/fan/a/ok": "skipped",
        "/fan/b/mail": "failed",
        "/fan/c/no": "skipped",
        "/last": "skipped",
    }
    assert {one.status.value for one in desk.history(run)} == {"skipped", "failed"}
    assert steps["/fan/b/mail"].effect
    asked = desk.engine.runs.questions.of_execution("acme", run.id)
    assert [one.status for one in asked] == ["closed", "closed"]
    assert desk.engine.runs.waiting("acme") == ()
