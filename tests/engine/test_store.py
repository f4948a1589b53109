"""Definitions, resources and changes as stored; the lock on the file; the one writer."""

import asyncio
import subprocess
import sys
import threading
import time

import pytest
import sqlalchemy as sa

from engine.engine import Engine
from engine.errors import InvalidDefinition, NotFound, StaleVersion, StoreBusy
from engine.execution import ExecutionStatus
from engine.storage.database import connect, writing
from engine.storage.writer import MOST_IN_A_GROUP, Writer
from engine.testing import FrozenClock, actions, inline_engine, settings, tool, workflow


@pytest.fixture
def engine(tmp_path):
    with inline_engine(tmp_path, actions=actions()) as engine:
        yield engine


def test_each_put_makes_a_version_and_old_ones_stay(engine):
    first = engine.put_workflow("acme", workflow(tool("a", value=1)), workflow_id="report")
    second = engine.put_workflow("acme", workflow(tool("a", value=2)), workflow_id="report")
    assert (first.version, second.version) == (1, 2)
    assert engine.workflow("acme", "report").workflow == second.workflow
    assert engine.workflow("acme", "report", 1).workflow == first.workflow
    assert [stored.version for stored in engine.workflows("acme")] == [2]


def test_a_definition_comes_back_as_it_was_from_another_engine(tmp_path):
    written = workflow(
        tool("a", value={"deep": [1, None, "ü"]}),
        instructions="Be kind.\nBe brief.",
        restrictions={"max_length": 280},
        budget={"max_cost_usd": "0.20"},
        inputs={"week": {"required": True}},
    )
    with inline_engine(tmp_path, actions=actions()) as engine:
        engine.put_workflow("acme", written, workflow_id="report")
    with inline_engine(tmp_path) as engine:
        assert engine.workflow("acme", "report").workflow == written


def test_without_an_id_it_is_a_new_workflow_each_time(engine):
    ids = {engine.put_workflow("acme", workflow(tool("a"))).workflow_id for _ in range(2)}
    assert len(ids) == 2


@pytest.mark.parametrize(("expected", "current"), [(0, 1), (2, 1)])
def test_a_moved_workflow_is_refused(engine, expected, current):
    engine.put_workflow("acme", workflow(tool("a")), workflow_id="report", expected_version=0)
    with pytest.raises(StaleVersion) as stale:
        engine.put_workflow(
            "acme", workflow(tool("b")), workflow_id="report", expected_version=expected
        )
    assert stale.value.args[1:] == (expected, current)


def test_another_workspace_sees_nothing(engine):
    engine.put_workflow("acme", workflow(tool("a")), workflow_id="report")
    engine.put_resource("acme", "template", "Hello", {"body": "Hi"})
    run = engine.submit("acme", "report")
    for call in (
        lambda: engine.workflow("other", "report"),
        lambda: engine.submit("other", "report"),
        lambda: engine.execution("other", run.id),
        lambda: engine.steps("other", run.id),
        lambda: engine.history("other", run.id),
        lambda: engine.progress("other", run.id),
        lambda: engine.resume("other", run.id),
        lambda: engine.cancel("other", run.id),
        lambda: engine.failed_run("other", run.id),
    ):
        with pytest.raises(NotFound) as missing:
            call()
        assert run.id not in str(missing.value)
        assert "report" not in str(missing.value)
    assert engine.workflows("other") == ()
    assert engine.executions("other") == ()
    assert engine.resources("other").versions == {}
    assert engine.ended_runs("other") == ()


def test_resources_have_versions_that_survive_a_delete(engine):
    assert engine.put_resource("acme", "template", "Hello", {"body": "Hi"}) == 1
    assert engine.put_resource("acme", "template", "Hello", {"body": "Hey"}) == 2
    stored = engine.resources("acme")
    assert stored.resources.templates["Hello"].body == "Hey"
    assert stored.versions == {"template/Hello": 2}
    assert engine.put_resource("acme", "template", "Hello", None, expected_version=2) == 3
    assert engine.resources("acme").versions == {}
    # Gone means version 0 to whoever creates it again, and the number goes on growing.
    assert (
        engine.put_resource("acme", "template", "Hello", {"body": "Back"}, expected_version=0) == 4
    )
    with pytest.raises(StaleVersion, match="at version 4, not 3"):
        engine.put_resource("acme", "template", "Hello", {"body": "x"}, expected_version=3)


def test_a_resource_of_the_wrong_form_is_named(engine):
    with pytest.raises(InvalidDefinition, match="template 'Hello', /body: it is missing"):
        engine.put_resource("acme", "template", "Hello", {"text": "Hi"})


def apply(engine, change_id="c1", *, expected=1, body="Hi", template_version=0):
    return engine.apply_change(
        "acme",
        change_id=change_id,
        workflow_id="report",
        expected_version=expected,
        workflow=workflow(tool("a", value="fixed")),
        resources=[("template", "Hello", {"body": body}, template_version)],
    )


def test_a_change_applies_once_however_often_it_is_asked_for(engine):
    engine.put_workflow("acme", workflow(tool("a")), workflow_id="report")
    assert engine.change_version("c1") is None
    assert apply(engine) == 2
    engine.put_workflow("acme", workflow(tool("later")), workflow_id="report")
    assert apply(engine) == 2
    assert engine.change_version("c1") == 2
    assert engine.workflow("acme", "report").version == 3
    assert engine.resources("acme").versions == {"template/Hello": 1}


