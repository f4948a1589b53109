"""The engine itself counts each run in the transaction that ends it."""

import pytest
import sqlalchemy as sa

from engine.errors import AuthFailed
from engine.execution import ErrorInfo, ExecutionStatus
from engine.export import WorkspaceData
from engine.retention import Retention
from engine.storage.definitions import DefinitionStore
from engine.storage.executions import ExecutionStore
from engine.storage.requests import RequestKeys
from engine.storage.rounds import Dispatched, RoundStore
from engine.storage.stat_tables import RUN_FACTS, STATS
from engine.storage.time_limits import TimeLimits
from engine.testing import WORKSPACE, FrozenClock, actions, agent, inline_engine, tool, workflow
from tests.engine.learned import flaky

CRASH = ErrorInfo(type="engine.errors.RunCrashed", message="Given up.", code="run_crashed")


def stats(engine):
    return [(one.sample_count, one.success_rate) for one in engine.learning.stats(WORKSPACE)]


def rounds_of(engine):
    clock = FrozenClock()
    definitions = DefinitionStore(engine.database, clock)
    executions = ExecutionStore(engine.database, definitions)
    return RoundStore(engine.database, definitions, executions, RequestKeys(), clock, TimeLimits())


def test_a_run_is_counted_when_it_ends_and_again_when_it_is_resumed(tmp_path):
    ports = {"actions": actions(act=flaky(AuthFailed("Expired.")))}
    with inline_engine(tmp_path, **ports) as engine:
        engine.put_workflow(WORKSPACE, workflow(tool("a", "act")), workflow_id="w")
        failed = engine.submit(WORKSPACE, "w")
        assert stats(engine) == [(1, 0)]
        engine.resume(WORKSPACE, failed.id)
        assert stats(engine) == [(1, 1)]
        engine.submit(WORKSPACE, "w", test_mode=True)
        assert stats(engine) == [(1, 1)]
        hints = engine.workspace(WORKSPACE).workflows.hints("w")
    assert hints.note == "Not enough runs yet (1 of 3)."


def test_the_end_of_a_run_and_its_count_are_one_commit(tmp_path):
    with inline_engine(tmp_path, actions=actions()) as engine:
        engine.put_workflow(WORKSPACE, workflow(tool("a")), workflow_id="w")
        with engine.database.begin() as connection:
            connection.exec_driver_sql(
                "CREATE TRIGGER stop BEFORE INSERT ON run_facts "
                "BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
        with pytest.raises(Exception, match="no"):
            engine.submit(WORKSPACE, "w")
        with engine.database.connect() as connection:
            status = connection.scalar(sa.text("SELECT status FROM execution"))
            assert connection.execute(sa.select(STATS)).all() == []
    assert status == ExecutionStatus.RUNNING.value


def test_a_run_that_is_given_up_counts_as_a_failure(tmp_path):
    with inline_engine(tmp_path, actions=actions()) as engine:
        engine.put_workflow(WORKSPACE, workflow(tool("a")), workflow_id="w")
        run = engine.submit(WORKSPACE, "w")
        with engine.database.begin() as connection:
            connection.exec_driver_sql("UPDATE execution SET status = 'running'")
        lost = Dispatched(run.id, 1, ExecutionStatus.RUNNING)
        assert rounds_of(engine).crash(lost, CRASH)
        (found,) = engine.learning.stats(WORKSPACE)
    assert (found.sample_count, found.common_failures) == (1, {"run_crashed": 1})


def test_what_was_learned_stays_when_old_runs_go(tmp_path):
    clock = FrozenClock()
    with inline_engine(tmp_path, actions=actions(), clock=clock) as engine:
        engine.put_workflow(WORKSPACE, workflow(tool("a")), workflow_id="w")
        engine.submit(WORKSPACE, "w")
        clock.advance(10 * 86_400)
        assert Retention(engine.database, days=1).run(clock.now()) == 1
        assert stats(engine) == [(1, 1)]
        with engine.database.connect() as connection:
            assert connection.execute(sa.select(RUN_FACTS)).all() == []


def test_after_clearing_no_version_is_used_twice(tmp_path):
    """Other processes keep parsed versions; a number used twice would be the old definition."""
    with inline_engine(tmp_path, actions=actions()) as engine:
        for _ in range(2):
            engine.put_workflow(WORKSPACE, workflow(tool("a", value="old")), workflow_id="w")
        engine.submit(WORKSPACE, "w")
        WorkspaceData(engine.database, now=FrozenClock().now).clear(WORKSPACE, confirm=WORKSPACE)
        stored = engine.put_workflow(
            WORKSPACE, workflow(agent("b", "Hi"), tool("a", value="new")), workflow_id="w"
        )
        assert stored.version == 3
        assert len(engine.workflow(WORKSPACE, "w").workflow.steps) == 2
