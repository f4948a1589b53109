"""One workspace's engine: what it gives, what it does once, and what it can't see."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from engine.definition import to_data
from engine.errors import (
    AlreadyExists,
    InvalidCursor,
    InvalidDefinition,
    InvalidParameters,
    NotFound,
    RequestKeyReused,
    StaleVersion,
    WorkflowPaused,
)
from engine.execution import ExecutionStatus
from engine.storage import cursors
from engine.storage.tables import EXECUTION, REQUEST
from engine.testing import FrozenClock, actions, inline_engine, tool, workflow
from engine.workspace import ResourceKind

TEXT = "name: Echo\nsteps:\n  - {id: a, type: tool, action: echo, with: {value: 1}}\n"


def rich():
    return {"at": datetime(2026, 1, 5, tzinfo=UTC), "price": Decimal("1.20"), "raw": b"x"}


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture
def engine(tmp_path, clock):
    def fail():
        raise ValueError

    known = actions(fail=fail, rich=rich)
    with inline_engine(tmp_path, actions=known, clock=clock) as engine:
        yield engine


def same_elsewhere(record):
    return type(record).model_validate_json(record.model_dump_json()) == record


def test_every_answer_is_the_same_after_a_trip_through_json(engine):
    ws = engine.workspace("acme", actor="ada")
    made = ws.workflows.create(to_data(workflow(tool("a", "rich"))), workflow_id="w")
    paused = ws.workflows.pause("w", reason="prices")
    ws.workflows.unpause("w")
    run = ws.executions.start("w", inputs={"when": "now"})
    resource = ws.resources.put(ResourceKind.TEMPLATE, "Hi", {"body": "Hello"})
    ended = ws.executions.get(run.id)
    assert ended.output["price"] == {"$type": "decimal", "value": "1.20"}
    assert ended.user_id == "ada"
    assert ended.trigger == "api"
    answers = [
        *(made, paused, run, resource, ended, ws.executions.progress(run.id)),
        *(ws.executions.list(), ws.executions.wait(run.id, 1), ws.executions.cancel(run.id)),
        *(*ws.executions.steps(run.id), *ws.executions.history(run.id)),
        *(*ws.workflows.list(), *ws.workflows.versions("w"), *ws.resources.list()),
    ]
    assert all(map(same_elsewhere, answers))
    assert made.workflow == workflow(tool("a", "rich"))


def test_workflows_are_made_replaced_and_listed_by_version(engine, clock):
    flows = engine.workspace("acme").workflows
    first = flows.create(TEXT, workflow_id="w")
    clock.advance(60)
    second = flows.replace("w", TEXT.replace("Echo", "Loud"), expected_version=1)
    assert (first.version, second.version, second.name) == (1, 2, "Loud")
    assert [(one.version, one.name) for one in flows.versions("w")] == [(2, "Loud"), (1, "Echo")]
    assert flows.get("w", 1) == first
    assert flows.list() == (second,)
    with pytest.raises(AlreadyExists):
        flows.create(TEXT, workflow_id="w")
    with pytest.raises(StaleVersion):
        flows.replace("w", TEXT, expected_version=1)
    with pytest.raises(NotFound):
        flows.replace("x", TEXT, expected_version=0)
    with pytest.raises(InvalidDefinition, match="eko"):
        flows.create(TEXT.replace("echo", "eko"))
    with pytest.raises(InvalidParameters):
        flows.create(TEXT, workflow_id="a\x00b")


def test_another_workspaces_things_are_missing(engine):
    mine, theirs = engine.workspace("acme"), engine.workspace("other")
    mine.workflows.create(TEXT, workflow_id="w")
    run = mine.executions.start("w")
    mine.resources.put(ResourceKind.TEMPLATE, "Hi", {"body": "Hello"})
    asks = [
        lambda: theirs.workflows.get("w"),
        lambda: theirs.workflows.versions("w"),
        lambda: theirs.workflows.pause("w"),
        lambda: theirs.workflows.unpause("w"),
        lambda: theirs.workflows.replace("w", TEXT, expected_version=1),
        lambda: theirs.executions.start("w"),
        lambda: theirs.executions.get(run.id),
        lambda: theirs.executions.steps(run.id),
        lambda: theirs.executions.history(run.id),
        lambda: theirs.executions.progress(run.id),
        lambda: theirs.executions.wait(run.id, 0),
        lambda: theirs.executions.cancel(run.id),
        lambda: theirs.executions.resume(run.id),
        lambda: theirs.resources.get(ResourceKind.TEMPLATE, "Hi"),
        lambda: theirs.resources.delete(ResourceKind.TEMPLATE, "Hi"),
    ]
    for ask in asks:
        with pytest.raises(NotFound):
            ask()
    assert theirs.executions.list().executions == ()
    assert theirs.workflows.list() == ()
    assert theirs.resources.list() == ()


def test_a_paused_workflow_starts_only_tests_and_resumes(engine, clock):
    ws = engine.workspace("acme", actor="ada")
    ws.workflows.create({"name": "F", "steps": [{"id": "a", "action": "fail"}]}, workflow_id="w")
    failed = ws.executions.start("w")
    first = ws.workflows.pause("w", reason="broken")
    clock.advance(60)
    again = engine.workspace("acme", actor="bob").workflows.pause("w", reason="later")
    assert again.paused == first.paused
    assert (first.paused.by, first.paused.reason) == ("ada", "broken")
    with pytest.raises(WorkflowPaused, match=r"by ada on 2026-01-05 at 09:00 UTC \(broken\)"):
        ws.executions.start("w")
    with pytest.raises(WorkflowPaused):
        engine.submit("acme", "w")
    assert ws.executions.start("w", test_mode=True).test_mode
    assert ws.executions.resume(failed.id).round == 2
    ws.workflows.replace("w", TEXT, expected_version=1)
    assert ws.workflows.get("w").paused == first.paused
    assert ws.workflows.unpause("w").paused is None
    assert ws.executions.start("w").workflow_version == 2


def test_a_request_key_does_everything_once(engine, clock):
    def keyed(key):
        return engine.workspace("acme", request_key=key)

    made = keyed("k1").workflows.create(TEXT)
    assert keyed("k1").workflows.create(TEXT) == made
    second = keyed("k2").workflows.replace(made.workflow_id, TEXT, expected_version=1)
    assert keyed("k2").workflows.replace(made.workflow_id, TEXT, expected_version=1) == second
    failing = {"name": "F", "steps": [{"id": "a", "action": "fail"}]}
    keyed("k3").workflows.create(failing, workflow_id="f")
    run = keyed("k4").executions.start("f")
    again = keyed("k4").executions.start("f")
    assert (again.id, again.status) == (run.id, ExecutionStatus.FAILED)
    assert keyed("k5").executions.resume(run.id).round == 2
    assert keyed("k5").executions.resume(run.id).round == 2
    assert len(engine.executions("acme")) == 1
    assert len(engine.workflows("acme")) == 2
    # The key of a neighbour is another key.
    engine.workspace("other", request_key="k1").workflows.create(TEXT)
    assert len(engine.workflows("other")) == 1


def test_a_started_run_is_given_again_after_its_workflow_changed_or_was_paused(engine):
    keyed = engine.workspace("acme", request_key="k")
    engine.workspace("acme").workflows.create(TEXT, workflow_id="w")
    run = keyed.executions.start("w")
    stricter = TEXT + "inputs: {name: {required: true}}\n"
    engine.workspace("acme").workflows.replace("w", stricter, expected_version=1)
    engine.workspace("acme").workflows.pause("w")
    assert keyed.executions.start("w").id == run.id


def test_a_key_used_for_something_else_does_nothing(engine):
    plain = engine.workspace("acme")
    for name in ("a", "b"):
        plain.workflows.create(TEXT, workflow_id=name)
    keyed = engine.workspace("acme", request_key="k")
    run = keyed.executions.start("a")
    for ask in (
        lambda: keyed.executions.start("b"),
        lambda: keyed.executions.resume(run.id),
        lambda: keyed.workflows.create(TEXT),
        lambda: keyed.workflows.replace("a", TEXT, expected_version=1),
    ):
        with pytest.raises(RequestKeyReused):
            ask()
    assert len(plain.executions.list().executions) == 1
    assert [one.version for one in plain.workflows.list()] == [1, 1]


def test_a_refused_request_leaves_its_key_free(engine):
    plain = engine.workspace("acme")
    plain.workflows.create(TEXT, workflow_id="w")
    plain.workflows.pause("w")
    keyed = engine.workspace("acme", request_key="k")
    with pytest.raises(WorkflowPaused):
        keyed.executions.start("w")
    plain.workflows.unpause("w")
    assert keyed.executions.start("w").status is ExecutionStatus.QUEUED


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", "\ud800"])
def test_an_unusable_key_is_refused(engine, key):
    with pytest.raises(InvalidParameters):
        engine.workspace("acme", request_key=key)


def test_old_keys_are_forgotten(engine, clock):
    engine.workspace("acme", request_key="old").workflows.create(TEXT)
    clock.advance(49 * 3600)
    engine.workflow_store._requests._purged = float("-inf")
    engine.workspace("acme", request_key="new").workflows.create(TEXT)
    with engine.database.connect() as connection:
        assert connection.scalars(sa.select(REQUEST.c.request_key)).all() == ["new"]


KILLED = """
import os, signal, sys
from pathlib import Path
from engine.engine import Engine
from engine.testing import actions, settings
from engine.storage.rounds import RoundStore
commit = RoundStore.submit
def submit(self, *given, **named):
    commit(self, *given, **named)
    os.kill(os.getpid(), signal.SIGKILL)  # committed, and nobody will hear of it
