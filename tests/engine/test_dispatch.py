"""The queue: runs go through it once, can be cancelled, and nothing in it is pickled."""

import asyncio
import logging
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

import engine as engine_package
from engine.dispatch import WorkState
from engine.dispatch.inline import InlineDispatcher
from engine.engine import Engine
from engine.errors import AlreadyRunning
from engine.execution import ExecutionStatus
from engine.testing import actions, inline_engine, settings, tool, workflow


class Gate:
    """An action that says it has started and waits until it may go on."""

    def __init__(self):
        self.started = threading.Event()
        self.open = threading.Event()
        self.stopped = False

    async def __call__(self, value=None):
        self.started.set()
        try:
            while not self.open.is_set():
                await asyncio.sleep(0.005)
        except asyncio.CancelledError:
            self.stopped = True
            raise
        return value


def gated(gate):
    async def wait_at_gate(value=None):
        return await gate(value)

    return actions(gate=wait_at_gate)


def test_a_run_goes_through_the_queue(tmp_path):
    with Engine(settings(tmp_path), actions=actions()) as engine:
        engine.put_workflow(
            "acme", workflow(tool("a", value=1), tool("b", value="{{ a }}")), workflow_id="w"
        )
        runs = [engine.submit("acme", "w") for _ in range(5)]
        ended = [engine.wait("acme", run.id, 60) for run in runs]
        assert [run.status for run in ended] == [ExecutionStatus.SUCCEEDED] * 5
        assert [run.output for run in ended] == [1] * 5
        for run in runs:
            assert len(engine.history("acme", run.id)) == 2


def test_waiting_gives_up_without_an_end(tmp_path):
    gate = Gate()
    with Engine(settings(tmp_path), actions=gated(gate)) as engine:
        engine.put_workflow("acme", workflow(tool("a", "gate")), workflow_id="w")
        run = engine.submit("acme", "w")
        assert gate.started.wait(60)
        started = time.monotonic()
        assert engine.wait("acme", run.id, 0.2).status is ExecutionStatus.RUNNING
        assert time.monotonic() - started >= 0.2
        with pytest.raises(AlreadyRunning, match="running"):
            engine.resume("acme", run.id)
        gate.open.set()
        assert engine.wait("acme", run.id, 60).status is ExecutionStatus.SUCCEEDED


def test_nothing_in_the_database_is_pickled(tmp_path):
    def fail():
        raise ValueError("x")

    with Engine(settings(tmp_path), actions=actions(fail=fail)) as engine:
        engine.put_workflow("acme", workflow(tool("a")), workflow_id="good")
        engine.put_workflow("acme", workflow(tool("a", "fail")), workflow_id="bad")
        for name in ("good", "bad"):
            engine.wait("acme", engine.submit("acme", name).id, 10)
        time.sleep(0.3)  # the queue notes the outcome after the run has ended
        with engine.database.connect() as connection:
            tables = sa.inspect(engine.database).get_table_names()
            assert {"dispatch_queue", "step_run"} <= set(tables)
            for table in tables:
                for row in connection.exec_driver_sql(f"SELECT * FROM {table}"):
                    # Every pickle of a protocol from 2 on starts so; in base64, with gAS.
                    assert not any(isinstance(value, bytes) for value in row), table
                    assert not any(str(value).startswith("gAS") for value in row), table


def _wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _statuses(engine, run):
    return [step.status.value for step in engine.steps("acme", run.id)]


def test_cancelling_stops_a_step_at_once(tmp_path):
    gate = Gate()
    with Engine(settings(tmp_path), actions=gated(gate)) as engine:
        engine.put_workflow(
            "acme", workflow(tool("a"), tool("b", "gate"), tool("c")), workflow_id="w"
        )
        run = engine.submit("acme", "w")
        assert gate.started.wait(60)
        cancelled = engine.cancel("acme", run.id)
        _wait_until(lambda: gate.stopped)  # and its gate is still shut
        assert (cancelled.status, cancelled.current_step) == (ExecutionStatus.CANCELLED, "b")
        _wait_until(lambda: _statuses(engine, run) == ["succeeded", "failed", "skipped"])
        ended = engine.execution("acme", run.id)
        assert engine.cancel("acme", run.id) == ended
        assert ended.completed_at == cancelled.completed_at
        gate.open.set()
        engine.resume("acme", run.id, mode="partial")
        assert engine.wait("acme", run.id, 60).status is ExecutionStatus.SUCCEEDED
        assert engine.history("acme", run.id)[0].round == 1


def test_cancelling_takes_a_waiting_run_off_the_queue(tmp_path):
    gate = Gate()
    with Engine(settings(tmp_path, concurrency=1), actions=gated(gate)) as engine:
        engine.put_workflow("acme", workflow(tool("a", "gate")), workflow_id="w")
        first = engine.submit("acme", "w")
        assert gate.started.wait(60)
        second = engine.submit("acme", "w")
        assert engine.cancel("acme", second.id).status is ExecutionStatus.CANCELLED
        gate.open.set()
        assert engine.wait("acme", first.id, 60).status is ExecutionStatus.SUCCEEDED
        assert engine.history("acme", second.id) == ()
        assert engine.execution("acme", second.id).started_at is None


