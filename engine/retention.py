"""Old runs go: those that ended long ago, with all that was stored about them."""

import logging
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any, Protocol

import sqlalchemy as sa

from .execution import ExecutionStatus
from .storage.database import reading, writing
from .storage.tables import EXECUTION, METADATA, REQUEST

_log = logging.getLogger(__name__)
_AT_ONCE = 200  # runs in one transaction: others write in between
_ENDED = tuple(status.value for status in ExecutionStatus if status.is_terminal)


class Watched(Protocol):
    """Which runs somebody still needs, whatever their age: a fix that is being watched, say."""

    def watched(self, workspace_id: str, execution_ids: Collection[str]) -> Collection[str]:
        """Those of *execution_ids* that are to be kept."""
        ...


class Nobody:
    """Nobody needs any."""

    def watched(self, workspace_id: str, execution_ids: Collection[str]) -> Collection[str]:
        return ()


class Retention:
    """Deletes runs that ended more than *days* ago, in every workspace; a job for the clock.

    Every table of the engine with an `execution_id` is cleared of them, so what is stored about a
    run is never left behind. Raises ValueError for *days* below 1.
    """

    def __init__(self, engine: sa.Engine, *, days: int, watched: Watched | None = None) -> None:
        if days < 1:
            raise ValueError("Runs are kept for at least one day.")
        self._engine = engine
        self._age = timedelta(days=days)
        self._watched = watched or Nobody()

    def __call__(self, moment: datetime) -> None:
        deleted = self.run(moment)
        if deleted:
            _log.info("Old runs that were deleted: %d.", deleted)

    def run(self, now: datetime) -> int:
        """Deletes what is too old at *now*; how many runs.

        Stopped halfway it has deleted whole runs; the next time goes on with the others.
        """
        return sum(self._delete(ids) for ids in self._batches(now - self._age))

    def _batches(self, before: datetime) -> Iterator[list[str]]:
        """The runs that may go, a transaction's worth at a time, the oldest first."""
        after: tuple[Any, str] | None = None
        while rows := self._page(before, after):
            after = (rows[-1].completed_at, rows[-1].id)
            by_workspace: dict[str, list[str]] = {}
            for row in rows:
                by_workspace.setdefault(row.workspace_id, []).append(row.id)
            kept = {
                execution_id
                for workspace_id, ids in by_workspace.items()
                for execution_id in self._watched.watched(workspace_id, ids)
            }
            yield [row.id for row in rows if row.id not in kept]

    def _page(self, before: datetime, after: tuple[Any, str] | None) -> list[Any]:
        query = (
            sa.select(EXECUTION.c.id, EXECUTION.c.workspace_id, EXECUTION.c.completed_at)
            .where(EXECUTION.c.status.in_(_ENDED), EXECUTION.c.completed_at < before)
            .order_by(EXECUTION.c.completed_at, EXECUTION.c.id)
            .limit(_AT_ONCE)
        )
        if after is not None:
            moment, execution_id = after
            later = sa.and_(EXECUTION.c.completed_at == moment, EXECUTION.c.id > execution_id)
            query = query.where(sa.or_(EXECUTION.c.completed_at > moment, later))
        with reading(self._engine) as connection:
            return list(connection.execute(query))

    def _delete(self, ids: list[str]) -> int:
        if not ids:
            return 0
        with writing(self._engine) as connection:
            # Once more, and locked: somebody may have resumed one of them meanwhile.
            ended = (
                sa.select(EXECUTION.c.id)
                .where(EXECUTION.c.id.in_(ids), EXECUTION.c.status.in_(_ENDED))
                .order_by(EXECUTION.c.id)
                .with_for_update()
            )
            gone = list(connection.scalars(ended))
            for table in reversed(METADATA.sorted_tables):
                if "execution_id" in table.c:
                    connection.execute(sa.delete(table).where(table.c.execution_id.in_(gone)))
            connection.execute(sa.delete(REQUEST).where(REQUEST.c.subject_id.in_(gone)))
            connection.execute(sa.delete(EXECUTION).where(EXECUTION.c.id.in_(gone)))
        return len(gone)
