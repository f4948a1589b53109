"""Which runs that a quota stops are parked, and what of them runs again."""

from contextlib import ExitStack
from datetime import timedelta

import pytest

from engine.errors import QuotaExhausted, RateLimited
from engine.execution import ExecutionStatus
from engine.run.context import NoMasker
from engine.run.foreign import describe
from engine.run.parking import JOB, wake_time
from engine.storage import parked
from engine.testing import WORKSPACE

from .quota_office import MIDNIGHT, open_office
from .quotas import NINE, Invite, quota


@pytest.fixture
def make_office(tmp_path):
    with ExitStack() as opened:
        yield lambda *quotas, **given: opened.enter_context(open_office(tmp_path, *quotas, **given))


@pytest.fixture
def office(make_office):
    return make_office()


@pytest.mark.parametrize(
    ("limit", "counts", "settings", "status"),
    [
        (quota("invitations/month"), (100, 1), {}, ExecutionStatus.FAILED),
        (quota("invitations/month"), (100, 1), {"on_quota": "park"}, ExecutionStatus.PAUSED),
        (quota(), (100, 1), {"on_quota": "fail"}, ExecutionStatus.FAILED),
        (quota(), (101,), {}, ExecutionStatus.FAILED),  # never fits
        (quota(), (100, 1), {"test_mode": True}, ExecutionStatus.SUCCEEDED),  # counts nothing
    ],
)
def test_whether_it_is_parked_is_the_workflows_choice(make_office, limit, counts, settings, status):
    assert make_office(limit).start(*counts, **settings).status is status


def test_a_test_of_what_is_used_up_fails_and_is_never_parked(office):
    office.start(100)
    run = office.start(1, name="other", test_mode=True)
    assert (run.status, run.error.code) == (ExecutionStatus.FAILED, "quota_exhausted")


def test_the_other_sides_own_reset_parks_too(make_office):
    told = RateLimited("too many requests (429)", status=429, retry_after=3600)
    office = make_office(invite=Invite(told))
    run = office.start(5)
    assert run.status is ExecutionStatus.PAUSED
    assert office.waiting()[0].auto_resume_at == NINE + timedelta(hours=1)
    office.tick(NINE + timedelta(hours=1))
    assert office.get(run.id).status is ExecutionStatus.SUCCEEDED
    assert office.invite.sent == [5]


@pytest.mark.parametrize(
    ("error", "wakes"),
    [
        (QuotaExhausted("x", resets_at=MIDNIGHT.isoformat()), MIDNIGHT),
        (QuotaExhausted("x", resets_at=(NINE - timedelta(hours=1)).isoformat()), NINE),
        (QuotaExhausted("x", retry_after=60), NINE + timedelta(minutes=1)),
        (QuotaExhausted("x", resets_at="2026-01-06T00:00:00"), None),
        (QuotaExhausted("x"), None),
        (QuotaExhausted("x", resets_at=MIDNIGHT.isoformat(), sent=True), None),
        (RateLimited("x", retry_after=300), None),
        (RateLimited("x", retry_after=301), NINE + timedelta(seconds=301)),
        (RateLimited("x"), None),
        (RuntimeError("x"), None),
    ],
)
def test_only_what_did_nothing_and_has_a_known_end_is_waited_for(error, wakes):
    assert wake_time(describe(error, NoMasker()), None, now=NINE) == wakes


def test_of_branches_side_by_side_only_the_refused_one_runs_again(office):
    text = """
    name: Both
    steps:
      - id: both
        type: parallel
        branches:
          - {id: x, steps: [{id: x1, type: tool, action: invite, with: {count: 60}}]}
          - {id: y, steps: [{id: y1, type: tool, action: invite, with: {count: 70}}]}
    """
    run = office.start_text(text)
    assert run.status is ExecutionStatus.PAUSED
    (first,) = office.invite.sent
    office.tick(MIDNIGHT)
    assert office.get(run.id).status is ExecutionStatus.SUCCEEDED
    assert sorted(office.invite.sent) == [60, 70]
    assert office.invite.sent[0] == first


def test_a_loop_goes_on_with_the_iteration_that_was_refused(office):
    text = """
    name: All
    steps:
      - id: all
        type: loop
        for_each: [40, 50, 30, 20]
        max_iterations: 10
        steps: [{id: one, type: tool, action: invite, with: {count: "{{ loop.item }}"}}]
    """
    run = office.start_text(text)
    assert run.status is ExecutionStatus.PAUSED
    assert office.invite.sent == [40, 50]
    office.tick(MIDNIGHT)
    assert office.get(run.id).status is ExecutionStatus.SUCCEEDED
    assert office.invite.sent == [40, 50, 30, 20]


def test_a_run_with_another_effect_in_doubt_fails_and_waits_for_a_person(office):
    text = """
    name: Both
    steps:
      - id: both
        type: parallel
        on_failure: cancel
        branches:
          - id: x
            steps:
              - {id: x1, type: tool, action: invite, with: {count: 100}}
              - {id: x2, type: tool, action: invite, with: {count: 1}}
          - {id: y, steps: [{id: y1, type: tool, action: post}]}
    """
    run = office.start_text(text)
    assert (run.status, run.error.code) == (ExecutionStatus.FAILED, "quota_exhausted")
    stopped = [step for step in office.engine.steps(WORKSPACE, run.id) if step.path.endswith("y1")]
    assert [step.error.code for step in stopped] == ["step_stopped"]


def test_a_run_that_is_parked_for_ever_fails_at_last(make_office, monkeypatch):
    most = 5
    monkeypatch.setattr(parked, "MOST_TIMES", most)
    told = [QuotaExhausted("plan used up", retry_after=60) for _ in range(most + 1)]
    office = make_office(invite=Invite(*told))
    run = office.start(1)
    for _ in range(most):
        assert office.get(run.id).status is ExecutionStatus.PAUSED
        office.tick(office.clock.now() + timedelta(minutes=1))
    ended = office.get(run.id)
    assert (ended.status, ended.error.code) == (ExecutionStatus.FAILED, "quota_exhausted")
    assert ended.round == most + 1


def test_it_is_a_job_of_the_dispatcher(office):
    run = office.start(100, 30)
    office.clock.advance(15 * 3600)
    assert JOB in office.queue.tick(MIDNIGHT)
    assert office.get(run.id).status is ExecutionStatus.SUCCEEDED
