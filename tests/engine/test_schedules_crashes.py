"""Schedules under several processes that die: every tick makes one run, and nothing is forgotten."""

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import NetworkFailed, StoreBusy
from engine.schedule.schedules import ScheduleRules
from engine.storage import schedule_tables
from engine.storage.database import connect
from engine.storage.migrations import VERSION_TABLE, upgrade
from engine.storage.tables import EXECUTION, METADATA

from .schedules import DAY, HOUR, MINUTE, NINE, open_office


@pytest.fixture
def office(tmp_path):
    with open_office(tmp_path) as office:
        yield office


def dying(office, *, after):
    """A way to start runs that dies after, or before, the run is stored."""

    def start(*arguments, **settings):
        if after:
            office.engine.runs.submit(*arguments, **settings)
        raise SystemExit(9)

    return start


@pytest.mark.parametrize("after", [True, False])
def test_a_start_that_is_broken_off_is_finished_by_the_next_tick_with_one_run(office, after):
    office.put()
    office.tick(NINE - MINUTE)
    with pytest.raises(SystemExit):
        office.another_worker(dying(office, after=after)).tick(NINE)
    assert [state for _, state, _ in office.starts()] == ["claimed"]
    assert len(office.runs()) == int(after)
    office.tick(NINE + MINUTE)
    assert [state for _, state, _ in office.starts()] == ["running"]
    assert len(office.runs()) == 1
    office.tick(NINE + 2 * MINUTE)
    assert office.starts() == [(NINE, "ended", "succeeded")]


def test_a_start_is_never_repeated_when_its_key_may_be_gone(office):
    office.put(expression="30d")
    tick = office.first_tick()
    office.clock.advance((tick - office.clock.now()).total_seconds())
    with pytest.raises(SystemExit):
        office.another_worker(dying(office, after=True)).tick(tick)
    office.tick(tick + 3 * DAY)
    assert office.starts() == [(tick, "skipped", "broken_off")]
    assert len(office.runs()) == 1


def test_a_busy_store_is_tried_again_in_a_minute(office):
    office.put()

    def busy(*_, **__):
        raise StoreBusy("engine.db", 10.0)

    office.clock.advance(30)
    office.another_worker(busy).tick(NINE)
    assert [state for _, state, _ in office.starts()] == ["claimed"]
    office.tick(NINE + MINUTE)
    assert len(office.runs()) == 1


def test_what_has_waited_for_a_day_is_let_go(tmp_path):
    rules = ScheduleRules(gap=timedelta(), most_running=1)
    with open_office(tmp_path, rules=lambda _: rules) as office:
        office.put("a", "30d")
        office.put("b", "30d")
        first = office.first_tick("a")
        office.tick(first, carry_out=False)
        office.tick(first + DAY + MINUTE, carry_out=False)
        assert office.starts("b") == [(first, "skipped", "too_late")]


def test_workers_that_tick_at_the_same_time_start_each_workflow_once(tmp_path):
    rules = ScheduleRules(gap=timedelta(), most_running=1000)
    with open_office(tmp_path, rules=lambda _: rules) as office:
        names = [f"w{number:02}" for number in range(12)]
        for name in names:
            office.put(name)
        office.clock.advance(30)
        workers = [office.another_worker() for _ in range(6)]
        together = threading.Barrier(len(workers))

        def tick(worker):
            together.wait()
            worker.tick(NINE)

        with ThreadPoolExecutor(len(workers)) as pool:
            list(pool.map(tick, workers))
        assert Counter(name for name, _ in office.runs()) == dict.fromkeys(names, 1)


def test_a_pause_waits_until_its_warning_has_been_handed_over(office):
    office.put(expression="1m")
    office.fail(*[NetworkFailed("down")] * 9)
    office.mailbox.error = ConnectionError("no mail server")
    office.every_minute(NINE, NINE + 5 * MINUTE)
    assert not office.get().paused
    assert office.get().failures == {"sdk_error": 5}
    office.mailbox.error = None
    office.tick(NINE + 6 * MINUTE)
    assert [notice.kind for notice in office.mailbox.notices] == ["pause_near"]
    assert not office.get().paused
    office.tick(NINE + 7 * MINUTE)
    assert office.get().paused
    assert [notice.kind for notice in office.mailbox.notices] == ["pause_near", "paused"]


def test_a_pause_waits_no_longer_than_its_warning_is_tried(office):
    office.put(expression="1m")
    office.fail(*[NetworkFailed("down")] * 70)
    office.mailbox.error = ConnectionError("no mail server")
    office.every_minute(NINE, NINE + 61 * MINUTE)
    assert (office.get().paused, office.mailbox.tried) == (False, 60)
    office.tick(NINE + 62 * MINUTE)
    assert office.get().paused
    assert office.mailbox.notices == []


