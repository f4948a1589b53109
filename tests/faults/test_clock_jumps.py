"""A clock that is set forward or back: nothing happens twice, nothing is forgotten, no limit breaks."""

import itertools
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from engine.dispatch.inline import InlineDispatcher
from engine.errors import QuotaExhausted
from engine.execution import ExecutionStatus
from engine.storage.database import connect, writing
from engine.storage.migrations import upgrade
from engine.storage.workers import take_tick
from engine.testing import FrozenClock, actions, inline_engine
from tests.engine.nested import approval, definition, echo
from tests.engine.quotas import open_counter, quota
from tests.engine.schedules import DAY, HOUR, MINUTE, NINE, open_office

YEAR = 365 * DAY


@pytest.fixture
def office(tmp_path):
    with open_office(tmp_path) as office:
        yield office


def started(office):
    return [tick for tick, state, _ in office.starts() if state in ("running", "ended")]


def test_after_a_jump_back_no_tick_is_started_a_second_time(office):
    office.put(expression="1h")
    office.every_minute(NINE, NINE + 2 * HOUR)
    office.every_minute(NINE - 30 * MINUTE, NINE + 3 * HOUR)
    office.tick(NINE + 3 * HOUR + MINUTE)
    assert started(office) == [NINE + n * HOUR for n in range(4)]
    assert len(office.runs()) == 4


def test_of_the_ticks_that_a_jump_forward_has_left_out_the_last_is_made_up(office):
    office.put(expression="1h")
    office.tick(NINE)
    office.tick(NINE + DAY + 30 * MINUTE)
    office.tick(NINE + DAY + 31 * MINUTE)
    assert started(office) == [NINE, NINE + DAY]


def test_a_clock_that_was_years_ahead_does_not_end_a_schedule(office):
    office.put(expression="1h")
    office.tick(NINE)
    office.tick(NINE + 4 * YEAR)
    office.tick(NINE + 5 * MINUTE)
    office.every_minute(NINE + 55 * MINUTE, NINE + HOUR + MINUTE)
    assert started(office)[0] == NINE + HOUR
    assert len(office.runs()) == 3


@examples(max_examples=15, deadline=None)
@given(
    jumps=st.lists(
        st.sampled_from([-DAY, -HOUR, -MINUTE, MINUTE, HOUR, 3 * HOUR, DAY]), max_size=12
    )
)
def test_wherever_the_clock_jumps_each_tick_has_one_run(tmp_path_factory, jumps):
    with open_office(tmp_path_factory.mktemp("jumps")) as office:
        office.put(expression="1h")
        moment = NINE
        for jump in jumps:
            office.tick(moment)
            moment += jump
        office.tick(moment)
        ticks = [tick for tick, _, _ in office.starts()]
        assert len(ticks) == len(set(ticks))
        assert len(office.runs()) == len(started(office))
        # And it goes on from wherever the clock is in the end.
        office.every_minute(moment, moment + HOUR + MINUTE)
        assert office.get().next_at <= moment + 2 * HOUR + MINUTE


def test_a_job_that_was_done_ahead_of_its_time_goes_on_when_the_clock_is_right_again(tmp_path):
    database = connect(f"sqlite:///{tmp_path / 'engine.db'}")
    upgrade(database)

    def take(moment):
        """The tick that is to be done at *moment*, as a worker that ends it at once."""
        with writing(database) as connection:
            due = take_tick(connection, "job", moment, worker_id=1, live=frozenset(), now=moment)
            connection.exec_driver_sql("UPDATE job_tick SET worker_id = NULL")
        return due

    assert take(NINE) is None  # a job that is new begins with the tick after this one
    assert take(NINE + MINUTE) == NINE + MINUTE
    assert take(NINE + MINUTE) is None
    assert take(NINE + YEAR) == NINE + YEAR
    assert take(NINE + 2 * MINUTE) is None  # the clock is right again: from the next tick on
    assert take(NINE + 3 * MINUTE) == NINE + 3 * MINUTE
    assert take(NINE) is None  # two workers whose clocks differ a little
    assert take(NINE + 3 * MINUTE) is None
    database.dispose()


