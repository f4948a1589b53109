"""The copilot's tables on Postgres: what the migrations make, also when many processes start at once."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from copilot.storage.columns import Base
from copilot.storage.migrate import _LOCK, HEAD, VERSION_TABLE, current_version, migrate
from engine.storage.database import connect
from tests.postgres import new_database

START = (
    "import sys; from copilot.storage.migrate import migrate;"
    "from engine.storage.database import connect;"
    "sys.stdin.readline(); migrate(connect(sys.argv[1])); print('done')"
)


@pytest.fixture
def url():
    with new_database(migrated=False) as url:
        yield url


@pytest.fixture
def database(url):
    database = connect(url)
    yield database
    database.dispose()


def differences(database):
    with database.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": VERSION_TABLE,
                "compare_type": True,
                "include_name": lambda name, kind, _: kind != "table" or "copilot" in name,
            },
        )
        return list(compare_metadata(context, Base.metadata))


def test_the_migrations_lead_to_the_declared_tables(database):
    migrate(database)
    assert current_version(database) == HEAD
    assert differences(database) == []


def test_of_processes_that_start_at_once_one_migrates_and_the_others_wait(url, database):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", START, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    ended = [process.communicate(timeout=100) for process in processes]
    assert [(out, err) for out, err in ended] == [("done\n", "")] * 4
    assert current_version(database) == HEAD
    assert differences(database) == []


def test_a_second_one_waits_until_the_first_has_committed(database):
    """Without the lock it would run into the first one's tables."""
    with database.connect() as first, ThreadPoolExecutor(1) as pool:
        first.execute(sa.select(sa.func.pg_advisory_lock(_LOCK)))
        second = pool.submit(migrate, database)
        waiting = sa.text(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        while not first.scalar(waiting):
            assert not second.done()
        assert current_version(database) is None
        first.execute(sa.select(sa.func.pg_advisory_unlock(_LOCK)))
        second.result(60)
    assert current_version(database) == HEAD
