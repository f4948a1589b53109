"""Schedules at work, with real runs: what starts when, what is skipped, and what is learned."""

from contextlib import ExitStack
from datetime import timedelta

import pytest

from engine.definition.workflow import Input
from engine.errors import (
    AgentFailed,
    InvalidSchedule,
    NetworkFailed,
    NotFound,
    RateLimited,
    TurnLimitReached,
)
from engine.execution import ExecutionStatus
from engine.schedule.schedules import EACH_MINUTE, JOB, ScheduleRules
from engine.storage.schedules import restart_streak
from engine.testing import ScriptedModel, agent, calling

from .schedules import DAY, HOUR, MINUTE, NINE, open_office


@pytest.fixture
def make_office(tmp_path):
    with ExitStack() as opened:
        yield lambda **settings: opened.enter_context(open_office(tmp_path, **settings))


@pytest.fixture
def office(make_office):
    return make_office()


def test_a_workflow_starts_at_its_ticks_and_at_no_other_time(office):
    office.put(expression="5m")
    office.put("manual", expression=None)
    office.every_minute(NINE - 3 * MINUTE, NINE + 10 * MINUTE)
    assert office.runs() == [("report", NINE + n * MINUTE) for n in (0, 5, 10)]
    run = office.engine.executions("acme")[0]
    assert (run.trigger, run.status) == ("schedule", ExecutionStatus.SUCCEEDED)
    assert office.get().next_at == NINE + 15 * MINUTE
    assert [start[1] for start in office.starts()] == ["ended", "ended", "running"]


def test_it_works_as_a_job_of_the_dispatcher(office):
    office.put()
    office.queue.schedule(JOB, EACH_MINUTE, office.schedules.tick)
    office.clock.advance(30)
    assert JOB in office.queue.tick(NINE)
    assert office.queue.tick(NINE) == ()
    assert office.runs() == [("report", NINE)]


def test_of_the_ticks_nobody_was_there_for_the_last_is_made_up(office):
    office.put()
    office.tick(NINE - MINUTE)
    office.tick(NINE + 5 * HOUR + 7 * MINUTE)
    assert [tick for tick, _, _ in office.starts()] == [NINE + 5 * HOUR]
    assert office.get().next_at == NINE + 6 * HOUR


def test_a_workflow_from_long_before_makes_nothing_up(office):
    office.put(expression="1d")
    office.clock.advance(30 * 86_400)
    office.tick(NINE + 30 * DAY + 2 * HOUR)
    assert office.runs() == []
    assert office.get().next_at == NINE + 31 * DAY


def test_a_changed_schedule_counts_from_the_change_on(office):
    office.put(expression="1h")
    office.tick(NINE)
    office.put(expression="30m")
    office.tick(NINE + MINUTE)
    assert office.get().next_at == NINE + 30 * MINUTE
    office.put(expression="30m", description="the same schedule")
    office.tick(NINE + 2 * MINUTE)
    assert office.get().next_at == NINE + 30 * MINUTE
    office.put(expression=None)
    for minute in range(10, 130, 10):
        office.tick(NINE + minute * MINUTE)
    assert office.runs() == [("report", NINE)]
    with pytest.raises(NotFound):
        office.get()


def test_a_schedule_that_cannot_be_read_stops_nobody_else(office):
    with pytest.raises(InvalidSchedule, match="Write 5m"):
        office.put("broken", expression="5 mins")
    office.put_unchecked("broken", expression="5 mins")
    office.put()
    office.tick(NINE)
    assert office.runs() == [("report", NINE)]
    assert "Write 5m" in office.get("broken").problem
    assert office.get("broken").next_at is None
    assert [one.workflow_id for one in office.schedules.list("acme")] == ["broken", "report"]


def test_another_workspaces_schedule_is_like_a_missing_one(office):
    office.put()
    office.tick(NINE)
    assert office.schedules.list("other") == ()
    for look in (office.schedules.get, office.schedules.starts):
        with pytest.raises(NotFound, match="No such schedule"):
            look("other", "report")


def test_starts_of_one_minute_lie_five_minutes_apart_in_each_workspace(office):
    for name in "abc":
        office.put(name)
    office.put("d", workspace="other")
    office.every_minute(NINE, NINE + 15 * MINUTE)
    assert office.runs() == [("a", NINE), ("b", NINE + 5 * MINUTE), ("c", NINE + 10 * MINUTE)]
    assert office.runs("other") == [("d", NINE)]