@pytest.mark.parametrize("stale", [{"expected": 7}, {"template_version": 5}])
def test_a_stale_change_changes_nothing(engine, stale):
    engine.put_workflow("acme", workflow(tool("a")), workflow_id="report")
    with pytest.raises(StaleVersion):
        apply(engine, **stale)
    assert engine.workflow("acme", "report").version == 1
    assert engine.resources("acme").versions == {}
    assert engine.change_version("c1") is None


def test_a_change_id_of_another_workspace_is_not_found(engine):
    engine.put_workflow("acme", workflow(tool("a")), workflow_id="report")
    apply(engine)
    with pytest.raises(NotFound):
        engine.apply_change(
            "other",
            change_id="c1",
            workflow_id="report",
            expected_version=0,
            workflow=workflow(tool("a")),
        )


def test_a_change_can_be_undone_with_its_resource(engine):
    engine.put_workflow("acme", workflow(tool("a", value="old")), workflow_id="report")
    apply(engine)
    engine.apply_change(
        "acme",
        change_id="undo-c1",
        workflow_id="report",
        expected_version=2,
        workflow=workflow(tool("a", value="old")),
        resources=[("template", "Hello", None, 1)],
    )
    assert engine.resources("acme").versions == {}
    assert engine.workflow("acme", "report").version == 3


def test_runs_are_listed_newest_first_and_filtered(tmp_path):
    clock = FrozenClock()

    def fail():
        raise ValueError("no")

    with inline_engine(tmp_path, clock=clock, actions=actions(fail=fail)) as engine:
        engine.put_workflow("acme", workflow(tool("a")), workflow_id="good")
        engine.put_workflow("acme", workflow(tool("a", "fail")), workflow_id="bad")
        ids = []
        for name in ("good", "bad", "good"):
            ids.append(engine.submit("acme", name).id)
            clock.advance(1)
        assert [run.id for run in engine.executions("acme")] == ids[::-1]
        assert [run.id for run in engine.executions("acme", limit=1)] == ids[2:]
        failed = engine.executions("acme", status=ExecutionStatus.FAILED)
        assert [run.id for run in failed] == [ids[1]]
        assert len(engine.executions("acme", workflow_id="good")) == 2


def test_sqlite_writes_ahead_and_syncs_every_commit(engine):
    with engine.database.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_a_database_in_memory_is_refused(tmp_path):
    with pytest.raises(ValueError, match="needs a SQLite file"):
        connect("sqlite://")


def test_a_second_process_waits_and_is_then_told(tmp_path):
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib; from engine.testing import *;"
            "e = inline_engine(pathlib.Path(sys.argv[1])); e.__enter__(); print('up', flush=True);"
            "sys.stdin.read()",
            str(tmp_path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout.readline() == b"up\n"
        started = time.monotonic()
        with pytest.raises(StoreBusy, match=r"waited 0\.3 s"):
            Engine(settings(tmp_path, lock_wait_seconds=0.3)).start(dispatch=False)
        assert 0.25 < time.monotonic() - started < 3
        holder.kill()
        holder.wait()
        with inline_engine(tmp_path) as engine:
            assert engine.workflows("acme") == ()
    finally:
        holder.kill()
        holder.communicate()


@pytest.fixture
def writer(tmp_path):
    database = connect(f"sqlite:///{tmp_path / 'w.db'}")
    with writing(database) as connection:
        connection.exec_driver_sql("CREATE TABLE t (n INTEGER PRIMARY KEY)")
    writer = Writer(database)
    writer.database = database
    writer.start()
    yield writer
    writer.close()
    database.dispose()


def insert(number):
    return lambda connection: connection.execute(sa.text(f"INSERT INTO t VALUES ({number})"))


def test_what_waits_is_committed_together(writer):
    commits = []
    sa.event.listen(writer.database, "commit", commits.append)

    async def write_many():
        await asyncio.gather(*(writer.write(insert(number)) for number in range(50)))

    asyncio.run(write_many())
    assert len(commits) == 1
    assert writer.write_now(lambda c: c.scalar(sa.text("SELECT count(*) FROM t"))) == 50


def test_what_was_asked_for_is_done_although_the_writer_closes_and_nobody_waits(writer):
    async def write_and_leave():
        writer.write(insert(1))
        await asyncio.to_thread(writer.close)

    asyncio.run(write_and_leave())
    writer.start()
    assert writer.write_now(lambda c: c.scalar(sa.text("SELECT count(*) FROM t"))) == 1


def test_more_than_fits_into_a_group_is_done_in_the_order_given(writer):
    async def write_many():
        asked = [writer.write(insert(number)) for number in range(3 * MOST_IN_A_GROUP)]
        asked.append(writer.write(lambda c: c.scalar(sa.text("SELECT count(*) FROM t"))))
        return (await asyncio.gather(*asked))[-1]

    assert asyncio.run(write_many()) == 3 * MOST_IN_A_GROUP


def test_one_bad_piece_of_work_spoils_no_other(writer):
    async def write_some():
        blocker = threading.Event()
        first = writer.write(lambda connection: blocker.wait(5))
        rest = [writer.write(insert(number)) for number in (1, 1, 2)]
        blocker.set()
        return await asyncio.gather(first, *rest, return_exceptions=True)

    _, one, again, two = asyncio.run(write_some())
    assert not isinstance(one, Exception)
    assert isinstance(again, sa.exc.IntegrityError)
    assert not isinstance(two, Exception)
    assert writer.write_now(lambda c: c.scalar(sa.text("SELECT count(*) FROM t"))) == 2
