"""Approval steps: asking, waiting without anybody working, deciding, expiring."""

from datetime import timedelta

import pytest

from engine.dispatch.inline import InlineDispatcher
from engine.errors import (
    ApprovalClosed,
    ApprovalNotAllowed,
    NotFound,
    NotResumable,
    RequestKeyReused,
)
from engine.execution import ExecutionStatus
from engine.storage.approvals import Verdict
from engine.testing import FrozenClock, actions, inline_engine
from tests.engine.nested import (
    FAILED,
    PAUSED,
    SUCCEEDED,
    approval,
    branch,
    call,
    echo,
    loop,
    parallel,
    paths,
    start,
)


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture
def engine(tmp_path, clock):
    def fail():
        raise ValueError("no")

    with inline_engine(tmp_path, actions=actions(fail=fail), clock=clock) as engine:
        yield engine


def person(engine, *roles, **more):
    kind = more.pop("actor_kind", "person")
    return engine.workspace(
        "acme", actor="ada", actor_kind=kind, roles=frozenset(roles), **more
    ).executions


def decide(engine, run, path="/ok", decision="approved", *, roles=(), **more):
    person(engine, *roles).decide(run.id, path, decision=decision, **more)
    return engine.execution("acme", run.id)


STEPS = (
    echo("count", 3),
    approval("ok", "Send {{ count }} mails?", role="approver"),
    echo("done", "{{ ok.decision }} by {{ ok.by }}: {{ ok.comment }}"),
)


def test_a_run_waits_paused_and_goes_on_when_a_person_approves(engine, clock):
    run = start(engine, *STEPS)
    assert (run.status, run.current_step, run.error) == (PAUSED, "ok", None)
    assert run.completed_at is None
    count, ok, done = engine.steps("acme", run.id)
    assert [s.status.value for s in (count, ok, done)] == ["succeeded", "paused", "pending"]
    assert (ok.step_id, ok.feedback, ok.started_at) == ("ok", ("Send 3 mails?",), clock.now())
    (waiting,) = person(engine).waiting()
    assert (waiting.message, waiting.path, waiting.role) == ("Send 3 mails?", "/ok", "approver")
    clock.advance(60)
    ended = decide(engine, run, roles=("approver",), comment="fine")
    assert (ended.status, ended.output) == (SUCCEEDED, "approved by ada: fine")
    assert person(engine).waiting() == ()
    (decided,) = person(engine).approvals(run.id)
    assert (decided.status, decided.decided_by, decided.comment) == ("approved", "ada", "fine")
    assert decided.decided_at == clock.now()
    assert decided.asked_at == clock.now() - timedelta(seconds=60)


@pytest.mark.parametrize("text", ["a\0b", "\x1b[31m", "é\u2028", "'; DROP TABLE approval; --"])
def test_a_question_and_its_answer_may_hold_any_character(engine, text):
    run = start(engine, approval("ok", "{{ inputs.text }}?"), inputs={"text": text})
    assert run.status is PAUSED
    ended = decide(engine, run, comment=text)
    assert ended.status is SUCCEEDED
    (decided,) = person(engine).approvals(run.id)
    kept = text if engine.database.dialect.name == "sqlite" else text.replace("\0", "\ufffd")
    assert (decided.message, decided.comment) == (f"{kept}?", kept)


def test_nothing_works_on_a_paused_run_and_it_survives_a_restart(tmp_path, clock):
    queue = InlineDispatcher()
    with inline_engine(tmp_path, actions=actions(), clock=clock, dispatcher=queue) as engine:
        run = start(engine, *STEPS)
        assert engine.runs.rounds.dispatched() == ()
        assert not engine._interpreter._live
    with inline_engine(tmp_path, actions=actions(), clock=clock) as engine:
        assert engine.execution("acme", run.id).status is PAUSED
        assert decide(engine, run, roles=("approver",)).status is SUCCEEDED


def test_a_rejection_fails_the_step_by_name(engine):
    run = start(engine, *STEPS)
    ended = decide(engine, run, decision="rejected", roles=("approver",), comment="too many")
    assert (ended.status, ended.error.code) == (FAILED, "approval_rejected")
    assert ended.error.message == "'ok' was rejected by ada: too many"
    assert paths(engine, run, "skipped") == ["/done"]