def test_the_gap_is_kept_from_what_was_due_at_an_earlier_minute(office):
    for name, expression in (("a", "1h"), ("b", "1h"), ("c", "5 * * * *"), ("d", "16 * * * *")):
        office.put(name, expression)
    office.every_minute(NINE - MINUTE, NINE + 20 * MINUTE)
    minutes = {name: (at - NINE) // MINUTE for name, at in office.runs()}
    assert minutes == {"a": 0, "b": 5, "c": 10, "d": 16}


def test_a_workflow_keeps_no_gap_from_itself(office):
    office.put(expression="2m")
    office.every_minute(NINE, NINE + 4 * MINUTE)
    assert [at for _, at in office.runs()] == [NINE, NINE + 2 * MINUTE, NINE + 4 * MINUTE]


def test_the_gap_is_what_the_workspace_has_set(make_office):
    office = make_office(rules=lambda workspace: ScheduleRules(gap=2 * MINUTE))
    for name in "ab":
        office.put(name)
    office.every_minute(NINE, NINE + 3 * MINUTE)
    assert office.runs() == [("a", NINE), ("b", NINE + 2 * MINUTE)]


def test_no_more_runs_than_the_cap_and_the_rest_as_places_get_free(make_office):
    office = make_office(rules=lambda _: ScheduleRules(gap=timedelta(), most_running=2))
    for name in "abcde":
        office.put(name)
    office.tick(NINE, carry_out=False)
    assert office.runs() == [("a", NINE), ("b", NINE)]
    office.tick(NINE + MINUTE, carry_out=False)
    assert len(office.runs()) == 2
    office.queue.run()
    office.tick(NINE + 2 * MINUTE, carry_out=False)
    assert office.runs()[2:] == [("c", NINE + 2 * MINUTE), ("d", NINE + 2 * MINUTE)]
    office.queue.run()
    office.schedules.drain(NINE + 2 * MINUTE)
    assert [name for name, _ in office.runs()] == list("abcde")


def test_a_workflow_never_runs_beside_itself(office):
    office.put(expression="1m")
    office.tick(NINE, carry_out=False)
    office.tick(NINE + MINUTE, carry_out=False)
    office.tick(NINE + 2 * MINUTE)
    office.tick(NINE + 3 * MINUTE)
    assert office.starts() == [
        (NINE, "ended", "succeeded"),
        (NINE + MINUTE, "skipped", "overlap"),
        (NINE + 2 * MINUTE, "skipped", "overlap"),
        (NINE + 3 * MINUTE, "running", None),
    ]


def test_a_run_that_a_person_started_is_not_overtaken_but_a_test_is(office):
    office.put("tested", expression="1m")
    office.put("report", expression="1m")
    office.engine.submit("acme", "tested", test_mode=True)
    office.engine.submit("acme", "report")
    office.tick(NINE, carry_out=False)
    assert [state for _, state, _ in office.starts("tested")] == ["running"]
    assert [note for _, _, note in office.starts("report")] == ["overlap"]


def test_what_waits_is_skipped_when_a_person_has_started_it_meanwhile(office):
    office.put("a")
    office.put("b")
    office.tick(NINE)
    office.engine.submit("acme", "b")
    office.tick(NINE + 5 * MINUTE)
    assert office.starts("b") == [(NINE, "skipped", "overlap")]


def test_a_paused_workflow_is_passed_over_and_makes_nothing_up_later(office):
    office.put()
    office.engine.workflow_store.pause("acme", "report", by="ada", reason="holiday")
    office.tick(NINE)
    office.tick(NINE + HOUR)
    assert office.starts() == []
    office.engine.workflow_store.unpause("acme", "report")
    office.tick(NINE + HOUR + MINUTE)
    assert office.runs() == []
    office.tick(NINE + 2 * HOUR)
    assert office.runs() == [("report", NINE + 2 * HOUR)]


def test_what_waits_is_skipped_when_it_is_paused_meanwhile(office):
    office.put("a")
    office.put("b")
    office.tick(NINE)
    office.engine.workflow_store.pause("acme", "b", by=None, reason="")
    office.tick(NINE + 5 * MINUTE)
    assert office.starts("b") == [(NINE, "skipped", "paused")]


def failing_three_times(office):
    office.put()
    office.fail(NetworkFailed("a"), RateLimited("b"), NetworkFailed("c"))
    office.tick(NINE)
    for hour in range(1, 4):
        office.tick(NINE + hour * HOUR)


def test_three_failures_warn_and_then_pause(office):
    office.put()
    office.fail(NetworkFailed("a"), RateLimited("b"), NetworkFailed("c"))
    office.tick(NINE)
    office.tick(NINE + HOUR)
    assert office.mailbox.notices == []
    office.tick(NINE + 2 * HOUR)
    (warning,) = office.mailbox.notices
    assert (warning.kind, warning.workflow_name, warning.failures) == ("pause_near", "report", 2)
    assert office.engine.workflow_store.record("acme", "report").paused is None
    office.tick(NINE + 3 * HOUR)
    pause = office.engine.workflow_store.record("acme", "report").paused
    reason = "Its last 3 scheduled runs failed: a service they use failed, there were too many "
    assert pause.reason == f"{reason}requests."
    assert pause.at == NINE + 3 * HOUR
    assert [notice.kind for notice in office.mailbox.notices] == ["pause_near", "paused"]
    assert len(office.runs()) == 3
    assert office.get().failures == {"sdk_error": 2, "rate_limited": 1}


def test_runs_that_use_all_their_turns_pause_at_the_fifth(office):
    office.put()
    office.fail(*[TurnLimitReached("Turn limit of 3 reached.", limit=3)] * 5)
    for hour in range(5):
        office.tick(NINE + hour * HOUR)
    assert [notice.kind for notice in office.mailbox.notices] == ["pause_near"]
    office.tick(NINE + 5 * HOUR)
    assert [notice.kind for notice in office.mailbox.notices] == ["pause_near", "paused"]
    assert office.get().failures == {"turn_limit_exceeded": 5}


def test_lifting_a_pause_begins_a_new_streak(office):
    failing_three_times(office)
    office.engine.workflow_store.unpause("acme", "report")
    office.fail(*[NetworkFailed("again")] * 2)
    office.tick(NINE + 4 * HOUR)
    assert office.get().failures == {}
    office.tick(NINE + 5 * HOUR)
    assert office.get().failures == {"sdk_error": 1}
    assert not office.get().paused


def test_whoever_lifts_a_pause_can_restart_the_streak_at_once(office):
    office.put()
    office.fail(NetworkFailed("a"))
    office.tick(NINE)
    office.tick(NINE + MINUTE)
    assert office.get().failures == {"sdk_error": 1}
    with office.engine.database.begin() as connection:
        restart_streak(connection, "acme", "report")
    assert office.get().failures == {}


def test_a_failed_run_that_is_resumed_and_succeeds_ends_the_streak(office):
    office.put()
    office.fail(NetworkFailed("a"))
    office.tick(NINE)
    office.tick(NINE + MINUTE)
    assert office.get().failures == {"sdk_error": 1}
    office.engine.resume("acme", office.get().last_execution_id)
    office.queue.run()
    office.tick(NINE + 2 * MINUTE)
    assert office.get().failures == {}


def test_a_start_without_its_inputs_is_refused_and_counts(office):
    office.put(inputs={"city": Input(required=True)})
    for hour in range(3):
        office.tick(NINE + hour * HOUR)
    start = office.schedules.starts("acme", "report")[0]
    assert (start.note, start.execution_id) == ("refused", None)
    assert "city" in start.detail
    assert office.runs() == []
    assert office.get().failures == {"not_started": 3}
    assert office.engine.workflow_store.record("acme", "report").paused is not None


def test_turns_of_agent_steps_are_averaged(make_office):
    model = ScriptedModel([AgentFailed("busy"), calling("work"), "hello", "hello"])
    office = make_office(model=model, rules=lambda _: ScheduleRules(gap=timedelta()))
    office.put("plain")
    office.put(steps=[agent("ask", "Hello", retries=1, tools=("work",))])
    for moment in (NINE, NINE + HOUR, NINE + HOUR + MINUTE):
        office.tick(moment)
    assert office.get("plain").average_turns is None
    assert office.get().last_turns == 1
    assert office.get().average_turns == pytest.approx(0.7 * 2 + 0.3 * 1)
