"""One database, SQLite or Postgres: when a transaction starts, how times and inserts are written."""

import threading
from collections import namedtuple
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast
from uuid import uuid4

from sqlalchemy import (
    Connection,
    DateTime,
    Dialect,
    Engine,
    Executable,
    Table,
    TypeDecorator,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

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
        self._shared = threading.local()

    @contextmanager
    def read(self) -> Generator[Connection]:
        """A connection for looking only; on SQLite it takes no lock."""
        shared: Connection | None = getattr(self._shared, "connection", None)
        if shared is not None:
            yield shared
            return
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def reads(self) -> Generator[None]:
        """One connection for every `read` inside, in this thread; each sees what is there by then.

        For looking at several parts of the store in a row; what writes, or takes long, stays out.
        """
        with self.read() as connection:
            before = getattr(self._shared, "connection", None)
            self._shared.connection = connection
            try:
                yield
            finally:
                self._shared.connection = before

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
    driver = cast(Any, connection.connection.driver_connection)
    if not driver.in_transaction:
        with _sqlalchemy_errors(connection.dialect, "BEGIN IMMEDIATE"):
            driver.execute("BEGIN IMMEDIATE")


def keep_others_out(connection: Connection, table: Table) -> None:
    """No other transaction writes to *table* until this one ends; on SQLite none does anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE")


def insert_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless one with its key is there already; whether it was inserted."""
    statement = _inserting_new(connection.dialect.name, table, tuple(values))
    return statement.first(connection, values) is not None


@cache
def leaving_old(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that leaves a row alone which is already there."""
    if dialect == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


@cache
def _inserting_new(dialect: str, table: Table, columns: tuple[str, ...]) -> "Prepared":
    # asked with RETURNING, since rowcount does not tell on every driver
    fresh = leaving_old(dialect, table).returning(*table.primary_key.columns)
    return Prepared(fresh, columns=columns)


_named_tuple: Callable[[str, Sequence[str]], Callable[..., Any]] = namedtuple


@dataclass(frozen=True, slots=True)
class _Compiled:
    """parameters: in the order of their places; empty where the driver takes them by name.

    fixed: values that stand in the statement itself.
    """

    sql: str
    parameters: tuple[str, ...]
    fixed: dict[str, Any]
    binds: tuple[tuple[str, Callable[[Any], Any] | None], ...]
    row: Callable[..., Any]
    results: tuple[Callable[[Any], Any] | None, ...]

    def values(self, given: Mapping[str, Any]) -> Any:
        known = {**self.fixed, **given}
        ready = {
            name: process(known[name]) if process else known[name] for name, process in self.binds
        }
        return tuple(ready[name] for name in self.parameters) if self.parameters else ready

    def read(self, columns: Sequence[Any]) -> Any:
        return self.row(
            *(
                process(value) if process else value
                for process, value in zip(self.results, columns, strict=True)
            )
        )


class Prepared:
    """A statement compiled once for each kind of database, for those that every analysis runs.

    It goes to the driver directly, inside the connection's transaction, which is several times
    faster than through SQLAlchemy; what goes wrong is raised as SQLAlchemy raises it. Rows are named
    tuples. columns: those an INSERT fills.
    """

    def __init__(self, statement: Executable, *, columns: Sequence[str] = ()) -> None:
        self._statement: Any = statement
        self._columns = list(columns) or None
        self._compiled: dict[str, _Compiled] = {}

    def all(self, connection: Connection, values: Mapping[str, Any]) -> list[Any]:
        """Every row."""
        compiled = self._for(connection.dialect)
        with _cursor(connection, compiled, values) as cursor:
            return [compiled.read(columns) for columns in cursor.fetchall()]

    def first(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """The first row, None when there is none."""
        compiled = self._for(connection.dialect)
        with _cursor(connection, compiled, values) as cursor:
            columns = cursor.fetchone()
            return None if columns is None else compiled.read(columns)

    def run(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Carry it out; how many rows it touched."""
        with _cursor(connection, self._for(connection.dialect), values) as cursor:
            return int(cursor.rowcount)

    def _for(self, dialect: Dialect) -> _Compiled:
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = self._compile(dialect)
        return found

    def _compile(self, dialect: Dialect) -> _Compiled:
        compiled = self._statement.compile(dialect=dialect, column_keys=self._columns)
        returned: list[Any] = list(self._statement.exported_columns)
        row = _named_tuple("row", [column.key for column in returned])
        return _Compiled(
            sql=str(compiled),
            parameters=tuple(compiled.positiontup or ()),
            fixed={
                name: bind.effective_value
                for bind, name in compiled.bind_names.items()
                if not bind.required
            },
            binds=tuple(
                (name, bind.type.dialect_impl(dialect).bind_processor(dialect))
                for bind, name in compiled.bind_names.items()
            ),
            row=row,
            results=tuple(
                column.type.dialect_impl(dialect).result_processor(dialect, None)
                for column in returned
            ),
        )


@contextmanager
def _cursor(
    connection: Connection, compiled: _Compiled, values: Mapping[str, Any]
) -> Generator[Any]:
    with _sqlalchemy_errors(connection.dialect, compiled.sql):
        cursor = connection.connection.cursor()
        try:
            cursor.execute(compiled.sql, compiled.values(values))
            yield cursor
        finally:
            cursor.close()


@contextmanager
def _sqlalchemy_errors(dialect: Dialect, sql: str) -> Generator[None]:
    """What the driver raises as the class that everybody above knows; without the values."""
    driver: Any = dialect.loaded_dbapi
    try:
        yield
    except driver.Error as error:
        raise DBAPIError.instance(
            sql, {}, error, driver.Error, hide_parameters=True, dialect=dialect
        ) from error
