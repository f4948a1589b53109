"""Runs parked on an account whose limit changes: they go on with the next tick if there is room."""

from contextlib import ExitStack
from datetime import timedelta

import pytest

from engine.errors import NotFound, QuotaExhausted
from engine.execution import ExecutionStatus
from engine.quota import Override
from engine.testing import WORKSPACE

from .quota_office import MIDNIGHT, open_office
from .quotas import NINE, Invite

DAILY = "invitations/day"


@pytest.fixture
def make_office(tmp_path):
    with ExitStack() as opened:
        yield lambda *quotas, **given: opened.enter_context(open_office(tmp_path, *quotas, **given))


@pytest.fixture
def office(make_office):
    return make_office()


def override(office, limit, *, account="LinkedIn", workspace=WORKSPACE):
    bound = office.engine.allowances.workspace(workspace, actor="ada")
    return bound.override(account, DAILY, Override(limit=limit))


def wake_time(office, run):
    return office.engine.allowances.auto_resume_at(WORKSPACE, run.id)


@pytest.mark.parametrize("limit", [200, None])
def test_a_limit_that_is_raised_or_lifted_has_parked_runs_go_on_with_the_next_tick(office, limit):
    run = office.start(100, 30)
    assert wake_time(office, run) == MIDNIGHT
    office.clock.advance(600)
    override(office, limit, account="linkedin")
    assert wake_time(office, run) == NINE + timedelta(minutes=10)
    office.tick(NINE + timedelta(minutes=11))
    assert office.get(run.id).status is ExecutionStatus.SUCCEEDED
    assert office.invite.sent == [100, 30]


def test_a_limit_that_is_restored_to_a_higher_one_does_too(office):
    override(office, 50)
    run = office.start(50, 30)
    assert run.status is ExecutionStatus.PAUSED
    office.engine.allowances.workspace(WORKSPACE).restore("LinkedIn", DAILY)
    office.tick()
    assert office.get(run.id).status is ExecutionStatus.SUCCEEDED


def test_without_enough_room_it_is_parked_again_until_the_quota_resets(office):
    run = office.start(100, 30)
    override(office, 110)
    office.tick()
    parked = office.get(run.id)
    assert (parked.status, parked.round) == (ExecutionStatus.PAUSED, 2)
    assert wake_time(office, run) == MIDNIGHT
    office.tick(MIDNIGHT)
    assert office.get(run.id).status is ExecutionStatus.SUCCEEDED
    assert office.invite.sent == [100, 30]


@pytest.mark.parametrize(
    "given", [{"limit": 40}, {"limit": 999, "account": "Gmail"}, {"limit": 999, "workspace": "b"}]
)
def test_a_lower_limit_and_those_of_others_wake_nobody(office, given):
    run = office.start(100, 30)
    override(office, **given)
    assert wake_time(office, run) == MIDNIGHT
    with pytest.raises(NotFound):
        office.engine.allowances.workspace(WORKSPACE).restore("LinkedIn", "invitations/week")
    assert wake_time(office, run) == MIDNIGHT


def test_while_the_other_side_wants_nothing_a_higher_limit_wakes_nobody(make_office):
    refused = QuotaExhausted("No more.", name="LinkedIn", status=429, retry_after=3600)
    office = make_office(invite=Invite(refused))
    run = office.start(1)
    assert run.status is ExecutionStatus.PAUSED
    override(office, None)
    assert wake_time(office, run) == NINE + timedelta(hours=1)
