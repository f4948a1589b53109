"""Failures in a row: which count together, who is told, and when a schedule is paused."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import errors
from engine.execution import ExecutionStatus
from engine.schedule.streaks import Allowance, FailureReason, Streak, average, reason_of
from engine.schedule.verdicts import judged
from engine.storage.schedule_records import Outcome, ScheduleRecord

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
FAILED, SUCCEEDED, CANCELLED = (
    ExecutionStatus.FAILED,
    ExecutionStatus.SUCCEEDED,
    ExecutionStatus.CANCELLED,
)


def schedule(**changes):
    fresh = {
        "workspace_id": "acme",
        "workflow_id": "report",
        "version": 1,
        "expression": "1d",
        "problem": None,
        "next_at": NOW,
        "paused": False,
        "failures": {},
        "last_failure": None,
        "warned": False,
        "average_turns": None,
        "last_turns": None,
        "last_version": None,
        "last_execution_id": None,
    }
    return ScheduleRecord.model_validate(fresh | changes)


class Story:
    """A schedule and what its runs do to it, one after another."""

    def __init__(self, **changes):
        self.now = schedule(**changes)
        self.told = []
        self.pauses = []

    def run(self, *codes, status=None, version=1, turns=None, allowance=None, warning_waits=False):
        for code in codes:
            ended = status or (SUCCEEDED if code == "ok" else FAILED)
            outcome = Outcome("Report", "e1", ended, code, version, turns)
            if code == "not_found":
                outcome = Outcome("Report", None, None, code)
            verdict = judged(
                self.now,
                outcome,
                allowance=allowance or Allowance(),
                now=NOW,
                warning_waits=warning_waits,
            )
            if verdict.notice is not None:
                self.told.append(verdict.notice)
            if verdict.pause_reason is not None:
                self.pauses.append(verdict.pause_reason)
            standing = {
                "failures": dict(verdict.failures),
                "last_failure": verdict.last_failure,
                "warned": verdict.warned,
                "average_turns": verdict.average_turns,
                "last_turns": verdict.last_turns,
                "paused": self.now.paused or verdict.pause_reason is not None,
            }
            if outcome.version is not None:
                standing["last_version"] = outcome.version
            self.now = self.now.model_copy(update=standing)
        return self


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (FAILED, "turn_limit", "turn_limit_exceeded"),
        (FAILED, "budget_exceeded", "budget_exceeded"),
        (FAILED, "step_timeout", "timeout"),
        (ExecutionStatus.TIMED_OUT, "run_timeout", "timeout"),
        (ExecutionStatus.CRASHED, "run_crashed", "aborted"),
        (FAILED, "rate_limited", "rate_limited"),
        (FAILED, "quota_exhausted", "rate_limited"),
        (FAILED, "agent_failed", "sdk_error"),
        (FAILED, "variable_not_found", "step_failed"),
        (FAILED, None, "step_failed"),
        (SUCCEEDED, None, None),
        (CANCELLED, None, None),
    ],
)
def test_every_end_has_one_reason(status, code, reason):
    assert reason_of(status, code) == reason


def test_every_code_that_is_told_apart_is_one_of_the_engines():
    known = {
        one.code for one in vars(errors).values() if isinstance(one, type) and hasattr(one, "code")
    }
    from engine.schedule.streaks import _BY_CODE

    assert _BY_CODE.keys() <= known


def test_three_failures_of_any_other_kind_pause_after_a_warning():
    story = Story().run("step_timeout")
    assert (story.told, story.pauses) == ([], [])
    story.run("rate_limited")
    assert [notice.kind for notice in story.told] == ["pause_near"]
    assert story.told[0].text == (
        "Your agent 'Report' is paused after one more failure of this kind. "
        "Its last 2 scheduled runs failed: they took too long, there were too many requests."
    )
    assert (story.told[0].failures, story.told[0].limit) == (2, 3)
    story.run("variable_not_found")
    assert [notice.kind for notice in story.told] == ["pause_near", "paused"]
    words = (
        "Its last 3 scheduled runs failed: they took too long, there were too many requests, "
        "a step failed."
    )
    assert story.pauses == [words]
    assert story.told[1].text == (
        f"Your agent 'Report' is paused and starts no more by itself. {words} "
        "Unpause it when the cause is gone."
    )
    assert story.now.failures == {"timeout": 1, "rate_limited": 1, "step_failed": 1}


def test_five_breaches_of_a_limit_pause():
    story = Story().run("turn_limit", "budget_exceeded", "turn_limit")
    assert story.told == []
    story.run("turn_limit")
    assert [notice.kind for notice in story.told] == ["pause_near"]
    assert story.pauses == []
    story.run("budget_exceeded")
    assert len(story.pauses) == 1
    assert story.now.failures == {"turn_limit_exceeded": 3, "budget_exceeded": 2}


def test_breaches_and_other_failures_are_counted_apart():
    story = Story().run("turn_limit", "turn_limit", "step_timeout", "turn_limit")
    assert story.told == []
    assert sum(story.now.failures.values()) == 4


def test_a_success_ends_the_streak_and_a_person_who_cancels_does_not():
    story = Story().run("step_timeout", "step_timeout")
    assert story.now.warned
    story.run(None, status=CANCELLED)
    assert story.now.failures == {"timeout": 2}
    story.run("ok")
    assert (story.now.failures, story.now.warned) == ({}, False)
    assert story.now.last_failure == "timeout"
    story.run("step_timeout", "step_timeout")
    assert [notice.kind for notice in story.told] == ["pause_near", "pause_near"]


def test_the_first_breach_of_a_new_version_is_let_pass():
    story = Story().run(*["turn_limit"] * 4)
    story.run("turn_limit", version=2)
    assert story.pauses == []
    assert story.now.failures == {"turn_limit_exceeded": 4}
    story.run("turn_limit", version=2)
    assert len(story.pauses) == 1


def test_another_failure_of_a_new_version_is_not_let_pass():
    assert Story().run("step_timeout").run("step_timeout", version=2).now.failures == {"timeout": 2}


def test_a_start_that_is_refused_counts_as_a_failure():
    story = Story().run("not_found", "not_found", "not_found")
    assert story.told[1].execution_id is None
    assert story.pauses == ["Its last 3 scheduled runs failed: they could not be started."]


def test_nobody_is_paused_without_a_warning_even_if_the_limit_came_down():
    story = Story().run(*["step_timeout"] * 5, allowance=Allowance(others=9))
    assert story.told == []
    story.run("step_timeout")
    assert ([notice.kind for notice in story.told], story.pauses) == (["pause_near"], [])
    story.run("step_timeout")
    assert len(story.pauses) == 1


def test_a_pause_waits_while_the_warning_does_and_comes_with_the_next_failure():
    story = Story().run("step_timeout", "step_timeout")
    story.run("step_timeout", "step_timeout", warning_waits=True)
    assert ([notice.kind for notice in story.told], story.pauses) == (["pause_near"], [])
    story.run("step_timeout")
    assert [notice.kind for notice in story.told] == ["pause_near", "paused"]
    assert story.told[1].failures == 5


def test_what_is_paused_already_is_not_paused_again():
    story = Story(paused=True).run(*["step_timeout"] * 4)
    assert (story.told, story.pauses) == ([], [])


def test_turns_are_averaged_and_unknown_ones_left_out():
    story = Story().run("ok", turns=10)
    assert (story.now.average_turns, story.now.last_turns) == (10, 10)
    story.run("ok", turns=20)
    assert story.now.average_turns == pytest.approx(13)
    story.run("ok", turns=None).run(None, status=CANCELLED, turns=90)
    assert story.now.average_turns == pytest.approx(13)
    story.run("turn_limit", turns=3)
    assert story.now.average_turns == pytest.approx(10)
    assert story.now.last_turns == 3


@given(st.lists(st.integers(0, 500), min_size=1))
def test_an_average_stays_between_the_least_and_the_most(turns):
    mean = None
    for one in turns:
        mean = average(mean, one)
    assert min(turns) - 1e-6 <= mean <= max(turns) + 1e-6


def test_one_failure_can_never_be_the_limit():
    with pytest.raises(ValueError, match="two failures"):
        Allowance(others=1)


@given(
    st.lists(st.sampled_from(["ok", "turn_limit", "step_timeout", "rate_limited", "not_found"])),
    st.integers(2, 6),
    st.integers(2, 6),
)
def test_a_pause_comes_exactly_at_the_limit_and_always_after_a_warning(codes, breaches, others):
    allowance = Allowance(breaches, others)
    story = Story()
    for code in codes:
        before = len(story.told)
        story.run(code, allowance=allowance)
        streak = Streak({FailureReason(name): many for name, many in story.now.failures.items()})
        over = [one for one in streak.counts if streak.alike(one) >= allowance.of(one)]
        assert bool(over) == bool(story.pauses)
        assert len(story.told) - before <= 1
        if story.pauses:
            assert [notice.kind for notice in story.told][-2:] == ["pause_near", "paused"]
            return
