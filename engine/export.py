"""Everything that is stored about one workspace: taken out as lines of JSON, or deleted."""

import base64
import json
import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from .errors import InvalidParameters, WorkspaceInUse
from .execution import ExecutionStatus
from .ports import SecretMasker
from .storage.database import reading, writing_on
from .storage.holdings import Holding, holdings, raise_floor
from .storage.migrations import HEAD
from .storage.tables import EXECUTION

FORMAT = "ask-copilot-data"
VERSION = 1
_log = logging.getLogger(__name__)
_AT_ONCE = 200  # rows from the database; an output can be large
_DEEPEST = 4  # JSON inside a text inside JSON
_TRIES = 5
_OVERTAKEN = ("40001", "40P01")  # Postgres: somebody changed a row meanwhile, or two waited
_LIVE = tuple(status.value for status in ExecutionStatus if not status.is_terminal)


class WorkspaceData:
    """*beside* are the tables of others in the same database, in the order of deletion.

    *masker* takes known secrets out of what leaves.
    """

    def __init__(
        self,
        engine: sa.Engine,
        *,
        now: Callable[[], datetime],
        masker: SecretMasker | None = None,
        beside: Sequence[Holding] = (),
    ) -> None:
        self._engine = engine
        self._now = now
        self._masker = masker
        self._holdings = (*beside, *holdings())

    def export(self, workspace_id: str) -> Iterator[str]:
        """Lines of JSON: a head, each row with its table, and an end with the counts of all.

        All of one moment, and in the order in which it could be put back. Times are in UTC, money
        and large numbers are exact text, bytes are in base64. Without the end something is missing.
        """
        yield self._head(workspace_id)
        counts: dict[str, int] = {}
        with reading(self._engine) as connection:
            for holding in reversed(self._holdings):
                name = holding.table.name
                counts[name] = 0
                for row in _rows(connection, holding, workspace_id):
                    counts[name] += 1
                    plain = {column: self._plain(value) for column, value in row.items()}
                    yield _line({"table": name, "row": plain})
        yield _line({"end": True, "rows": sum(counts.values()), "counts": counts})

    def clear(self, workspace_id: str, *, confirm: str) -> dict[str, int]:
        """Deletes all of it for good, in one transaction; gives how many rows of which table.

        *confirm* is the workspace's name, again. Raises `InvalidParameters` if it is not, and
        `WorkspaceInUse` while a run is queued, running or paused; nothing is then deleted. Files in
        the workspace's folder stay.
        """
        if confirm != workspace_id:
            raise InvalidParameters(
                "To delete everything, confirm with the workspace's name.", parameter="confirm"
            )
        for left in reversed(range(_TRIES)):
            try:
                counts = self._clear(workspace_id)
            except DBAPIError as error:
                if not left or getattr(error.orig, "sqlstate", None) not in _OVERTAKEN:
                    raise
            else:
                _log.warning("All data of workspace %r was deleted.", workspace_id)
                return counts
        raise AssertionError("the last try raises or returns")

    def _clear(self, workspace_id: str) -> dict[str, int]:
        with _alone_with_runs(self._engine) as connection:
            self._require_idle(connection, workspace_id)
            raise_floor(connection, workspace_id)
            return {
                holding.table.name: connection.execute(
                    sa.delete(holding.table).where(holding.of(workspace_id))
                ).rowcount
                for holding in self._holdings
            }

    def _require_idle(self, connection: sa.Connection, workspace_id: str) -> None:
        query = (
            sa.select(EXECUTION.c.status, sa.func.count())
            .where(EXECUTION.c.workspace_id == workspace_id, EXECUTION.c.status.in_(_LIVE))
            .group_by(EXECUTION.c.status)
            .order_by(EXECUTION.c.status)
        )
        live = [f"{count} {status}" for status, count in connection.execute(query)]
        if live:
            raise WorkspaceInUse(", ".join(live))

    def _head(self, workspace_id: str) -> str:
        withheld = {one.table.name: sorted(one.withheld) for one in self._holdings if one.withheld}
        return _line(
            {
                "format": FORMAT,
                "version": VERSION,
                "workspace": workspace_id,
                "exported_at": self._now().isoformat(),
                "schema": HEAD,
                "withheld": withheld,
            }
        )

    def _plain(self, value: Any) -> Any:
        match value:
            case datetime():
                return value.isoformat()
            case Decimal():
                return str(value)
            case bytes():
                return base64.b64encode(value).decode("ascii")
            case str():
                return value if self._masker is None else _masked(self._masker, value, _DEEPEST)
            case _:
                return value


@contextmanager
def _alone_with_runs(engine: sa.Engine) -> Generator[sa.Connection]:
    """A write transaction in which no run begins or ends elsewhere, and that sees one moment."""
    with engine.connect() as connection:
        if connection.dialect.name != "postgresql":
            with writing_on(connection):
                yield connection
            return
        connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            # Before anything is read, or the moment would be one from before the lock was there.
            connection.exec_driver_sql(f"LOCK TABLE {EXECUTION.name} IN SHARE ROW EXCLUSIVE MODE")
            yield connection


def _rows(
    connection: sa.Connection, holding: Holding, workspace_id: str
) -> Iterator[dict[str, Any]]:
    columns = [column for column in holding.table.columns if column.name not in holding.withheld]
    query = (
        sa.select(*columns)
        .where(holding.of(workspace_id))
        .order_by(*holding.table.primary_key.columns)
        .execution_options(yield_per=_AT_ONCE)
    )
    for row in connection.execute(query).mappings():
        yield dict(row)


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _masked(masker: SecretMasker, text: str, depth: int) -> str:
    """*text* without known secrets, also where they are written as JSON writes them."""
    found = masker.mask(text)
    if not depth or found[:1] not in ("{", "[", '"'):
        return found
    try:
        data = json.loads(found)
        clean = _masked_inside(masker, data, depth - 1)
    except (ValueError, RecursionError):
        return found  # not JSON, or too deep to be ours
    return found if clean == data else json.dumps(clean)


def _masked_inside(masker: SecretMasker, data: Any, depth: int) -> Any:
    match data:
        case str():
            return _masked(masker, data, depth)
        case list():
            items = cast("list[Any]", data)
            return [_masked_inside(masker, one, depth) for one in items]
        case dict():
            fields = cast("dict[str, Any]", data)
            return {
                masker.mask(name): _masked_inside(masker, one, depth)
                for name, one in fields.items()
            }
        case _:
            return data
