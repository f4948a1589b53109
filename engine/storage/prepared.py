"""Statements compiled once, for the few that run for every step, run or poll."""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any, TypeAlias, cast

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

_named_tuple: Callable[[str, Sequence[str]], Callable[..., Any]] = namedtuple


class Prepared:
    """A statement compiled once for each kind of database, for the few that run at every step.

    It goes to the driver directly, inside the connection's transaction: several times faster than
    through the compiler's cache. What goes wrong with a SELECT is raised as SQLAlchemy raises it,
    with a write as the driver's own class.
    """

    def __init__(self, statement: sa.Executable) -> None:
        self._statement: Any = statement
        self._compiled: dict[str, _Compiled] = {}
        self._rows: dict[str, _Reader] = {}

    def rowcount(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> int:
        """Executes it for each of *rows*; how many rows of the table it touched in all."""
        compiled = self._for(connection.dialect)
        cursor: Any = driver_of(connection).cursor()
        if len(rows) == 1:
            cursor.execute(compiled.sql, compiled.arrange(rows[0]))
        else:
            cursor.executemany(compiled.sql, list(map(compiled.arrange, rows)))
        return int(cursor.rowcount)

    def all(self, connection: sa.Connection, values: Mapping[str, Any]) -> list[Any]:
        """Every row it gives, as a named tuple."""
        dialect = connection.dialect
        compiled, driver = self._for(dialect), cast("Any", dialect.loaded_dbapi)
        try:
            cursor = driver_of(connection).execute(compiled.sql, compiled.arrange(values))
            found = cursor.fetchall()
        except driver.Error as error:
            raise DBAPIError.instance(
                compiled.sql,
                {},
                error,
                driver.Error,
                hide_parameters=True,
                dialect=dialect,
            ) from error
        if not found:
            return []
        read = self._rows.get(dialect.name) or self._reader(dialect, cursor.description)
        return list(map(read, found))

    def _reader(self, dialect: sa.Dialect, description: Any) -> "_Reader":
        columns: list[Any] = list(self._statement.exported_columns)
        processors = [
            column.type.dialect_impl(dialect).result_processor(dialect, told[1])
            for column, told in zip(columns, description, strict=True)
        ]
        row = _named_tuple("row", [column.key for column in columns])
        self._rows[dialect.name] = _reading_row(row, processors)
        return self._rows[dialect.name]

    def _for(self, dialect: sa.Dialect) -> "_Compiled":
        found = self._compiled.get(dialect.name)
        if found is None:
            compiled = self._statement.compile(dialect=dialect)
            binds: dict[str, Any] = {name: bind for bind, name in compiled.bind_names.items()}
            fixed = {
                name: bind.effective_value for name, bind in binds.items() if not bind.required
            }
            processors = {
                name: process
                for name, bind in binds.items()
                if (process := bind.type.dialect_impl(dialect).bind_processor(dialect))
            }
            names = compiled.positiontup
            arrange = (
                _by_name(tuple(binds), fixed, processors)
                if names is None
                else _by_position(tuple(names), fixed, processors)
            )
            found = self._compiled[dialect.name] = _Compiled(str(compiled), arrange)
        return found


def driver_of(connection: sa.Connection) -> Any:
    """The driver's own connection, in the middle of *connection*'s transaction."""
    return connection.connection.driver_connection


_Arrange: TypeAlias = Callable[[Mapping[str, Any]], Any]
_Reader: TypeAlias = Callable[[Any], Any]
_Processors: TypeAlias = Mapping[str, Callable[[Any], Any]]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """What the driver is given: the text, and values as it wants them."""

    sql: str
    arrange: _Arrange


def _by_position(
    names: tuple[str, ...], fixed: Mapping[str, Any], processors: _Processors
) -> _Arrange:
    places = [(place, processors[name]) for place, name in enumerate(names) if name in processors]
    pick: Callable[[Mapping[str, Any]], Any] = (
        itemgetter(*names) if len(names) > 1 else partial(_picked, names)
    )

    def arrange(row: Mapping[str, Any]) -> list[Any]:
        values: list[Any] = list(pick({**fixed, **row} if fixed else row))
        for place, process in places:
            values[place] = process(values[place])
        return values

    return arrange


def _picked(names: tuple[str, ...], row: Mapping[str, Any]) -> list[Any]:
    return [row[name] for name in names]


def _by_name(names: tuple[str, ...], fixed: Mapping[str, Any], processors: _Processors) -> _Arrange:
    def arrange(row: Mapping[str, Any]) -> dict[str, Any]:
        known = {**fixed, **row} if fixed else row
        values = {name: known[name] for name in names}
        for name, process in processors.items():
            values[name] = process(values[name])
        return values

    return arrange


def _reading_row(row: Callable[..., Any], processors: Sequence[Any]) -> _Reader:
    places = [(place, read) for place, read in enumerate(processors) if read is not None]

    def read(found: Any) -> Any:
        if not places:
            return row(*found)
        values = list(found)
        for place, process in places:
            values[place] = process(values[place])
        return row(*values)

    return read