def test_a_rejection_may_go_its_own_way(engine):
    instead = [echo("told", "because {{ ok.comment }}")]
    run = start(engine, approval("ok", on_reject=instead), echo("last", "{{ ok.output }}"))
    ended = decide(engine, run, decision="rejected", comment="no")
    assert (ended.status, ended.output) == (SUCCEEDED, "because no")
    assert paths(engine, run) == ["/ok", "/ok/reject/told", "/last"]


@pytest.mark.parametrize(
    ("kind", "roles"), [("machine", ("approver",)), ("person", ()), ("person", ("viewer",))]
)
def test_machines_and_people_without_the_role_may_not_decide(engine, kind, roles):
    run = start(engine, *STEPS)
    with pytest.raises(ApprovalNotAllowed, match="'approver'"):
        person(engine, *roles, actor_kind=kind).decide(run.id, "/ok", decision="approved")
    assert engine.execution("acme", run.id).status is PAUSED
    assert len(person(engine).waiting()) == 1


def test_who_does_not_say_what_they_are_is_a_machine(engine):
    run = start(engine, approval("ok"))
    with pytest.raises(ApprovalNotAllowed):
        engine.workspace("acme", actor="x").executions.decide(run.id, "/ok", decision="approved")


def test_somebody_elses_approval_is_a_missing_one(engine):
    run = start(engine, approval("ok"))
    other = engine.workspace("globex", actor="eve", actor_kind="person").executions
    assert other.waiting() == ()
    for execution_id, path in ((run.id, "/ok"), ("nope", "/ok")):
        with pytest.raises(NotFound, match="No such execution"):
            other.decide(execution_id, path, decision="approved")
    with pytest.raises(NotFound):
        other.approvals(run.id)
    with pytest.raises(NotFound, match="No such approval"):
        person(engine).decide(run.id, "/other", decision="approved")


def test_an_approval_is_decided_once(engine):
    run = start(engine, approval("ok"))
    decide(engine, run)
    with pytest.raises(ApprovalClosed, match="it was approved by ada already"):
        decide(engine, run, decision="rejected")
    assert engine.execution("acme", run.id).status is SUCCEEDED


def test_the_same_request_again_does_nothing(engine):
    run = start(engine, approval("ok"), approval("again"))
    first = person(engine, request_key="k1")
    first.decide(run.id, "/ok", decision="approved")
    first.decide(run.id, "/ok", decision="approved")
    assert engine.execution("acme", run.id).current_step == "again"
    with pytest.raises(RequestKeyReused):
        first.decide(run.id, "/again", decision="approved")


def test_an_approval_expires_by_the_clock(engine, clock):
    run = start(engine, approval("ok", expires_after="2h"))
    assert run.wake_at == clock.now() + timedelta(hours=2)
    clock.advance(2 * 3600 - 1)
    engine._reconciler.run_once()
    assert engine.execution("acme", run.id).status is PAUSED
    clock.advance(1)
    with pytest.raises(ApprovalClosed, match="it expired on 2026-01-05 at 11:00 UTC"):
        decide(engine, run)
    engine._reconciler.run_once()
    ended = engine.execution("acme", run.id)
    assert (ended.status, ended.error.code) == (FAILED, "approval_expired")
    assert person(engine).approvals(run.id)[0].status == "expired"
    assert ended.wake_at is None


def test_an_expiry_survives_a_restart(tmp_path, clock):
    with inline_engine(tmp_path, actions=actions(), clock=clock) as engine:
        run = start(engine, approval("ok", expires_after="5m"))
    clock.advance(600)
    with inline_engine(tmp_path, actions=actions(), clock=clock) as engine:
        assert engine.execution("acme", run.id).error.code == "approval_expired"


def test_waiting_for_people_does_not_count_as_the_runs_time(engine, clock):
    engine.put_workflow("acme", _timed(), workflow_id="t")
    run = engine.submit("acme", "t")
    clock.advance(10_000)
    assert decide(engine, run).status is SUCCEEDED


def _timed():
    from tests.engine.nested import definition

    return definition(approval("ok"), echo("x"), timeout_seconds=60)


