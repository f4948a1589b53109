"""Decisions that a run did not come to, as another branch failed or a quota stopped it: kept."""

from datetime import UTC, datetime, timedelta

import pytest

from engine.dispatch.inline import InlineDispatcher
from engine.errors import ApprovalClosed, QuotaExhausted
from engine.storage.approvals import Verdict
from engine.testing import FrozenClock, FunctionAction, actions, inline_engine
from tests.engine.nested import (
    FAILED,
    PAUSED,
    SUCCEEDED,
    approval,
    call,
    definition,
    echo,
    loop,
    parallel,
)

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Desk:
    """An engine at nine o'clock, whose quota is used up until noon, and people who are quick.

    What is in `decisions` is decided while the actions `busy` and `quota` run.
    """

    def __init__(self):
        self.clock = FrozenClock()
        self.queue = InlineDispatcher(hold=True)
        self.decisions = {}
        self.broken = True
        self.sent = []

    def busy(self):
        self._be_quick()
        if self.broken:
            raise ValueError("broken")
        return "done"

    def quota(self):
        self._be_quick()
        if self.clock.now() < NOON:
            raise QuotaExhausted("used up", resets_at=NOON.isoformat(), name="X")
        self.sent.append("x")
        return "sent"

    def _be_quick(self):
        while self.decisions:
            self._decide(*self.decisions.popitem())

    def actions(self):
        return actions(busy=self.busy, quota=FunctionAction(self.quota, repeatable=False))

    def start(self, *steps, **decisions):
        """*decisions* by lane of `fan`."""
        self.decisions |= {f"/fan/{lane}/ok": decision for lane, decision in decisions.items()}
        self.engine.put_workflow("acme", definition(*steps), workflow_id="w")
        self.run = self.engine.submit("acme", "w")
        return self.work()

    def work(self):
        self.queue.run()
        return self.now

    @property
    def now(self):
        return self.engine.execution("acme", self.run.id)

    @property
    def steps(self):
        return {step.path: step for step in self.engine.steps("acme", self.run.id)}

    @property
    def asked(self):
        return self.engine.runs.questions.of_execution("acme", self.run.id)

    @property
    def waiting(self):
        return [one.path for one in self.engine.runs.waiting("acme")]

    @property
    def log(self):
        page = self.engine.streams.page("acme", self.run.id)
        return [(one.kind, one.path) for one in page.events]

    def decide(self, path, decision="approved"):
        self._decide(path, decision)
        return self.work()

    def _decide(self, path, decision):
        verdict = Verdict(decision=decision, by="ann")
        self.engine.runs.decide("acme", self.run.id, path, verdict)

    def resume(self, mode="partial"):
        self.engine.resume("acme", self.run.id, mode=mode)
        return self.work()

    def wake(self, at=NOON):
        self.clock.advance((at - self.clock.now()).total_seconds())
        self.engine.parked.tick(self.clock.now())
        return self.work()


@pytest.fixture
def desk(tmp_path):
    desk = Desk()
    with inline_engine(
        tmp_path, actions=desk.actions(), clock=desk.clock, dispatcher=desk.queue
    ) as desk.engine:
        yield desk


OK = approval("ok", "Send?", expires_after="5h")
BUSY = (echo("wait"), echo("wait2"), call("s", "busy"))
QUOTA = (echo("wait"), echo("wait2"), call("s", "quota"))


def test_what_was_approved_beside_a_failure_is_not_asked_again(desk):
    run = desk.start(parallel("fan", a=[OK, echo("x", "{{ ok.by }}")], b=[*BUSY]), a="approved")
    assert (run.status, run.error.code) == (FAILED, "action_failed")
    step = desk.steps["/fan/a/ok"]
    assert (step.status.value, step.output["decision"], step.output["by"]) == (
        "succeeded",
        "approved",
        "ann",
    )
    assert desk.log[-3:] == [
        ("step_failed", "/fan"),
        ("step_completed", "/fan/a/ok"),
        ("execution_failed", None),
    ]
    desk.broken = False
    ended = desk.resume()
    assert (ended.status, ended.output) == (SUCCEEDED, {"a": "ann", "b": "done"})
    assert desk.steps["/fan/a/ok"].restored
    assert len(desk.asked) == 1


