"""kill -9, zombies and crash loops: no committed step runs again, and no run is forgotten."""

import asyncio
import collections
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.dispatch.inline import InlineDispatcher
from engine.engine import Engine
from engine.errors import EffectWouldRepeat
from engine.execution import ExecutionStatus, StepStatus
from engine.storage import journal
from engine.storage.database import writing
from engine.testing import (
    FrozenClock,
    FunctionAction,
    actions,
    inline_engine,
    settings,
    tool,
    workflow,
)

ROOT = Path(__file__).resolve().parents[2]

#: A process with an engine whose actions write down what they do, before they do it.
WORKER = """
import asyncio, os, signal, sys, threading, time
from pathlib import Path
from engine.engine import Engine
from engine.testing import FunctionAction, actions, settings, tool, workflow

folder, what = Path(sys.argv[1]), sys.argv[2]

def note(text):
    with (folder / "log").open("a") as log:
        log.write(text + "\\n")

async def slow(name):
    note(name)
    await asyncio.sleep(0.03)
    return {"name": name}

def die(name):
    note(name)
    os.kill(os.getpid(), signal.SIGKILL)

async def send(name):
    note(name)
    await asyncio.sleep(60)

known = actions(slow=slow, die=die, send=FunctionAction(send, repeatable=False))
with Engine(settings(folder, most_recoveries=2, lock_wait_seconds=5.0), actions=known) as engine:
    if what == "long":
        steps = [tool(f"s{n}", "slow", name=f"s{n}") for n in range(12)]
    elif what == "deadly":
        steps = [tool("a", "slow", name="a"), tool("b", "die", name="b")]
    elif what == "effect":
        steps = [tool("a", "slow", name="a"), tool("b", "send", name="b"), tool("c", "slow", name="c")]
    if what != "wait":
        engine.put_workflow("acme", workflow(*steps), workflow_id="w")
        run = engine.submit("acme", "w")
        (folder / "id").write_text(run.id)
    print("up", flush=True)
    time.sleep(60)
"""


class Workers:
    """Starts worker processes on one folder and always ends them."""

    def __init__(self, folder):
        self.folder = folder
        self._process = None

    def start(self, what):
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(self.folder), what],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )

    def kill(self):
        if self._process is not None:
            self._process.kill()
            self.join()

    def join(self):
        self._process.wait(20)
        self._process.stdout.close()
        self._process = None

    @property
    def log(self):
        path = self.folder / "log"
        return path.read_text().split() if path.exists() else []

    def wait_for(self, count):
        deadline = time.monotonic() + 60
        while len(self.log) < count:
            assert time.monotonic() < deadline, self.log
            time.sleep(0.005)

    @property
    def run_id(self):
        return (self.folder / "id").read_text()


@pytest.fixture
def workers(tmp_path):
    workers = Workers(tmp_path)
    yield workers
    workers.kill()


def slow_here(log):
    async def slow(name):
        log.append(name)
        return {"name": name}

    return actions(slow=slow)


@pytest.mark.parametrize("kill_after", [1, 5, 9])
def test_after_kill_9_the_run_goes_on_and_no_committed_step_runs_again(workers, kill_after):
    workers.start("long")
    workers.wait_for(kill_after)
    workers.kill()
    before = workers.log
    here = []
    with Engine(settings(workers.folder, lock_wait_seconds=5.0), actions=slow_here(here)) as engine:
        ended = engine.wait("acme", workers.run_id, 60)
        rows = engine.history("acme", workers.run_id)
    assert ended.status is ExecutionStatus.SUCCEEDED
    assert ended.round == 1
    assert [row.step_id for row in rows] == [f"s{n}" for n in range(12)]
    assert {row.status for row in rows} == {StepStatus.SUCCEEDED}
    twice = [name for name, count in collections.Counter(before + here).items() if count > 1]
    # Only the step that was under way may have started twice.
    assert twice in ([], [before[-1]])
    assert sorted(set(before + here)) == sorted(f"s{n}" for n in range(12))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(200))