def test_a_cancelled_run_waits_for_nobody(engine):
    run = start(engine, approval("ok", expires_after="5m"))
    assert engine.cancel("acme", run.id).status is ExecutionStatus.CANCELLED
    assert person(engine).waiting() == ()
    with pytest.raises(ApprovalClosed, match="its run is cancelled"):
        decide(engine, run)


def test_what_is_asked_from_a_moment_on_can_be_listed(engine, clock):
    start(engine, approval("ok"))
    clock.advance(60)
    later = start(engine, approval("ok"))
    found = engine.runs.questions.waiting("acme", since=clock.now())
    assert [one.execution_id for one in found] == [later.id]


def test_a_paused_run_is_not_resumed_but_decided(engine):
    run = start(engine, approval("ok"))
    with pytest.raises(NotResumable, match="Decide what it waits for"):
        engine.resume("acme", run.id)


def test_branches_ask_at_the_same_time_and_the_run_goes_on_after_the_last(engine):
    run = start(
        engine,
        parallel(
            "fan",
            a=[approval("ok", "A?"), echo("x", "{{ ok.decision }}")],
            b=[echo("y"), approval("ok", "B?")],
            c=[echo("z", 1)],
        ),
        echo("last", "{{ fan.a }}"),
    )
    assert run.status is PAUSED
    assert paths(engine, run) == ["/fan/b/y", "/fan/c/z"]
    assert {one.path for one in person(engine).waiting()} == {"/fan/a/ok", "/fan/b/ok"}
    assert decide(engine, run, "/fan/a/ok").status is PAUSED
    assert "/fan/a/x" in paths(engine, run)
    ended = decide(engine, run, "/fan/b/ok")
    assert (ended.status, ended.output) == (SUCCEEDED, "approved")


def test_a_failure_beside_an_open_question_ends_the_run(engine):
    run = start(engine, parallel("fan", a=[approval("ok")], b=[call("bad", "fail")]))
    assert run.status is FAILED
    assert person(engine).waiting() == ()
    assert paths(engine, run, "skipped") == ["/fan/a/ok"]


def test_a_loop_asks_in_every_iteration(engine):
    run = start(
        engine,
        loop(
            "each",
            approval("ok", "{{ loop.item }}?"),
            echo("x", "{{ ok.decision }}"),
            for_each=["a", "b"],
        ),
    )
    assert decide(engine, run, "/each/1/ok").status is PAUSED
    ended = decide(engine, run, "/each/2/ok", decision="approved")
    assert ended.output == ["approved", "approved"]
    assert [one.message for one in person(engine).approvals(run.id)] == ["a?", "b?"]


def test_many_approvals_are_no_crashes(engine):
    rounds = engine.settings.most_recoveries + 5
    run = start(engine, loop("l", approval("ok"), most=rounds, for_each=list(range(rounds))))
    for number in range(1, rounds + 1):
        decide(engine, run, f"/l/{number}/ok")
    ended = engine.execution("acme", run.id)
    assert ended.status is SUCCEEDED
    assert len(ended.output) == rounds


def test_a_decision_while_other_branches_still_run_is_not_lost(tmp_path, clock):
    """The person is quicker than the branch beside: the run must not stay paused."""
    holder = {}

    def quick_person():
        engine, run_id = holder["engine"], holder["run"]
        verdict = Verdict(decision="approved", by="ada")
        engine.runs.decide("acme", run_id, "/fan/a/ok", verdict)
        return "decided"

    queue = InlineDispatcher(hold=True)
    functions = actions(person=quick_person)
    with inline_engine(tmp_path, actions=functions, clock=clock, dispatcher=queue) as engine:
        holder["engine"] = engine
        run = start(
            engine,
            parallel(
                "fan", a=[approval("ok")], b=[echo("wait"), echo("wait2"), call("p", "person")]
            ),
        )
        holder["run"] = run.id
        queue.run()
        ended = engine.execution("acme", run.id)
        assert ended.status is SUCCEEDED
        assert ended.output["a"]["decision"] == "approved"


def test_a_branch_step_may_hold_the_question(engine):
    run = start(
        engine,
        echo("big", True),
        branch("check", ("ask", "big", [approval("ok")]), ("no", None, [echo("x")]), default="no"),
    )
    assert run.status is PAUSED
    assert decide(engine, run, "/check/ask/ok").output["decision"] == "approved"