CALLS = st.lists(
    st.tuples(
        st.sampled_from([-2 * DAY, -DAY, -HOUR, -MINUTE, MINUTE, HOUR, DAY]), st.integers(1, 3)
    ),
    max_size=25,
)


@examples(max_examples=25, deadline=None)
@given(calls=CALLS, resets=st.sampled_from(["midnight", "rolling"]))
def test_no_jump_of_the_clock_lets_more_through_than_a_day_may_have(
    tmp_path_factory, calls, resets
):
    url = f"sqlite:///{tmp_path_factory.mktemp('quota') / 'engine.db'}"
    limit, clock, sent = 5, FrozenClock(NINE), []
    with open_counter(url, quota(limit=limit, resets=resets), clock=clock) as counter:
        for jump, count in calls:
            clock.advance(jump.total_seconds())
            try:
                counter.call(count=count)
            except QuotaExhausted:
                continue
            sent += [clock.now()] * count
    by_day = Counter(moment.date() for moment in sent)
    assert max(by_day.values(), default=0) <= limit
    if resets == "rolling":
        ordered = sorted(sent)
        for first, last in zip(ordered, itertools.islice(ordered, limit, None), strict=False):
            assert last - first >= DAY - MINUTE


def test_what_was_used_while_the_clock_was_ahead_counts_when_that_day_comes(tmp_path):
    clock = FrozenClock(NINE)
    with open_counter(f"sqlite:///{tmp_path / 'q.db'}", quota(limit=3), clock=clock) as counter:
        clock.advance(DAY.total_seconds())
        counter.call(count=3)
        clock.advance(-DAY.total_seconds())
        clock.advance(DAY.total_seconds())
        with pytest.raises(QuotaExhausted):
            counter.call()


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_a_question_that_has_expired_stays_so_and_one_that_has_not_can_be_answered(tmp_path, jump):
    clock, queue = FrozenClock(), InlineDispatcher(hold=True)
    flow = definition(approval("a", expires_after="30m"), echo("b", 1))
    with inline_engine(tmp_path, dispatcher=queue, clock=clock, actions=actions()) as engine:
        engine.put_workflow("acme", flow, workflow_id="w")
        run = engine.submit("acme", "w")
        queue.run()
        clock.advance(jump.total_seconds())
        engine._reconciler.run_once()
        queue.run()
        clock.advance(-jump.total_seconds())
        now = engine.execution("acme", run.id)
        if jump > timedelta():
            assert (now.status, now.error.code) == (ExecutionStatus.FAILED, "approval_expired")
            return
        assert now.status is ExecutionStatus.PAUSED
        people = engine.workspace("acme", actor="ada", actor_kind="person").executions
        people.decide(run.id, "/a", decision="approved")
        queue.run()
        assert engine.execution("acme", run.id).output == 1


def test_a_clock_that_is_put_back_during_a_run_makes_no_time_negative_and_no_limit_longer(tmp_path):
    clock = FrozenClock()

    def put_back():
        clock.advance(-DAY.total_seconds())

    known = actions(put_back=put_back)
    with inline_engine(tmp_path, clock=clock, actions=known) as engine:
        engine.put_workflow(
            "acme",
            definition({"id": "a", "type": "tool", "action": "put_back", "with": {}}, echo("b", 2)),
            workflow_id="w",
        )
        run = engine.submit("acme", "w", timeout_seconds=60)
        ended = engine.execution("acme", run.id)
        assert ended.status is ExecutionStatus.SUCCEEDED
        assert ended.total_execution_time_ms >= 0
        assert all(row.execution_time_ms >= 0 for row in engine.history("acme", run.id))
        assert engine.tiles.live("acme", run.id).elapsed.seconds >= 0
        assert engine.progress("acme", run.id).progress_percentage == 100
