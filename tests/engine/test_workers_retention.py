"""Old runs go whole, those that somebody needs stay, and what is under way is never touched."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from engine.dispatch.inline import InlineDispatcher
from engine.engine import Engine
from engine.errors import NotFound
from engine.retention import Retention
from engine.run.parking import JOB as PARKED
from engine.schedule.schedules import JOB
from engine.storage.tables import METADATA
from engine.testing import FrozenClock, actions, settings, tool, workflow
from tests.postgres import new_database

DAY = 86_400


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'engine.db'}"
    else:
        with new_database() as address:
            yield address


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture
def queue():
    return InlineDispatcher()


@pytest.fixture
def engine(tmp_path, url, clock, queue):
    chosen = settings(tmp_path, url=url, reconcile_seconds=3600.0)

    def fail():
        raise ValueError("no")

    with Engine(chosen, actions=actions(fail=fail), clock=clock, dispatcher=queue) as engine:
        for workspace in ("acme", "other"):
            engine.put_workflow(workspace, workflow(tool("a"), tool("b")), workflow_id="w")
            engine.put_workflow(workspace, workflow(tool("a", "fail")), workflow_id="bad")
        yield engine


def rows(engine):
    """How many rows each table has that says anything about a run."""
    with engine.database.connect() as connection:
        return {
            table.name: connection.scalar(sa.select(sa.func.count()).select_from(table))
            for table in METADATA.sorted_tables
            if "execution_id" in table.c or table.name in {"execution", "engine_request"}
        }


def test_runs_that_ended_long_ago_go_with_everything_about_them(engine, clock):
    old = [
        engine.runs.submit(workspace, "w", request_key=f"{workspace}-1")
        for workspace in ("acme", "other")
    ]
    failed = engine.submit("acme", "bad")
    clock.advance(20 * DAY)
    young = engine.submit("acme", "w")
    before = rows(engine)
    told = before["execution_event"]
    assert before == dict.fromkeys(before, 0) | {
        "execution": 4,
        "step_run": 7,
        "engine_request": 2,
        "run_facts": 4,
        "execution_event": told,
    }
    assert Retention(engine.database, days=10).run(clock.now()) == 3
    after = rows(engine)
    assert after == dict.fromkeys(before, 0) | {
        "execution": 1,
        "step_run": 2,
        "run_facts": 1,
        "execution_event": after["execution_event"],
    }
    with engine.database.connect() as connection:
        events = METADATA.tables["execution_event"]
        assert set(connection.scalars(sa.select(events.c.execution_id))) <= {young.id}
    assert engine.execution("acme", young.id).status.value == "succeeded"
    for workspace, run_id in (("acme", old[0].id), ("acme", failed.id)):
        with pytest.raises(NotFound):
            engine.execution(workspace, run_id)
    assert Retention(engine.database, days=10).run(clock.now()) == 0


def test_what_somebody_watches_stays(engine, clock):
    runs = [engine.submit(workspace, "w") for workspace in ("acme", "acme", "other")]
    asked = []

    class OneFix:
        def watched(self, workspace_id, execution_ids):
            asked.append((workspace_id, sorted(execution_ids)))
            return {runs[1].id} & set(execution_ids)

    clock.advance(20 * DAY)
    retention = Retention(engine.database, days=10, watched=OneFix())
    assert retention.run(clock.now()) == 2
    assert engine.execution("acme", runs[1].id).id == runs[1].id
    assert sorted(asked) == [
        ("acme", sorted(run.id for run in runs[:2])),
        ("other", [runs[2].id]),
    ]


def test_runs_that_have_not_ended_stay_however_old_they_are(engine, clock, queue):
    queue._hold = True
    waiting = engine.submit("acme", "w")
    clock.advance(400 * DAY)
    assert Retention(engine.database, days=1).run(clock.now()) == 0
    queue.run()
    assert engine.execution("acme", waiting.id).status.value == "succeeded"


def test_a_resumed_run_counts_from_its_last_end(engine, clock):
    run = engine.submit("acme", "bad")
    clock.advance(20 * DAY)
    engine.resume("acme", run.id)
    assert Retention(engine.database, days=10).run(clock.now()) == 0
    clock.advance(11 * DAY)
    assert Retention(engine.database, days=10).run(clock.now()) == 1


def test_many_go_in_several_transactions_and_watched_ones_in_between_stop_nothing(
    engine, clock, monkeypatch
):
    monkeypatch.setattr("engine.retention._AT_ONCE", 3)
    runs = [engine.submit("acme", "w").id for _ in range(10)]

    class Some:
        def watched(self, workspace_id, execution_ids):
            return set(execution_ids) & set(sorted(runs)[:4])

    clock.advance(20 * DAY)
    assert Retention(engine.database, days=10, watched=Some()).run(clock.now()) == 6
    assert sorted(run.id for run in engine.executions("acme")) == sorted(runs)[:4]


def test_it_is_a_job_for_the_clock(engine, clock, queue, caplog):
    engine.submit("acme", "w")
    queue.schedule("retention", "0 4 * * *", Retention(engine.database, days=10))
    clock.advance(30 * DAY)
    due = clock.now().replace(hour=4, minute=0) + timedelta(days=1)
    with caplog.at_level("INFO", logger="engine.retention"):
        assert queue.tick(due) == (JOB, PARKED, "retention")
    assert "deleted: 1" in caplog.text
    assert engine.executions("acme") == ()


def test_nothing_is_kept_for_less_than_a_day(engine):
    with pytest.raises(ValueError, match="at least one day"):
        Retention(engine.database, days=0)