RoundStore.submit = submit
engine = Engine(settings(Path(sys.argv[1])), actions=actions())
engine.start(dispatch=False)
engine.workspace("acme", request_key="k").executions.start("w")
"""


def test_after_kill_9_between_commit_and_answer_the_same_key_gives_the_same_run(tmp_path):
    with inline_engine(tmp_path, actions=actions()) as engine:
        engine.workspace("acme").workflows.create(TEXT, workflow_id="w")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], env=os.environ)
    assert killed.returncode == -signal.SIGKILL
    with inline_engine(tmp_path, actions=actions()) as engine:
        (committed,) = engine.executions("acme")
        ws = engine.workspace("acme", request_key="k")
        assert ws.executions.start("w").id == committed.id
        assert len(engine.executions("acme")) == 1


def test_pages_are_complete_and_stable_while_runs_are_added(engine, clock):
    ws = engine.workspace("acme")
    ws.workflows.create(TEXT, workflow_id="w")
    ids = []
    for number in range(7):
        ids.append(ws.executions.start("w").id)
        clock.advance(number % 2)  # some share their moment
    with engine.database.connect() as connection:
        order = sa.select(EXECUTION.c.id).order_by(
            EXECUTION.c.created_at.desc(), EXECUTION.c.id.desc()
        )
        wanted = connection.scalars(order).all()
    page = ws.executions.list(limit=3)
    found = [run.id for run in page.executions]
    while page.next_cursor is not None:
        clock.advance(1)
        ws.executions.start("w")
        page = ws.executions.list(limit=3, cursor=page.next_cursor)
        found += [run.id for run in page.executions]
    assert found == wanted
    assert sorted(found) == sorted(ids)
    assert ws.executions.list(status=ExecutionStatus.FAILED).executions == ()
    assert ws.executions.list(workflow_id="other").executions == ()


def test_a_page_that_is_just_full_is_the_last(engine):
    ws = engine.workspace("acme")
    ws.workflows.create(TEXT, workflow_id="w")
    for _ in range(3):
        ws.executions.start("w")
    assert ws.executions.list(limit=3).next_cursor is None
    assert ws.executions.list(limit=2).next_cursor is not None


def test_reading_many_runs_takes_no_more_queries_than_reading_few(engine):
    ws = engine.workspace("acme")
    ws.workflows.create({"name": "F", "steps": [{"id": "a", "action": "fail"}]}, workflow_id="w")
    counts = []

    def queries_of(read):
        queries = []
        sa.event.listen(engine.database, "before_cursor_execute", lambda *_: queries.append(1))
        assert len(read("acme")) > 0
        return len(queries)

    for runs in (2, 4):  # the steps of a single run are read in another way
        for _ in range(runs):
            ws.executions.start("w")
        counts.append((queries_of(engine.ended_runs), queries_of(engine.failed_runs)))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    "cursor",
    [
        *("", "x", "é", "W10", "bnVsbA", "eyJhIjoxfQ", "x" * 600, "W1sxXSwyXQ"),
        cursors.write(datetime.min.replace(tzinfo=UTC), "a\x00"),
        cursors.write(datetime.min.replace(tzinfo=UTC), "")[:-3],
        # 0001-01-01 in a zone east of UTC is before all time
        "WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzIzOjAwIiwgImEiXQ",
        # no zone at all
        "WyIyMDI2LTAxLTAxVDAwOjAwOjAwIiwgImEiXQ",
    ],
)
def test_a_cursor_that_cannot_be_read_is_refused(engine, cursor):
    with pytest.raises(InvalidCursor):
        engine.workspace("acme").executions.list(cursor=cursor)


def test_a_cursor_is_read_as_it_was_written():
    moment = datetime(2026, 1, 5, 9, 0, 0, 123456, tzinfo=UTC) + timedelta(days=1)
    assert cursors.read(cursors.write(moment, "abc")) == (moment, "abc")


def test_resources_by_kind_name_and_version(engine):
    resources = engine.workspace("acme").resources
    one = resources.put(ResourceKind.TEMPLATE, "Q1/Q2", {"body": "Hi"}, expected_version=0)
    assert (one.version, one.content["subject"]) == (1, "")
    with pytest.raises(StaleVersion):
        resources.put(ResourceKind.TEMPLATE, "Q1/Q2", {"body": "Hi"}, expected_version=0)
    two = resources.put(ResourceKind.TEMPLATE, "Q1/Q2", {"body": "Ho"}, expected_version=1)
    assert resources.list() == resources.list(ResourceKind.TEMPLATE) == (two,)
    assert resources.list(ResourceKind.DOCUMENT) == ()
    with pytest.raises(StaleVersion):
        resources.delete(ResourceKind.TEMPLATE, "Q1/Q2", expected_version=1)
    resources.delete(ResourceKind.TEMPLATE, "Q1/Q2")
    with pytest.raises(NotFound):
        resources.delete(ResourceKind.TEMPLATE, "Q1/Q2")
    with pytest.raises(NotFound):
        resources.get(ResourceKind.TEMPLATE, "Q1/Q2")
    assert resources.put(ResourceKind.TEMPLATE, "Q1/Q2", {"body": "x"}).version == 4
    with pytest.raises(InvalidDefinition):
        resources.put(ResourceKind.TEMPLATE, "x", {"nobody": "x"})
    with pytest.raises(InvalidParameters):
        resources.put(ResourceKind.TEMPLATE, "x" * 201, {"body": "x"})