def test_kill_9_at_any_moment_again_and_again(workers, seed):
    """Kills at random moments, start-up and recovery included, until the run has ended."""
    moments = random.Random(seed)
    what = "long"
    for _ in range(2):  # fewer than would be given up
        workers.start(what)
        if what == "long":
            workers.wait_for(1)
        time.sleep(moments.uniform(0, 1.2))
        workers.kill()
        what = "wait"
    with Engine(settings(workers.folder, lock_wait_seconds=5.0), actions=slow_here([])) as engine:
        assert engine.wait("acme", workers.run_id, 60).status is ExecutionStatus.SUCCEEDED
        rows = engine.history("acme", workers.run_id)
    assert [row.step_id for row in rows] == [f"s{n}" for n in range(12)]
    # Each kill may repeat the one step that was under way, and no other.
    assert max(collections.Counter(workers.log).values()) <= 3
    assert len(workers.log) <= 12 + 2


def test_a_step_whose_effect_may_have_happened_is_not_repeated(workers):
    workers.start("effect")
    workers.wait_for(2)
    time.sleep(0.05)
    workers.kill()
    sent = []

    async def send(name):
        sent.append(name)

    known = slow_here([]) | {"send": FunctionAction(send, repeatable=False)}
    with Engine(settings(workers.folder, lock_wait_seconds=5.0), actions=known) as engine:
        ended = engine.wait("acme", workers.run_id, 60)
        assert ended.status is ExecutionStatus.FAILED
        assert ended.error.code == "conflict"
        assert "its effect may have happened already" in ended.error.message
        assert [s.status.value for s in engine.steps("acme", ended.id)] == [
            "succeeded",
            "failed",
            "skipped",
        ]
        assert sent == []
        with pytest.raises(EffectWouldRepeat):
            engine.resume("acme", ended.id, mode="partial")
        engine.resume("acme", ended.id, mode="partial", repeat_effects=True)
        assert engine.wait("acme", ended.id, 60).status is ExecutionStatus.SUCCEEDED
        assert sent == ["b"]


def test_a_run_that_kills_every_process_is_given_up(workers):
    workers.start("deadly")
    workers.join()
    for _ in range(2):
        workers.start("wait")
        workers.join()
    assert collections.Counter(workers.log) == {"a": 1, "b": 3}
    quick = settings(
        workers.folder, most_recoveries=2, reconcile_seconds=0.1, lock_wait_seconds=5.0
    )
    with Engine(quick, actions=slow_here([])) as engine:
        ended = engine.wait("acme", workers.run_id, 60)
        assert ended.status is ExecutionStatus.CRASHED
        assert "started too often" in ended.error.message
        assert ended.current_step == "b"
        (published,) = engine.failed_runs("acme")
        assert published.execution == ended


def test_closing_stops_a_run_and_the_next_start_goes_on(tmp_path):
    started = []

    async def slow(name, seconds=0.0):
        started.append(name)
        await asyncio.sleep(seconds)
        return name

    known = actions(slow=slow)
    steps = [tool("a", "slow", name="a"), tool("b", "slow", name="b", seconds=20.0)]
    with Engine(settings(tmp_path), actions=known) as engine:
        engine.put_workflow("acme", workflow(*steps), workflow_id="w")
        run = engine.submit("acme", "w")
        while "b" not in started:
            time.sleep(0.005)
    known["slow"] = FunctionAction(lambda name, seconds: started.append(name))
    with Engine(settings(tmp_path), actions=known) as engine:
        assert engine.wait("acme", run.id, 60).status is ExecutionStatus.SUCCEEDED
    assert started == ["a", "b", "b"]


def test_a_run_the_queue_has_lost_is_queued_again(tmp_path):
    with inline_engine(tmp_path, actions=actions()) as engine:
        engine._dispatcher._hold = True
        engine.put_workflow("acme", workflow(tool("a", value=1)), workflow_id="w")
        run = engine.submit("acme", "w")
    with inline_engine(tmp_path, actions=actions()) as engine:  # whose queue knows nothing of it
        assert engine.execution("acme", run.id).output == 1


