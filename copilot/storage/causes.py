"""How many runs failed of each kind within a time, and what analyses have found them to be."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select, true

from ..types import RootCause
from .database import Database
from .group_aliases import find_ignored, find_roots
from .tables import ANALYSIS, FAILURE


@dataclass(frozen=True, slots=True)
class CountedKind:
    """Failures of one signature in one workflow. root_cause: None when none was analysed."""

    workflow_id: str
    signature: str
    failures: int
    newest_id: int
    root_cause: RootCause | None = None


class Causes:
    def __init__(self, database: Database) -> None:
        self._database = database

    def kinds(
        self, workspace_id: str, workflow_id: str | None, *, since: datetime, until: datetime
    ) -> Sequence[CountedKind]:
        """The kinds of failure from *since* to before *until*, the most frequent first.

        Without test runs and groups that people have opted out; reads the failures of that time.
        """
        within = [
            FAILURE.c.workspace_id == workspace_id,
            FAILURE.c.counted == true(),
            FAILURE.c.occurred_at >= since,
            FAILURE.c.occurred_at < until,
        ]
        if workflow_id is not None:
            within.append(FAILURE.c.workflow_id == workflow_id)
        with self._database.read() as connection:
            found = _analysed(connection, _counted(connection, within), within)
            roots = find_roots(connection, workspace_id, {kind.signature for kind in found})
            ignored = find_ignored(connection, workspace_id)
        return [kind for kind in found if roots[kind.signature] not in ignored]


def _counted(
    connection: Connection, within: Sequence[ColumnElement[bool]]
) -> Sequence[CountedKind]:
    kind = (FAILURE.c.workflow_id, FAILURE.c.signature)
    count = func.count().label("failures")
    wanted = (
        select(*kind, count, func.max(FAILURE.c.id).label("newest_id"))
        .where(*within)
        .group_by(*kind)
        .order_by(count.desc(), *kind)
    )
    return [CountedKind(*row) for row in connection.execute(wanted)]


def _analysed(
    connection: Connection, kinds: Sequence[CountedKind], within: Sequence[ColumnElement[bool]]
) -> Sequence[CountedKind]:
    """*kinds* with the root cause that the newest analysis of one of their runs has found."""
    kind = (FAILURE.c.workflow_id, FAILURE.c.signature, ANALYSIS.c.root_cause)
    wanted = (
        select(*kind)
        .join(
            ANALYSIS,
            (ANALYSIS.c.workspace_id == FAILURE.c.workspace_id)
            & (ANALYSIS.c.execution_id == FAILURE.c.execution_id)
            & (ANALYSIS.c.signature == FAILURE.c.signature),
        )
        .where(*within)
        .group_by(*kind)
        .order_by(func.max(ANALYSIS.c.created_at))
    )
    known = {
        (row.workflow_id, row.signature): RootCause(row.root_cause)
        for row in connection.execute(wanted)
    }
    return [
        replace(kind, root_cause=known.get((kind.workflow_id, kind.signature))) for kind in kinds
    ]
