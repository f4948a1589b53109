"""The log of a run: what is written with what, in which order, and what stays out of it."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from engine.definition.steps import ApprovalStep, Lane, ParallelStep
from engine.errors import NotFound
from engine.execution import StepStatus
from engine.ports import Completion
from engine.storage import events, journal
from engine.storage.approvals import Verdict
from engine.storage.database import writing
from engine.storage.event_tables import EVENT
from engine.storage.journal import Fenced, Ticket
from engine.storage.records import StepRecord
from engine.storage.tables import EXECUTION
from engine.testing import (
    FrozenClock,
    FunctionAction,
    KnownSecrets,
    ScriptedModel,
    actions,
    agent,
    tool,
)

from .watching import watched_engine


def fail():
    raise ValueError("The sheet is gone.")


@pytest.fixture
def watched(tmp_path):
    with watched_engine(tmp_path, actions=actions(fail=fail)) as watched:
        yield watched


@pytest.fixture
def held(tmp_path):
    """Runs are carried out when the queue is told to."""
    clock = FrozenClock()
    chosen = actions(fail=fail, send=FunctionAction(lambda: 1, repeatable=False))
    with watched_engine(tmp_path, hold=True, clock=clock, actions=chosen) as watched:
        yield watched


def numbers(page):
    return [event.seq for event in page.events]


def assert_log_and_rows_agree(watched, run):
    """Each step that has ended has started once and ended once, with the same end; no gap."""
    page = watched.log.page("acme", run.id)
    assert numbers(page) == list(range(1, page.last_seq + 1))
    told = [(one.round, one.path, one.kind) for one in page.events if one.path]
    stored = []
    for step in watched.engine.history("acme", run.id):
        end = "step_completed" if step.status is StepStatus.SUCCEEDED else "step_failed"
        stored += [(step.round, step.path, "step_started"), (step.round, step.path, end)]
    assert sorted(told) == sorted(stored)


def test_a_run_from_its_start_to_its_end(watched):
    run = watched.start(tool("a", value=[1, 2]), tool("b"))
    page = watched.events.page(run.id)
    assert watched.told(run) == [
        ("execution_started", None),
        ("step_started", "/a"),
        ("step_completed", "/a"),
        ("step_started", "/b"),
        ("step_completed", "/b"),
        ("execution_completed", None),
    ]
    assert numbers(page) == [1, 2, 3, 4, 5, 6]
    assert page.is_last
    ended = page.events[2]
    assert ended.facts["item_count"] == 2
    assert (ended.facts["name"], ended.facts["action"], ended.facts["attempts"]) == ("a", "echo", 1)


def test_a_failure_is_told_with_its_code_and_words(watched):
    run = watched.start(tool("a"), tool("b", "fail"), tool("c"))
    *_, failed, ended = watched.events.page(run.id).events
    assert (failed.kind, failed.path) == ("step_failed", "/b")
    assert failed.facts["code"] == "action_failed"
    assert failed.facts["error"] == "The sheet is gone."
    assert (ended.kind, ended.facts["status"]) == ("execution_failed", "failed")
    assert ended.facts["error"] == "The sheet is gone."


def test_a_resume_is_in_the_log_when_it_has_been_answered(held):
    run = held.start(tool("a"), tool("b", "fail"))
    held.queue.run()
    before = held.events.page(run.id)
    held.engine.resume("acme", run.id, mode="partial")
    page = held.events.page(run.id, after=before.last_seq)
    assert [(one.seq, one.kind) for one in page.events] == [
        (before.last_seq + 1, "execution_resumed")
    ]
    assert page.events[0].facts == {"reason": "asked", "mode": "partial"}
    assert page.events[0].round == 2
    assert not page.is_last
    held.queue.run()
    after = held.events.page(run.id, after=page.last_seq)
    assert [one.kind for one in after.events] == [
        "execution_started",
        "step_started",
        "step_failed",
        "execution_failed",
    ]
    assert {one.round for one in after.events} == {2}
    assert_log_and_rows_agree(held, run)


def test_a_cancel_is_in_the_log_when_it_has_been_answered(held):
    run = held.start(tool("a"))
    held.engine.cancel("acme", run.id)
    held.engine.cancel("acme", run.id)
    page = held.events.page(run.id)
    assert [one.kind for one in page.events] == ["execution_cancelled"]
    assert page.is_last


def test_a_run_that_takes_too_long_says_so(tmp_path):
    async def sleep():
        await asyncio.sleep(30)

    with watched_engine(tmp_path, actions=actions(sleep=sleep)) as watched:
        run = watched.start(tool("a", "sleep"), timeout_seconds=0.05)
        told = watched.events.page(run.id).events
    assert [one.kind for one in told[1:]] == ["step_started", "step_failed", "execution_failed"]
    assert told[-1].facts["status"] == "timed_out"


def test_an_approval_is_asked_waited_for_and_decided(held):
    run = held.start(ApprovalStep(id="ask", message="Send it?", role="owner"), tool("b"))
    held.queue.run()
    assert held.told(run) == [
        ("execution_started", None),
        ("step_started", "/ask"),
        ("approval_requested", "/ask"),
        ("execution_paused", None),
    ]
    assert not held.events.page(run.id).is_last
    verdict = Verdict(decision="approved", by="ada", roles=frozenset({"owner"}), comment="fine")
    held.engine.runs.questions.decide("acme", run.id, "/ask", verdict, enqueue=held.queue.enqueue)
    decided, resumed = held.events.page(run.id, after=4).events
    assert (decided.kind, decided.path) == ("approval_decided", "/ask")
    assert decided.facts == {"decision": "approved", "by": "ada"}
    assert (resumed.kind, resumed.facts) == ("execution_resumed", {"reason": "pause_over"})
    held.queue.run()
    assert held.told(run)[6:] == [
        ("step_completed", "/ask"),
        ("step_started", "/b"),
        ("step_completed", "/b"),
        ("execution_completed", None),
    ]


def test_an_approval_nobody_decides_expires(held):
    run = held.start(ApprovalStep(id="ask", message="Send it?", expires_after="30m"))
    held.queue.run()
    paused = held.events.page(run.id).events[-1]
    asked_at = paused.at
    assert paused.facts["reason"] == "approval"
    assert paused.facts["wake_at"] == (asked_at + timedelta(minutes=30)).isoformat()
    held.clock.advance(31 * 60)
    held.engine._reconciler.run_once()
    held.queue.run()
    told = held.events.page(run.id, after=paused.seq).events
    assert [one.kind for one in told] == [
        "execution_resumed",
        "approval_decided",
        "step_failed",
        "execution_failed",
    ]
    assert told[1].facts == {"decision": "expired"}


def test_a_step_with_an_intent_has_started_when_the_intent_is_stored(held, monkeypatch):
    run = held.start(tool("a", "send"))
    seen = []
    settle = journal.settle_steps

    def look(connection, writes):
        seen.append(connection.scalars(sa.select(EVENT.c.kind).order_by(EVENT.c.seq)).all())
        settle(connection, writes)

    monkeypatch.setattr(journal, "settle_steps", look)
    held.queue.run()
    assert seen == [["execution_started", "step_started"]]
    assert [kind for kind, path in held.told(run) if path] == ["step_started", "step_completed"]


def test_a_run_taken_over_from_a_lost_process_says_so(held):
    run = held.start(tool("a"))
    now = held.clock.now()
    for token in ("first", "second"):
        with writing(held.engine.database) as connection:
            journal.begin(connection, run.id, dispatch=1, token=token, now=now)
    told = held.events.page(run.id).events
    assert [one.kind for one in told] == ["execution_started", "execution_resumed"]
    assert told[1].facts == {"reason": "recovered"}


def ended_step(path):
    now = datetime.now(UTC)
    return StepRecord(
        path=path,
        step_id=path[1:],
        number=1,
        name="A step",
        action="echo",
        status=StepStatus.SUCCEEDED,
        attempts=1,
        started_at=now,
        completed_at=now,
    )


def test_what_is_not_committed_is_not_told(held):
    run = held.start(tool("a"), tool("b"))
    now = held.clock.now()
    with writing(held.engine.database) as connection:
        begun = journal.begin(connection, run.id, dispatch=1, token="ours", now=now)
    zombie = Ticket(run.id, 1, 1, "lost")

    def write_both():
        with writing(held.engine.database) as connection:
            journal.record_steps(connection, [(begun.ticket, ended_step("/a"))])
            journal.record_steps(connection, [(zombie, ended_step("/b"))])

    with pytest.raises(Fenced):
        write_both()
    assert held.told(run) == [("execution_started", None)]
    with writing(held.engine.database) as connection:
        journal.record_steps(connection, [(begun.ticket, ended_step("/a"))])
    assert numbers(held.events.page(run.id)) == [1, 2, 3]


def test_parallel_branches_and_other_writers_leave_no_gap(held):
    lanes = tuple(
        Lane(id=f"l{n}", steps=tuple(tool(f"s{n}x{m}") for m in range(5))) for n in range(4)
    )
    run = held.start(ParallelStep(id="all", branches=lanes), tool("last", "fail"))
    done = threading.Event()

    def disturb():
        while not done.is_set():
            with writing(held.engine.database) as connection:
                connection.execute(
                    sa.select(EXECUTION.c.id).where(EXECUTION.c.id == run.id).with_for_update()
                ).one()
                events.append(connection, run.id, 1, "execution_resumed", at=held.clock.now())
            done.wait(0.002)

    thread = threading.Thread(target=disturb)
    thread.start()
    held.queue.run()
    done.set()
    thread.join()
    assert_log_and_rows_agree(held, run)
    told = held.told(run)
    for n in range(4):
        inside = [path for kind, path in told if kind == "step_completed" and f"/l{n}/" in path]
        assert inside == [f"/all/l{n}/s{n}x{m}" for m in range(5)]
    assert told.index(("step_completed", "/all")) > max(
        told.index(("step_completed", f"/all/l{n}/s{n}x4")) for n in range(4)
    )


def test_secrets_are_in_no_event(tmp_path):
    secrets = KnownSecrets({"KEY": "hunter2-hunter2"})

    def leak():
        raise ValueError("denied for hunter2-hunter2")

    model = ScriptedModel([Completion("my key is hunter2-hunter2", 1, 1)])
    with watched_engine(tmp_path, masker=secrets, actions=actions(leak=leak), model=model) as w:
        run = w.start(agent("say", "Say it"), tool("a", "leak"))
        with w.engine.database.connect() as connection:
            rows = connection.execute(sa.select(EVENT)).all()
        told = w.events.page(run.id).events
    assert "hunter2" not in str(rows)
    assert told[-1].facts["error"] == "denied for ***"


def test_pages_follow_each_other(watched):
    run = watched.start(*(tool(f"s{n}") for n in range(10)))
    whole = watched.events.page(run.id)
    assert whole.last_seq == 22
    found, after = [], 0
    while True:
        page = watched.events.page(run.id, after=after, limit=5)
        found += page.events
        after = page.events[-1].seq
        assert page.is_last == (after == 22)
        if page.is_last:
            break
    assert tuple(found) == whole.events
    assert watched.events.page(run.id, after=22).events == ()
    assert watched.events.page(run.id, after=22).is_last


def test_other_workspaces_runs_are_missing(watched):
    run = watched.start(tool("a"))
    for ask in (watched.at("other").page, watched.at("other").watch, watched.at("other").live):
        with pytest.raises(NotFound) as theirs:
            ask(run.id)
        with pytest.raises(NotFound) as missing:
            ask("nothing")
        assert str(theirs.value) == str(missing.value)
        assert run.id not in str(theirs.value)