def test_in_an_iteration_it_is_kept_too(desk):
    desk.decisions = {"/each/1/fan/a/ok": "approved"}
    desk.start(
        loop("each", parallel("fan", a=[OK], b=[*BUSY]), for_each=[1, 2]),
        echo("last", "{{ each }}"),
    )
    assert (desk.now.status, desk.waiting) == (FAILED, [])
    desk.broken = False
    assert desk.resume().status is PAUSED
    assert desk.waiting == ["/each/2/fan/a/ok"]
    ended = desk.decide("/each/2/fan/a/ok")
    assert ended.status is SUCCEEDED
    assert [one["a"]["by"] for one in ended.output] == ["ann", "ann"]


def test_what_was_asked_beside_a_failure_is_closed_and_asked_anew(desk):
    run = desk.start(parallel("fan", a=[OK], b=[*BUSY]))
    assert run.status is FAILED
    assert (desk.waiting, [one.status for one in desk.asked]) == ([], ["closed"])
    with pytest.raises(ApprovalClosed, match="its run is failed"):
        desk.decide("/fan/a/ok")
    desk.broken = False
    assert desk.resume().status is PAUSED
    assert desk.waiting == ["/fan/a/ok"]
    assert [one.status for one in desk.asked] == ["closed", "waiting"]


def test_a_rejection_beside_a_failure_holds_in_the_next_round(desk):
    desk.start(parallel("fan", a=[OK], b=[*BUSY]), a="rejected")
    assert desk.now.error.code == "action_failed"
    assert desk.steps["/fan/a/ok"].status.value == "skipped"
    desk.broken = False
    ended = desk.resume()
    assert (ended.status, ended.error.code) == (FAILED, "approval_rejected")
    assert len(desk.asked) == 1
    assert desk.resume().status is PAUSED  # it has had its effect: now it is asked again
    assert len(desk.asked) == 2


def test_what_follows_a_rejection_goes_on_where_it_broke(desk):
    told = approval("ok", "Send?", on_reject=[echo("one", 1), call("two", "busy")])
    desk.start(told, echo("last", "{{ ok.output }} {{ ok.by }}"))
    desk.decide("/ok", "rejected")
    assert (desk.now.status, desk.now.error.code) == (FAILED, "action_failed")
    desk.broken = False
    ended = desk.resume()
    assert (ended.status, ended.output) == (SUCCEEDED, "done ann")
    assert desk.steps["/ok/reject/one"].restored
    assert len(desk.asked) == 1


@pytest.mark.parametrize("mode", ["full", "changed"])
def test_a_rejection_is_asked_again_where_it_may_mean_something_else(desk, mode):
    steps = (approval("ok", "Send?", on_reject=[call("two", "busy")]), echo("last"))
    desk.start(*steps)
    desk.decide("/ok", "rejected")
    if mode == "changed":
        desk.engine.put_workflow("acme", definition(*steps, echo("more")), workflow_id="w")
    assert desk.resume("full" if mode == "full" else "partial").status is PAUSED
    assert [one.status for one in desk.asked] == ["rejected", "waiting"]


def test_an_open_question_waits_on_while_a_quota_stops_the_run(desk):
    run = desk.start(parallel("fan", a=[OK], b=[*QUOTA]))
    assert (run.status, run.error.code, desk.waiting) == (PAUSED, "quota_exhausted", ["/fan/a/ok"])
    (before,) = desk.asked
    awake = desk.wake()
    assert (awake.status, awake.round, awake.error) == (PAUSED, 2, None)
    assert (desk.asked, desk.waiting) == ((before,), ["/fan/a/ok"])
    assert awake.wake_at == before.expires_at == before.asked_at + timedelta(hours=5)
    assert desk.steps["/fan/a/ok"].started_at == before.asked_at
    rows = [one for one in desk.engine.history("acme", run.id) if one.kind == "approval"]
    assert [(one.round, one.status.value) for one in rows] == [(1, "skipped"), (2, "paused")]
    desk.decide("/fan/a/ok")
    assert (desk.now.status, desk.sent) == (SUCCEEDED, ["x"])


def test_it_expires_when_it_would_have(desk):
    early = approval("ok", "Send?", expires_after="2h")
    desk.start(parallel("fan", a=[early], b=[*QUOTA]))
    ended = desk.wake()
    assert (ended.status, ended.error.code) == (FAILED, "approval_expired")
    assert ended.error.details["expired_at"] == "2026-01-05T11:00:00+00:00"
    assert [one.status for one in desk.asked] == ["expired"]


