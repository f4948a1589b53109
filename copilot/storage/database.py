"""One database, SQLite or Postgres: when a transaction starts, how times and inserts are written."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast
from uuid import uuid4

from sqlalchemy import (
    Connection,
    DateTime,
    Dialect,
    Engine,
    Table,
    TypeDecorator,
    literal,
)
from sqlalchemy.dialects import postgresql, sqlite

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


def new_id(prefix: str) -> str:
    """A fresh id that says what it names: 'change_3f0c…'."""
    return f"{prefix}_{uuid4().hex}"


class Moment(TypeDecorator[datetime]):
    """An aware time, kept in UTC; a naive one is refused instead of guessed."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone.")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """A ready `sqlalchemy.Engine` and a clock: what every part of the store is built on."""

    def __init__(self, engine: Engine, clock: Clock = utc_now) -> None:
        self.engine = engine
        self.now = clock

    @contextmanager
    def read(self) -> Generator[Connection]:
        """A connection for looking only; on SQLite it takes no lock."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Generator[Connection]:
        """One transaction, committed at the end, rolled back when the block raises."""
        with self.engine.begin() as connection:
            take_write_lock(connection)
            yield connection


def take_write_lock(connection: Connection) -> None:
    """Start the SQLite transaction now.

    The driver would start it at the first INSERT or UPDATE only, so that a SELECT before it would
    look at a state that may be gone by then.
    """
    if connection.dialect.name != "sqlite":
        return
    if not cast(Any, connection.connection.driver_connection).in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def keep_others_out(connection: Connection, table: Table) -> None:
    """No other transaction writes to *table* until this one ends; on SQLite none does anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE")


def insert_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless one with its key is there already; whether it was inserted."""
    # asked with RETURNING, since rowcount does not tell on every driver
    statement = leaving_old(connection.dialect.name, table).returning(literal(1))
    return connection.execute(statement, values).first() is not None


@cache
def leaving_old(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that leaves a row alone which is already there."""
    if dialect == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()
