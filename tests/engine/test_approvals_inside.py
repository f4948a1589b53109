"""Approvals inside other steps, and inside what follows a rejection: who is asked, until when."""

from datetime import timedelta

import pytest

from engine.dispatch.inline import InlineDispatcher
from engine.storage import pauses
from engine.storage.approvals import Verdict
from engine.testing import FrozenClock, actions, inline_engine
from tests.engine.nested import (
    FAILED,
    PAUSED,
    SUCCEEDED,
    approval,
    branch,
    echo,
    loop,
    parallel,
    start,
)


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture
def engine(tmp_path, clock):
    with inline_engine(tmp_path, actions=actions(), clock=clock) as engine:
        yield engine


@pytest.fixture
def pauses_made(monkeypatch):
    """How often an interpreter has asked whether its run may pause."""
    made, real = [], pauses.pause

    def pause(*given, **facts):
        made.append(given)
        assert len(made) < 50, "it asks again and again"
        return real(*given, **facts)

    monkeypatch.setattr(pauses, "pause", pause)
    return made


def decide(engine, run, path, decision="approved"):
    return engine.runs.decide("acme", run.id, path, Verdict(decision=decision, by="ann"))


def now(engine, run):
    return engine.execution("acme", run.id)


def waiting(engine):
    return [one.path for one in engine.runs.waiting("acme")]


SURE = approval("ok", on_reject=[approval("sure", on_reject=[approval("really")])])


@pytest.mark.parametrize(
    ("step", "outer"),
    [
        (SURE, "/ok"),
        (parallel("fan", a=[SURE], b=[echo("x")]), "/fan/a/ok"),
        (loop("each", SURE, for_each=[1]), "/each/1/ok"),
        (branch("way", ("a", None, [SURE]), default="a"), "/way/a/ok"),
    ],
)
def test_what_follows_a_rejection_may_ask_too(engine, pauses_made, step, outer):
    run = start(engine, step, echo("last", 1))
    decide(engine, run, outer, "rejected")
    assert now(engine, run).status is PAUSED
    assert waiting(engine) == [f"{outer}/reject/sure"]
    decide(engine, run, f"{outer}/reject/sure", "rejected")
    assert waiting(engine) == [f"{outer}/reject/sure/reject/really"]
    assert len(pauses_made) < 10
    decide(engine, run, f"{outer}/reject/sure/reject/really")
    ended = now(engine, run)
    assert (ended.status, ended.output) == (SUCCEEDED, 1)


def test_only_an_open_question_says_when_a_run_goes_on(engine, clock, pauses_made):
    """The time of one that is decided has run out meanwhile, which is no matter."""
    inner = approval("sure", expires_after="3h")
    run = start(engine, approval("ok", expires_after="1h", on_reject=[inner]), echo("last"))
    clock.advance(600)
    decide(engine, run, "/ok", "rejected")
    assert now(engine, run).wake_at == clock.now() + timedelta(hours=3)
    clock.advance(2 * 3600)
    engine._reconciler.run_once()
    assert now(engine, run).status is PAUSED
    assert len(pauses_made) < 10
    clock.advance(3600)
    engine._reconciler.run_once()
    ended = now(engine, run)
    assert (ended.status, ended.error.code) == (FAILED, "approval_expired")
    assert ended.error.details["failed_path"] == "/ok/reject/sure"


def test_a_rejection_in_one_branch_does_not_hurry_the_question_in_another(
    engine, clock, pauses_made
):
    run = start(
        engine,
        parallel(
            "fan",
            a=[approval("ok", expires_after="1h", on_reject=[approval("sure")])],
            b=[approval("too", expires_after="2h")],
        ),
    )
    decide(engine, run, "/fan/a/ok", "rejected")
    assert now(engine, run).wake_at == clock.now() + timedelta(hours=2)
    assert sorted(waiting(engine)) == ["/fan/a/ok/reject/sure", "/fan/b/too"]
    decide(engine, run, "/fan/b/too")
    assert now(engine, run).wake_at is None
    decide(engine, run, "/fan/a/ok/reject/sure")
    assert now(engine, run).status is SUCCEEDED
    assert len(pauses_made) < 10


def test_who_decides_at_the_last_moment_is_heard(tmp_path, clock):
    """The interpreter has seen the time run out when the decision of another process arrives."""
    queue = InlineDispatcher(hold=True)

    class Late:
        """A person whose clock is behind, and who decides when the question is about to expire."""

        def note(self, kind, path, **facts):
            if kind == "step_failed":
                clock.advance(-5)
                decide(engine, run, path)
                clock.advance(5)

    with inline_engine(
        tmp_path, actions=actions(), clock=clock, dispatcher=queue, listening=lambda _begun: Late()
    ) as engine:
        run = start(engine, approval("ok", expires_after="1h"), echo("last", 1))
        queue.run()
        clock.advance(3602)
        engine._reconciler.run_once()
        queue.run()
        ended = now(engine, run)
        (asked,) = engine.runs.questions.of_execution("acme", run.id)
    assert (ended.status, ended.output) == (SUCCEEDED, 1)
    assert (asked.status, asked.decided_by) == ("approved", "ann")
