"""Runs that a quota stops: parked without a worker, and going on by themselves when it resets."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import pytest

from engine.errors import NotFound, NotResumable
from engine.execution import ExecutionStatus, StepStatus
from engine.quota import Override
from engine.run.parking import ParkedRuns
from engine.testing import WORKSPACE, tool, workflow

from .quota_office import MIDNIGHT, open_office
from .quotas import NINE, Invite


@pytest.fixture
def make_office(tmp_path):
    with ExitStack() as opened:
        yield lambda *quotas, **given: opened.enter_context(open_office(tmp_path, *quotas, **given))


@pytest.fixture
def office(make_office):
    return make_office()


def test_a_run_is_parked_and_goes_on_by_itself_when_the_quota_resets(office):
    run = office.start(100, 30)
    assert run.status is ExecutionStatus.PAUSED
    assert run.paused_at == NINE
    assert run.current_step == "i2"
    assert "used up; it resets at 00:00 UTC" in run.error.message
    (waiting,) = office.waiting()
    assert (waiting.execution_id, waiting.reason) == (run.id, "quota")
    assert waiting.auto_resume_at == MIDNIGHT
    assert office.engine.allowances.auto_resume_at(WORKSPACE, run.id) == MIDNIGHT

    office.tick(MIDNIGHT - timedelta(minutes=1))
    assert office.get(run.id).status is ExecutionStatus.PAUSED
    office.tick(MIDNIGHT)
    done = office.get(run.id)
    assert (done.status, done.round, done.resume_mode) == (ExecutionStatus.SUCCEEDED, 2, "partial")
    assert (done.paused_at, done.error) == (None, None)
    assert office.invite.sent == [100, 30]
    assert office.waiting() == ()
    assert office.engine.allowances.auto_resume_at(WORKSPACE, run.id) is None


def test_what_succeeded_is_kept_and_the_refused_step_stays_in_the_history(office):
    run = office.start(100, 30)
    office.tick(MIDNIGHT)
    steps = {step.path: step for step in office.engine.steps(WORKSPACE, run.id)}
    assert steps["/a"].restored
    assert steps["/i1"].restored
    assert not steps["/i2"].restored
    history = office.engine.history(WORKSPACE, run.id)
    refused = [step for step in history if step.path == "/i2" and step.round == 1]
    assert [step.status for step in refused] == [StepStatus.FAILED]
    assert refused[0].error.code == "quota_exhausted"


def test_it_holds_no_worker_and_is_not_taken_for_lost(office):
    run = office.start(100, 1)
    office.clock.advance(5 * 3600)
    office.engine._reconciler.run_once()
    assert office.get(run.id).status is ExecutionStatus.PAUSED
    assert office.engine.ended_runs(WORKSPACE) == ()


def test_that_it_waits_and_until_when_is_told_to_who_listens(office):
    office.start(100, 1)
    (facts,) = [facts for kind, _, facts in office.heard.notes if kind == "execution_paused"]
    assert facts["reason"] == "quota"
    assert facts["auto_resume_at"] == MIDNIGHT.isoformat()


def test_it_is_parked_again_while_others_use_the_quota_up(office):
    run = office.start(100, 30)
    office.clock.advance(15 * 3600)
    other = office.start(80, name="other")
    assert other.status is ExecutionStatus.SUCCEEDED
    office.tick(MIDNIGHT)
    assert office.get(run.id).status is ExecutionStatus.PAUSED
    (waiting,) = office.waiting()
    assert waiting.auto_resume_at == MIDNIGHT + timedelta(days=1)
    office.tick(MIDNIGHT + timedelta(days=1))
    assert office.get(run.id).status is ExecutionStatus.SUCCEEDED
    assert office.get(run.id).round == 3


def test_it_goes_on_once_however_many_workers_and_ticks_there_are(make_office):
    office = make_office(hold=True)
    run = office.start(100, 30)
    office.queue.run()
    office.clock.advance(15 * 3600)
    workers = [office.engine.parked, *(_another(office.engine.parked) for _ in range(3))]
    due = workers[0].store.due(MIDNIGHT)
    with ThreadPoolExecutor(4) as pool:  # each has found it due before the others had it go on
        list(pool.map(lambda worker: worker._wake(due[0]), workers))
    for worker in workers:
        worker.tick(MIDNIGHT)
    assert office.get(run.id).round == 2
    office.queue.run()
    assert office.get(run.id).status is ExecutionStatus.SUCCEEDED
    assert office.invite.sent == [100, 30]


def _another(parked):
    return ParkedRuns(
        parked.store, parked.quotas, parked.rounds, parked.definitions, parked.queue, parked.clock
    )


def test_a_person_cancels_it(office):
    run = office.start(100, 30)
    assert office.engine.cancel(WORKSPACE, run.id).status is ExecutionStatus.CANCELLED
    assert office.waiting() == ()
    office.tick(MIDNIGHT)
    assert office.get(run.id).status is ExecutionStatus.CANCELLED
    assert office.get(run.id).round == 1


def test_a_person_resumes_it_at_once_and_its_timer_does_nothing_more(make_office):
    office = make_office(invite=Invite(None, None, RuntimeError("broken")))
    run = office.start(60, 60)
    assert run.status is ExecutionStatus.PAUSED
    office.engine.allowances.workspace(WORKSPACE, actor="ada").override(
        "LinkedIn", "invitations/day", Override(limit=None)
    )
    resumed = office.engine.resume(WORKSPACE, run.id, mode="partial")
    assert resumed.paused_at is None
    assert office.get(run.id).status is ExecutionStatus.SUCCEEDED
    office.tick(MIDNIGHT)
    assert office.get(run.id).round == 2


def test_a_timer_never_resumes_a_run_that_has_failed_of_something_else_meanwhile(make_office):
    office = make_office(invite=Invite(None, RuntimeError("broken")))
    run = office.start(60, 60)
    office.engine.allowances.workspace(WORKSPACE).override(
        "LinkedIn", "invitations/day", Override(limit=None)
    )
    office.engine.resume(WORKSPACE, run.id, mode="partial")
    assert office.get(run.id).status is ExecutionStatus.FAILED
    office.tick(MIDNIGHT)
    assert (office.get(run.id).status, office.get(run.id).round) == (ExecutionStatus.FAILED, 2)


def test_an_approval_that_waits_still_cannot_be_resumed_over(office):
    run = office.start_text("name: w\nsteps:\n  - {id: ok, type: approval, message: Send?}\n")
    assert run.status is ExecutionStatus.PAUSED
    with pytest.raises(NotResumable):
        office.engine.resume(WORKSPACE, run.id)


def test_it_waits_on_while_its_workflow_is_paused(office):
    run = office.start(100, 30)
    office.engine.workspace(WORKSPACE, actor="ada").workflows.pause("w", reason="holidays")
    office.tick(MIDNIGHT)
    assert office.get(run.id).status is ExecutionStatus.PAUSED
    office.engine.workspace(WORKSPACE).workflows.unpause("w")
    office.tick(MIDNIGHT + timedelta(hours=1))
    assert office.get(run.id).status is ExecutionStatus.SUCCEEDED


def test_it_goes_on_with_the_version_it_was_started_with(office):
    run = office.start(100, 30)
    office.engine.put_workflow(
        WORKSPACE, workflow(tool("a", value="first"), tool("b")), workflow_id="w"
    )
    office.tick(MIDNIGHT)
    done = office.get(run.id)
    assert (done.workflow_version, done.status) == (1, ExecutionStatus.SUCCEEDED)
    assert office.invite.sent == [100, 30]


def test_another_workspaces_parked_run_is_like_a_missing_one(office):
    run = office.start(100, 30)
    assert office.engine.allowances.waiting("other") == ()
    with pytest.raises(NotFound):
        office.engine.allowances.auto_resume_at("other", run.id)
