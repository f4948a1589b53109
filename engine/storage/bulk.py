"""Rows that are inserted together, in the way that is fastest on each kind of database."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from pydantic_core import to_json
from sqlalchemy.types import TypeEngine

from .prepared import Prepared, driver_of


class BulkInsert:
    """One INSERT for each row on SQLite; on Postgres a single one, which reads them from a JSON text.

    That spares the client the adapting of each value, and both sides a message for each row.
    """

    def __init__(
        self, each: sa.Executable, together: str, given: Mapping[str, TypeEngine[Any]]
    ) -> None:
        """*together* is the statement for Postgres; {rows} in it is a row source called `r`.

        *given* are the types of what a row has; on Postgres `place` is there too, from 0.
        """
        self._each = Prepared(each)
        self._together = together
        self._given = {**given, "place": sa.Integer()}
        self._compiled: str | None = None

    def rowcount(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> int:
        """How many rows it has inserted."""
        if connection.dialect.name != "postgresql":
            return self._each.rowcount(connection, rows)
        if self._compiled is None:
            self._compiled = self._compile(connection.dialect)
        cursor = driver_of(connection).execute(self._compiled, [_text(rows)])
        return int(cursor.rowcount)

    def _compile(self, dialect: sa.Dialect) -> str:
        types = (f"{name} {one.compile(dialect)}" for name, one in self._given.items())
        rows = f"json_to_recordset(%s::json) AS r({', '.join(types)})"
        return self._together.format(rows=rows)


def _text(rows: Sequence[Mapping[str, Any]]) -> str:
    placed = [{**row, "place": place} for place, row in enumerate(rows)]
    text = to_json(placed)
    if b"\\u0000" in text:  # Postgres stores every character but NUL
        text = to_json([{name: _storable(value) for name, value in row.items()} for row in placed])
    return text.decode()


def _storable(value: Any) -> Any:
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value