def test_the_warning_of_another_workflow_holds_no_pause_back(office):
    office.put("a", "1m")
    office.put("b", "1m")
    office.mailbox.refused = {"a"}
    office.fail(*[NetworkFailed("down")] * 20)
    office.every_minute(NINE, NINE + 6 * MINUTE)
    assert (office.get("a").paused, office.get("b").paused) == (False, True)


def test_notices_of_a_workflow_come_in_their_order(office):
    office.put(expression="1m")
    office.fail(*[NetworkFailed("down")] * 2)
    office.mailbox.error = ConnectionError("no mail server")
    office.every_minute(NINE, NINE + 3 * MINUTE)
    office.fail(*[NetworkFailed("down again")] * 2)
    office.every_minute(NINE + 4 * MINUTE, NINE + 6 * MINUTE)
    office.mailbox.error = None
    office.tick(NINE + 7 * MINUTE)
    kinds = [(notice.kind, notice.at) for notice in office.mailbox.notices]
    assert kinds == sorted(kinds)
    assert [kind for kind, _ in kinds] == ["pause_near", "pause_near"]


def test_a_notice_nobody_takes_is_given_up_after_an_hour(office):
    office.put(expression="1m")
    office.fail(*[NetworkFailed("down")] * 2)
    office.mailbox.error = ConnectionError("no mail server")
    office.every_minute(NINE, NINE + 2 * MINUTE)
    assert office.mailbox.tried == 1
    for minute in range(3, 70):
        office.tick(NINE + minute * MINUTE, carry_out=False)
    assert office.mailbox.tried == 60


def test_ticks_of_more_than_a_week_ago_are_forgotten(office):
    office.put(expression="1h")
    office.tick(NINE)
    office.tick(NINE + HOUR)
    office.tick(NINE + 8 * DAY)
    assert [tick for tick, _, _ in office.starts()] == [NINE + 8 * DAY]


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_whatever_happens_no_tick_runs_twice_and_no_workflow_beside_itself(tmp_path_factory, seed):
    chance = random.Random(seed)
    rules = ScheduleRules(gap=chance.choice([0, 1, 5]) * MINUTE, most_running=2)
    folder = tmp_path_factory.mktemp("schedules")
    with open_office(folder, rules=lambda _: rules) as office:
        names = ["a", "b", "c", "d"]
        for name in names:
            office.put(name, chance.choice(["1m", "2m", "5m", "*/3 * * * *"]))
        office.fail(*[NetworkFailed("down")] * chance.randrange(12))
        for minute in range(12):
            happen(office, chance, chance.choice(names))
            moment = NINE + minute * MINUTE
            worker = office.another_worker(
                dying(office, after=chance.random() < 0.5) if chance.random() < 0.3 else None
            )
            office.clock.advance((moment - office.clock.now()).total_seconds())
            for one in (worker, office.schedules):
                try:
                    one.tick(moment)
                except SystemExit:
                    continue
            check(office)
            if chance.random() < 0.6:
                office.queue.run()


def happen(office, chance, name):
    """What people do to a workflow meanwhile."""
    match chance.randrange(8):
        case 0:
            office.engine.workflow_store.pause("acme", name, by="ada", reason="")
        case 1 | 2:
            office.engine.workflow_store.unpause("acme", name)
        case 3:
            office.put(name, chance.choice(["1m", "2m", None]))
        case _:
            pass


def check(office):
    with office.engine.database.connect() as connection:
        unended = connection.scalars(
            sa.select(EXECUTION.c.workflow_id).where(EXECUTION.c.status.in_(["queued", "running"]))
        ).all()
        starts = connection.execute(sa.select(schedule_tables.SCHEDULED_START)).all()
        runs = connection.scalar(sa.select(sa.func.count()).select_from(EXECUTION))
    assert len(unended) == len(set(unended)) <= 2
    noted = [start.execution_id for start in starts if start.execution_id is not None]
    claimed = sum(start.state == "claimed" for start in starts)
    assert len(noted) == len(set(noted))
    assert len(noted) <= runs <= len(noted) + claimed
    assert all(start.planned_at >= start.tick for start in starts)


@pytest.mark.parametrize("before", ["0001", "0005"])
def test_the_tables_come_with_the_schema(tmp_path, before):
    names = {"workflow_schedule", "scheduled_start", "schedule_notice"}
    database = connect(f"sqlite:///{tmp_path / 'engine.db'}")
    upgrade(database, before)
    upgrade(database)
    with database.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": VERSION_TABLE,
                "include_name": lambda name, kind, _: kind != "table" or name in names,
                "include_object": lambda thing, name, kind, *_: kind != "table" or name in names,
            },
        )
        assert compare_metadata(context, METADATA) == []
        assert names <= set(sa.inspect(connection).get_table_names())
    database.dispose()
