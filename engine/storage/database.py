"""Opening a database: one SQLite file for one process, or a Postgres server for many."""

import importlib
import sqlite3
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from ..errors import StoreBusy

BUSY_SECONDS = 30
#: A process that hangs inside a transaction keeps others waiting no longer, in milliseconds.
HUNG_TRANSACTION = 10_000
CHECKPOINT_PAGES = 4000  # 16 MB: each checkpoint syncs twice more


def connect(url: str) -> sa.Engine:
    """An engine for *url*: `sqlite:///path` or `postgresql+psycopg://…`.

    SQLite writes ahead, and every commit reaches the disk before it is reported.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return _server(parsed)
    if parsed.database in {None, "", ":memory:"}:
        raise ValueError("The engine needs a SQLite file: sqlite:///path/to/engine.db")
    engine = sa.create_engine(parsed, pool_size=20, max_overflow=30)
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _server(url: sa.URL) -> sa.Engine:
    """Postgres. Both sides notice within seconds that the other machine is gone."""
    given: dict[str, Any] = {
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "options": f"-c idle_in_transaction_session_timeout={HUNG_TRANSACTION} "
        "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3",
    }
    ours = {name: value for name, value in given.items() if name not in url.query}
    engine = sa.create_engine(url, pool_size=20, pool_pre_ping=True, connect_args=ours)
    event.listen(engine, "connect", _prepare_postgres)
    return engine


def _prepare_postgres(connection: Any, _record: Any) -> None:
    connection.adapters.register_dumper(str, _text_without_nul())


@cache
def _text_without_nul() -> Any:
    """Postgres stores every character but NUL, and a model or a web page may well give one."""
    kept: Any = importlib.import_module("psycopg.types.string").StrDumperUnknown

    class TextWithoutNul(kept):
        def dump(self, obj: str) -> Any:
            usual: Any = super()
            return usual.dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)

    return TextWithoutNul


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The dispatcher shares this engine and counts on its writes taking the lock at once.
    connection.isolation_level = "IMMEDIATE"
    for pragma in (
        f"busy_timeout={BUSY_SECONDS * 1000}",
        "foreign_keys=ON",
        "journal_mode=WAL",
        "synchronous=FULL",
        f"wal_autocheckpoint={CHECKPOINT_PAGES}",
    ):
        connection.execute(f"PRAGMA {pragma}")


@contextmanager
def writing(engine: sa.Engine) -> Generator[sa.Connection]:
    """One write transaction. On SQLite it holds the write lock from its first read on."""
    with engine.connect() as connection, writing_on(connection):
        yield connection


@contextmanager
def writing_on(connection: sa.Connection) -> Generator[None]:
    """`writing` on a connection that the caller keeps."""
    with connection.begin():
        if connection.dialect.name == "sqlite":
            _begin(connection, "BEGIN IMMEDIATE")
        yield


def _begin(connection: sa.Connection, statement: str) -> None:
    """Straight to the driver, which is faster; what goes wrong is raised as everywhere else."""
    driver: Any = connection.connection.driver_connection
    try:
        driver.execute(statement)
    except sqlite3.Error as error:
        raise DBAPIError.instance(
            statement, {}, error, sqlite3.Error, dialect=connection.dialect
        ) from error


@contextmanager
def glancing(engine: sa.Engine) -> Generator[sa.Connection]:
    """For a single query that is asked often: on a server there is no transaction around it."""
    with engine.connect() as connection:
        if engine.dialect.name != "sqlite":
            connection.execution_options(isolation_level="AUTOCOMMIT")
        yield connection


_shared = threading.local()


@contextmanager
def reading(engine: sa.Engine) -> Generator[sa.Connection]:
    """One read transaction, in which every query sees the same moment."""
    shared: sa.Connection | None = getattr(_shared, "connection", None)
    if shared is not None and shared.engine is engine:
        yield shared
        return
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            _begin(connection, "BEGIN")
        else:
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


@contextmanager
def at_one_moment(engine: sa.Engine) -> Generator[None]:
    """Every `reading` inside, in this thread, sees the moment of the first; writing stays out."""
    with reading(engine) as connection:
        before = getattr(_shared, "connection", None)
        _shared.connection = connection
        try:
            yield
        finally:
            _shared.connection = before


_ALONE = 4_190_557_201  # any number of our own


def alone(connection: sa.Connection) -> None:
    """Until its transaction ends, *connection*'s is the only one that is past this line."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ALONE)))


class FileLock:
    """Keeps a SQLite file to one process; the operating system frees it when the process dies.

    It is itself a SQLite lock, on an empty file beside the database, so it works wherever SQLite
    does.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self._connection: sqlite3.Connection | None = None

    def acquire(self, wait_seconds: float) -> None:
        """Raises `StoreBusy` when another process still holds it after *wait_seconds*."""
        self._database.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            f"{self._database}.lock",
            timeout=wait_seconds,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            connection.close()
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            raise StoreBusy(str(self._database), wait_seconds) from None
        self._connection = connection

    def release(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.OperationalError):
                self._connection.execute("ROLLBACK")
            self._connection.close()
            self._connection = None


def lock_for(engine: sa.Engine) -> FileLock | None:
    """The lock *engine*'s database needs: none on a server."""
    path = engine.url.database
    if engine.dialect.name != "sqlite" or path is None:
        return None
    return FileLock(Path(path).resolve())