@pytest.mark.parametrize("when", ["before", "while it waits"])
def test_an_approval_does_not_wake_a_run_before_its_quota_resets(desk, when):
    early = {"a": "approved"} if when == "before" else {}
    run = desk.start(parallel("fan", a=[OK], b=[*QUOTA]), **early)
    if when != "before":
        desk.decide("/fan/a/ok")
    assert (desk.now.status, desk.now.round) == (PAUSED, 1)
    assert desk.engine.parked.store.parked("acme", run.id).times == 1
    assert (desk.steps["/fan/a/ok"].status.value, desk.waiting) == ("succeeded", [])
    assert desk.log.count(("execution_paused", None)) == 1
    done = desk.wake()
    assert (done.status, done.round, desk.sent) == (SUCCEEDED, 2, ["x"])
    assert [one.status for one in desk.asked] == ["approved"]


@pytest.mark.parametrize("when", ["before", "while it waits"])
def test_nor_does_a_rejection_which_is_heard_afterwards(desk, when):
    early = {"a": "rejected"} if when == "before" else {}
    told = approval("ok", "Send?", on_reject=[echo("told", "{{ ok.by }}")])
    desk.start(parallel("fan", a=[told], b=[*QUOTA]), **early)
    if when != "before":
        desk.decide("/fan/a/ok", "rejected")
    assert (desk.now.status, desk.now.round, desk.waiting) == (PAUSED, 1, [])
    done = desk.wake()
    assert (done.status, done.output["a"]["output"], desk.sent) == (SUCCEEDED, "ann", ["x"])
    assert [one.status for one in desk.asked] == ["rejected"]


def test_what_follows_a_rejection_may_meet_a_quota(desk):
    told = approval("ok", "Send?", on_reject=[echo("one"), call("two", "quota")])
    desk.start(told, echo("last", "{{ ok.output }}"))
    desk.decide("/ok", "rejected")
    assert (desk.now.status, desk.now.error.code) == (PAUSED, "quota_exhausted")
    done = desk.wake()
    assert (done.status, done.output, len(desk.asked)) == (SUCCEEDED, "sent", 1)


def test_a_question_waits_through_several_quotas(desk):
    run = desk.start(parallel("fan", a=[OK], b=[*QUOTA]))
    again = NOON - timedelta(hours=1)
    parked = desk.engine.parked.store.parked("acme", run.id)
    desk.clock.advance((again - desk.clock.now()).total_seconds())
    desk.engine.parked._wake(parked)  # as by a clock that is ahead
    desk.work()
    assert (desk.now.status, desk.now.round, desk.waiting) == (PAUSED, 2, ["/fan/a/ok"])
    assert desk.now.error.code == "quota_exhausted"
    assert desk.wake().round == 3
    desk.decide("/fan/a/ok")
    assert desk.now.status is SUCCEEDED
    assert [one.status for one in desk.asked] == ["approved"]


def test_a_person_who_resumes_it_is_not_asked_again_either(desk):
    desk.start(parallel("fan", a=[OK], b=[*QUOTA]))
    desk.clock.advance(4 * 3600)
    assert (desk.resume().status, desk.waiting) == (PAUSED, ["/fan/a/ok"])
    assert [one.status for one in desk.asked] == ["waiting"]


def test_from_the_beginning_everything_is_asked_anew(desk):
    desk.start(parallel("fan", a=[OK], b=[*QUOTA]))
    desk.clock.advance(4 * 3600)
    desk.resume("full")
    assert [one.status for one in desk.asked] == ["closed", "waiting"]
    assert desk.waiting == ["/fan/a/ok"]


@pytest.mark.parametrize("decision", ["approved", "rejected", None])
def test_a_parked_run_that_is_cancelled_waits_for_nobody(desk, decision):
    run = desk.start(parallel("fan", a=[OK], b=[*QUOTA]))
    if decision:
        desk.decide("/fan/a/ok", decision)
    desk.engine.cancel("acme", run.id)
    kept = "succeeded" if decision == "approved" else "skipped"
    assert desk.steps["/fan/a/ok"].status.value == kept
    assert [one.status for one in desk.asked] == [decision or "closed"]
    desk.wake()
    assert desk.now.status.value == "cancelled"