def test_a_run_that_has_ended_is_not_cancelled(tmp_path):
    with inline_engine(tmp_path, actions=actions()) as engine:
        engine.put_workflow("acme", workflow(tool("a")), workflow_id="w")
        run = engine.submit("acme", "w")
        assert engine.cancel("acme", run.id).status is ExecutionStatus.SUCCEEDED


def test_what_is_submitted_without_dispatching_waits_for_who_does(tmp_path):
    quiet = Engine.open(settings(tmp_path), dispatch=False, actions=actions())
    quiet.put_workflow("acme", workflow(tool("a", value=7)), workflow_id="w")
    run = quiet.submit("acme", "w")
    time.sleep(0.1)
    assert quiet.execution("acme", run.id).status is ExecutionStatus.QUEUED
    quiet.close()
    with Engine(settings(tmp_path), actions=actions()) as engine:
        assert engine.wait("acme", run.id, 60).output == 7


def test_two_engines_in_one_process_carry_out_each_their_own(tmp_path):
    engines = [Engine(settings(tmp_path / name), actions=actions()) for name in ("one", "two")]
    with engines[0], engines[1]:
        for number, engine in enumerate(engines):
            engine.put_workflow("acme", workflow(tool("a", value=number)), workflow_id="w")
            assert engine.wait("acme", engine.submit("acme", "w").id, 10).output == number


def test_starting_inside_an_event_loop_keeps_runs_off_it(tmp_path):
    threads = []

    def where():
        threads.append(threading.current_thread())

    async def main():
        with Engine(settings(tmp_path), actions=actions(where=where)) as engine:
            engine.put_workflow("acme", workflow(tool("a", "where")), workflow_id="w")
            run = engine.submit("acme", "w")
            return await asyncio.to_thread(engine.wait, "acme", run.id, 10)

    assert asyncio.run(main()).status is ExecutionStatus.SUCCEEDED
    assert threads[0] is not threading.main_thread()


def test_held_runs_start_together_when_told(tmp_path):
    queue = InlineDispatcher(hold=True)
    arrived = []

    async def meet(name):
        arrived.append(name)
        while len(arrived) < 3:
            await asyncio.sleep(0.001)
        return sorted(arrived)

    with inline_engine(tmp_path, actions=actions(meet=meet), dispatcher=queue) as engine:
        for name in "abc":
            engine.put_workflow("acme", workflow(tool("a", "meet", name=name)), workflow_id=name)
        runs = [engine.submit("acme", name) for name in "abc"]
        assert arrived == []
        queue.run()
        assert [engine.execution("acme", run.id).output for run in runs] == [["a", "b", "c"]] * 3


def test_a_broken_interpreter_does_not_leave_a_run_running(tmp_path, caplog):
    """Whatever breaks inside the engine itself: here, its own table is gone for a moment."""
    gate = Gate()
    quick = settings(tmp_path, reconcile_seconds=0.1)
    with caplog.at_level(logging.ERROR), Engine(quick, actions=gated(gate)) as engine:
        engine.put_workflow("acme", workflow(tool("a", "gate")), workflow_id="w")
        run = engine.submit("acme", "w")
        assert gate.started.wait(60)
        with engine.database.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE step_run RENAME TO hidden")
        gate.open.set()
        deadline = time.monotonic() + 60
        key = (run.id, 1)
        while engine._dispatcher.states([key])[key] is WorkState.LIVE:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with engine.database.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE hidden RENAME TO step_run")
        ended = engine.wait("acme", run.id, 60)
        assert ended.status is ExecutionStatus.CRASHED
        assert ended.error.code == "run_crashed"
        engine.resume("acme", run.id, mode="partial")
        assert engine.wait("acme", run.id, 60).status is ExecutionStatus.SUCCEEDED


def test_the_example_of_the_readme_runs(tmp_path, monkeypatch):
    readme = Path(engine_package.__file__).parent / "README.md"
    code = readme.read_text().split("```python")[1].split("```")[0]
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code, names)
    assert names["ended"].status is ExecutionStatus.SUCCEEDED, names["ended"].error
    assert "Hello Ada" in str(names["ended"].output)


def test_what_has_ended_leaves_nothing_in_the_queue(tmp_path):
    with Engine(settings(tmp_path), actions=actions()) as engine:
        engine.put_workflow("acme", workflow(tool("a")), workflow_id="w")
        runs = [engine.submit("acme", "w") for _ in range(3)]
        for run in runs:
            engine.wait("acme", run.id, 60)
        keys = [(run.id, 1) for run in runs]
        deadline = time.monotonic() + 60
        while set(engine._dispatcher.states(keys).values()) != {WorkState.LOST}:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    with Engine(settings(tmp_path), actions=actions()) as engine:
        with engine.database.connect() as connection:
            assert connection.exec_driver_sql("SELECT * FROM dispatch_queue").all() == []
        assert {engine.execution("acme", run.id).status for run in runs} == {
            ExecutionStatus.SUCCEEDED
        }