def test_a_zombie_can_write_nothing_after_a_takeover(tmp_path):
    """The first interpreter is held inside a step while a second one takes the run over."""
    queue = InlineDispatcher(hold=True)
    calls = []

    async def step(name):
        calls.append(name)
        if calls == ["a"]:
            outcome = await engine._interpreter.carry_out(run.id, 1)  # the takeover
            calls.append(outcome)
        return len(calls)

    with inline_engine(tmp_path, dispatcher=queue, actions=actions(step=step)) as engine:
        engine.put_workflow(
            "acme",
            workflow(tool("a", "step", name="a"), tool("b", "step", name="b")),
            workflow_id="w",
        )
        run = engine.submit("acme", "w")
        outcome = asyncio.run(engine._interpreter.carry_out(run.id, 1))
        assert outcome == "superseded"
        assert calls == ["a", "a", "b", "succeeded"]
        rows = engine.history("acme", run.id)
        assert [(row.step_id, row.output) for row in rows] == [("a", 2), ("b", 3)]
        assert engine.execution("acme", run.id).status is ExecutionStatus.SUCCEEDED


def test_an_old_dispatch_of_a_resumed_run_does_nothing(tmp_path):
    queue = InlineDispatcher(hold=True)

    def fail():
        raise ValueError("no")

    with inline_engine(tmp_path, dispatcher=queue, actions=actions(fail=fail)) as engine:
        engine.put_workflow("acme", workflow(tool("a", "fail")), workflow_id="w")
        run = engine.submit("acme", "w")
        queue.run()
        engine.resume("acme", run.id)
        assert asyncio.run(engine._interpreter.carry_out(run.id, 1)) == "superseded"
        assert len(engine.history("acme", run.id)) == 1


def test_a_fenced_write_changes_nothing_and_spoils_no_neighbour(tmp_path):
    queue = InlineDispatcher(hold=True)
    with inline_engine(tmp_path, dispatcher=queue, actions=actions()) as engine:
        engine.put_workflow("acme", workflow(tool("a")), workflow_id="w")
        runs = [engine.submit("acme", "w") for _ in range(2)]
        clock = engine._clock
        tickets = []
        for run in runs:
            with writing(engine.database) as connection:
                begun = journal.begin(connection, run.id, dispatch=1, token=run.id, now=clock.now())
                tickets.append(begun.ticket)
        engine.cancel("acme", runs[0].id)
        record = journal.StepRecord(
            path="/a",
            step_id="a",
            number=1,
            name="a",
            action="echo",
            status=StepStatus.SUCCEEDED,
            attempts=1,
            started_at=clock.now(),
            completed_at=clock.now(),
            output="1",
        )

        async def write_both():
            writes = [
                engine._writer.write_item(journal.record_steps, (ticket, record))
                for ticket in tickets
            ]
            return await asyncio.gather(*writes, return_exceptions=True)

        fenced, written = asyncio.run(write_both())
        assert isinstance(fenced, journal.Fenced)
        assert written is None
        assert engine.history("acme", runs[0].id) == ()
        assert len(engine.history("acme", runs[1].id)) == 1


def test_a_run_limit_counts_the_time_a_process_was_dead(tmp_path):
    clock = FrozenClock()
    queue = InlineDispatcher(hold=True)
    known = actions()
    with inline_engine(tmp_path, dispatcher=queue, actions=known, clock=clock) as engine:
        engine.put_workflow("acme", workflow(tool("a")), workflow_id="w")
        run = engine.submit("acme", "w", timeout_seconds=100)
        with writing(engine.database) as connection:
            journal.begin(connection, run.id, dispatch=1, token="dead", now=clock.now())
        clock.advance(200)
        queue.run()
        ended = engine.execution("acme", run.id)
        assert ended.status is ExecutionStatus.TIMED_OUT
        assert ended.error.code == "run_timeout"
