"""The one writer while the database goes away: what waits is done, what may be done is said."""

import asyncio
import sqlite3
import threading
import time

import pytest
import sqlalchemy as sa

from engine.storage.database import connect, reading, writing
from engine.storage.failures import is_lost, may_pass
from engine.storage.writer import Writer
from tests.postgres import new_database, require_server


@pytest.fixture
def database():
    with new_database() as url:
        database = connect(url)
        with writing(database) as connection:
            connection.exec_driver_sql("CREATE TABLE t (n INTEGER PRIMARY KEY)")
        yield database
        database.dispose()


@pytest.fixture
def writer(database):
    writer = Writer(database, patience=5.0)
    writer.start()
    yield writer
    writer.close()


def insert(number):
    return lambda connection: connection.execute(sa.text(f"INSERT INTO t VALUES ({number})"))


def own_process(connection):
    return connection.scalar(sa.text("SELECT pg_backend_pid()"))


def end_session(database, process):
    with database.connect() as connection:
        connection.execute(sa.text(f"SELECT pg_terminate_backend({process})"))


def numbers(database):
    with reading(database) as connection:
        return list(connection.scalars(sa.text("SELECT n FROM t ORDER BY n")))


def test_work_is_done_although_its_connection_was_ended_before(database, writer):
    end_session(database, writer.write_now(own_process))
    writer.write_now(insert(1))
    assert numbers(database) == [1]


def test_work_is_done_again_when_its_connection_breaks_in_the_middle(database, writer):
    tries = []

    def break_once(connection):
        tries.append(own_process(connection))
        insert(1)(connection)
        if len(tries) == 1:
            end_session(database, tries[0])
        insert(2)(connection)

    writer.write_now(break_once)
    assert len(tries) == 2
    assert numbers(database) == [1, 2]


def test_a_group_waits_together(database, writer):
    process = writer.write_now(own_process)

    async def write_some():
        blocker = threading.Event()
        first = writer.write(lambda connection: blocker.wait(5))
        rest = [writer.write(insert(number)) for number in range(5)]
        end_session(database, process)
        blocker.set()
        await asyncio.gather(first, *rest)

    asyncio.run(write_some())
    assert numbers(database) == list(range(5))


def test_without_a_server_work_fails_when_patience_ends_and_the_writer_lives_on():
    url = sa.make_url(require_server())
    nowhere = connect(url.set(database="no_such_database").render_as_string(hide_password=False))
    writer = Writer(nowhere, patience=0.3)
    writer.start()
    for _ in range(2):
        started = time.monotonic()
        with pytest.raises(sa.exc.OperationalError) as caught:
            writer.write_now(insert(1))
        assert time.monotonic() - started < 5
        assert may_pass(caught.value)
    writer.close()
    nowhere.dispose()


def test_what_the_database_refuses_is_raised_at_once(writer):
    writer.write_now(insert(1))
    started = time.monotonic()
    with pytest.raises(sa.exc.IntegrityError) as caught:
        writer.write_now(insert(1))
    assert time.monotonic() - started < 1
    assert not is_lost(caught.value)
    assert not may_pass(caught.value)


def test_a_file_that_another_process_keeps_busy_is_said_as_any_other_failure(tmp_path):
    database = connect(f"sqlite:///{tmp_path / 'w.db'}")
    sa.event.listen(database, "connect", lambda c, _: c.execute("PRAGMA busy_timeout=50"))
    holder = sqlite3.connect(tmp_path / "w.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(sa.exc.OperationalError, match="locked") as caught, writing(database):
        pass
    assert may_pass(caught.value)
    assert not is_lost(caught.value)
    holder.close()
    database.dispose()
