"""Failed runs as they were recorded, which of them are the same failure, and how far sources were read."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import (
    Connection,
    Integer,
    Row,
    and_,
    bindparam,
    select,
    update,
)

from ..errors import NotFound
from ..types import ErrorRecord, Failure
from ..types.insight import FailureSummary
from ..types.page import Page
from .database import Database, Prepared, leaving_old
from .failure_list import read_page
from .group_aliases import Merge, chunks, find_ignored, find_roots, merge_groups
from .source_cursors import move_cursor, read_cursor
from .tables import FAILURE

_ENTITIES = TypeAdapter(tuple[tuple[str, str], ...])
#: Runs of a group that are named.
LISTED = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_SAME_RUN = and_(
    FAILURE.c.workspace_id == bindparam("workspace"),
    FAILURE.c.execution_id == bindparam("execution"),
)
_KNOWN = (
    select(FAILURE.c.execution_id)
    .where(
        FAILURE.c.workspace_id == bindparam("workspace"),
        FAILURE.c.execution_id.in_(bindparam("executions", expanding=True)),
    )
    .distinct()
)
_OF_RUN = Prepared(
    select(FAILURE.c.id, FAILURE.c.occurrence, FAILURE.c.occurred_at).where(_SAME_RUN)
)
_UNCOUNT = update(FAILURE).where(_SAME_RUN).values(counted=False)
#: Reads `count` entries of one index backwards, however many failures there are.
RECENT = (
    select(
        FAILURE.c.id,
        FAILURE.c.execution_id,
        FAILURE.c.signature,
        FAILURE.c.label,
        FAILURE.c.entities,
        FAILURE.c.occurred_at,
    )
    .where(
        FAILURE.c.workspace_id == bindparam("workspace"),
        FAILURE.c.workflow_id == bindparam("workflow"),
        FAILURE.c.counted == True,  # noqa: E712  (`IS 1` would not use the index)
    )
    .order_by(FAILURE.c.occurred_at.desc(), FAILURE.c.id.desc())
    .limit(bindparam("count", type_=Integer()))
)
_RECENT = Prepared(RECENT)


@dataclass(frozen=True, slots=True)
class Sighting:
    """One failed run as pattern detection sees it; `root` is the group as of this reading."""

    execution_id: str
    signature: str
    root: str
    label: str
    entities: tuple[tuple[str, str], ...]
    occurred_at: datetime
    test_mode: bool = False

    @classmethod
    def of(cls, failure: Failure, root: str) -> "Sighting":
        """A failure that need not be stored yet."""
        return cls(
            execution_id=failure.execution_id,
            signature=failure.signature,
            root=root,
            label=failure.label,
            entities=failure.entities,
            occurred_at=failure.occurred_at,
            test_mode=failure.test_mode,
        )


@dataclass(frozen=True, slots=True)
class SightingGroup:
    """Recent failed runs of one workflow that are the same failure, newest first, never empty."""

    root: str
    newest: Failure
    sightings: tuple[Sighting, ...]

    @property
    def executions(self) -> tuple[str, ...]:
        """Newest first, at most 10."""
        return tuple(seen.execution_id for seen in self.sightings[:LISTED])


class Failures:
    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, failure: Failure, *, occurrence: int | None = None) -> int:
        """Store *failure* once and return its id; see `record_failure`."""
        occurrence = _moment_of(failure) if occurrence is None else occurrence
        run = {"workspace": failure.workspace_id, "execution": failure.execution_id}
        with self._database.read() as connection:  # it nearly always is there already
            for row in _OF_RUN.all(connection, run):
                if row.occurrence == occurrence:
                    return row.id
        with self._database.write() as connection:
            return record_failure(connection, failure, occurrence=occurrence)

    def get(self, workspace_id: str, failure_id: int) -> Failure:
        """Raises NotFound, also for another workspace's."""
        wanted = select(FAILURE).where(
            FAILURE.c.id == failure_id, FAILURE.c.workspace_id == workspace_id
        )
        with self._database.read() as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            raise NotFound("failure")
        return failure_of(row)

    def recent_failures(
        self, workspace_id: str, workflow_id: str, *, limit: int = 10
    ) -> tuple[Sighting, ...]:
        """The last failed runs of a workflow, newest first, each run once, without test runs."""
        with self._database.read() as connection:
            return tuple(seen for _, seen in _recent(connection, workspace_id, workflow_id, limit))

    def groups(self, workspace_id: str, workflow_id: str, window: int) -> tuple[SightingGroup, ...]:
        """The kinds of failure among the last *window* failed runs, the most frequent first."""
        with self._database.read() as connection:
            recent = _recent(connection, workspace_id, workflow_id, window)
            counts = Counter(seen.root for _, seen in recent)
            newest = {seen.root: failure_id for failure_id, seen in reversed(recent)}
            wanted = select(FAILURE).where(
                FAILURE.c.workspace_id == workspace_id, FAILURE.c.id.in_(newest.values())
            )
            failures = {row.id: failure_of(row) for row in connection.execute(wanted)}
        return tuple(
            SightingGroup(
                root=root,
                newest=failures[newest[root]],
                sightings=tuple(seen for _, seen in recent if seen.root == root),
            )
            for root, _ in counts.most_common()
        )

    def workflows_of(self, workspace_id: str, execution_ids: Collection[str]) -> frozenset[str]:
        """The workflows that failed in one of these runs."""
        wanted = select(FAILURE.c.workflow_id).where(
            FAILURE.c.workspace_id == workspace_id, FAILURE.c.execution_id.in_(execution_ids)
        )
        with self._database.read() as connection:
            return frozenset(connection.execute(wanted.distinct()).scalars())

    def page(
        self,
        workspace_id: str,
        workflow_id: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[FailureSummary]:
        """Failed runs, test runs too, newest first, each run once. See `failure_list.read_page`."""
        with self._database.read() as connection:
            return read_page(
                connection, workspace_id, workflow_id=workflow_id, cursor=cursor, limit=limit
            )

    def root_of(self, workspace_id: str, signature: str) -> str:
        """The group this signature belongs to today: itself until it was merged."""
        return self.roots(workspace_id, (signature,))[signature]

    def roots(self, workspace_id: str, signatures: Iterable[str]) -> dict[str, str]:
        with self._database.read() as connection:
            return find_roots(connection, workspace_id, set(signatures))

    def is_ignored(self, workspace_id: str, root: str, *, window: Sequence[Sighting] = ()) -> bool:
        """Whether a person has opted the group *root* out of all patterns.

        window: recent failures, where known; what is in it counts, so that nothing has to be read.
        """
        if any(seen.root == root for seen in window):
            return False
        with self._database.read() as connection:
            return root in find_ignored(connection, workspace_id)

    def merge(self, workspace_id: str, one: str, other: str, *, reason: str) -> Merge:
        """Make two signatures one group; the group that was seen first gives the root.

        What a person has split stays apart. See `merge_groups`.
        """
        with self._database.write() as connection:
            return merge_groups(
                connection, workspace_id, one, other, reason=reason, now=self._database.now()
            )

    def join(self, workspace_id: str, pairs: Sequence[tuple[str, str, str]]) -> int:
        """`merge` for many in one transaction: two signatures and a reason each; gives how many
        were new. Those that are one group already are not written, nor even waited for."""
        roots = self.roots(workspace_id, {name for one, other, _ in pairs for name in (one, other)})
        new = [pair for pair in pairs if roots[pair[0]] != roots[pair[1]]]
        if not new:
            return 0
        now = self._database.now()
        with self._database.write() as connection:
            merges = [
                merge_groups(connection, workspace_id, one, other, reason=reason, now=now)
                for one, other, reason in new
            ]
        return sum(merge.absorbed is not None for merge in merges)

    def cursor(self, workspace_id: str, source: str) -> int:
        """How far *source* has been read; 0 before the first time."""
        with self._database.read() as connection:
            return read_cursor(connection, workspace_id, source)

    def advance(self, workspace_id: str, source: str, cursor: int) -> None:
        """Remember that everything up to *cursor* has been taken in; never goes back."""
        with self._database.write() as connection:
            move_cursor(connection, workspace_id, source, cursor, now=self._database.now())


def record_failures(connection: Connection, workspace_id: str, failures: Sequence[Failure]) -> None:
    """`record_failure` for many failures of one workspace: those of new runs in one statement."""
    runs = Counter(failure.execution_id for failure in failures)
    known: set[str] = set()
    for some in chunks(sorted(runs)):
        wanted = {"workspace": workspace_id, "executions": some}
        known |= set(connection.execute(_KNOWN, wanted).scalars())
    fresh: list[dict[str, Any]] = []
    for failure in failures:
        if failure.execution_id in known or runs[failure.execution_id] > 1:
            record_failure(connection, failure)
        else:
            fresh.append(_row(failure, _moment_of(failure), counted=not failure.test_mode))
    if fresh:
        connection.execute(leaving_old(connection.dialect.name, FAILURE), fresh)


def record_failure(
    connection: Connection, failure: Failure, *, occurrence: int | None = None
) -> int:
    """Store *failure* inside the caller's transaction and return its id.

    occurrence: the round of the execution or the cursor of its source. The same one again is the
    same failure and stores nothing. None takes the time of the failure, in microseconds. A run
    that failed again after a resume stays one failed run: its newest failure counts.
    """
    if occurrence is None:
        occurrence = _moment_of(failure)
    run = {"workspace": failure.workspace_id, "execution": failure.execution_id}
    earlier = _OF_RUN.all(connection, run)
    for row in earlier:
        if row.occurrence == occurrence:
            return row.id
    newest = all(row.occurred_at <= failure.occurred_at for row in earlier)
    if earlier and newest:
        connection.execute(_UNCOUNT, run)
    values = _row(failure, occurrence, counted=newest and not failure.test_mode)
    fresh = leaving_old(connection.dialect.name, FAILURE).returning(FAILURE.c.id)
    stored = connection.execute(fresh, values).scalar_one_or_none()
    if stored is not None:
        return stored
    # on Postgres another reader of the same run was faster
    return record_failure(connection, failure, occurrence=occurrence)


def _recent(
    connection: Connection, workspace_id: str, workflow_id: str, count: int
) -> list[tuple[int, Sighting]]:
    window = {"workspace": workspace_id, "workflow": workflow_id, "count": count}
    rows = _RECENT.all(connection, window)
    roots = find_roots(connection, workspace_id, {row.signature for row in rows})
    ignored = find_ignored(connection, workspace_id)
    return [
        (
            row.id,
            Sighting(
                execution_id=row.execution_id,
                signature=row.signature,
                root=roots[row.signature],
                label=row.label,
                entities=_ENTITIES.validate_json(row.entities),
                occurred_at=row.occurred_at,
            ),
        )
        for row in rows
        if roots[row.signature] not in ignored
    ]


def _moment_of(failure: Failure) -> int:
    """The time of a failure in microseconds, which tells it from others of its run."""
    return (failure.occurred_at - _EPOCH) // timedelta(microseconds=1)


def _row(failure: Failure, occurrence: int, *, counted: bool) -> dict[str, Any]:
    return failure.model_dump(exclude={"error", "entities"}) | {
        "occurrence": occurrence,
        "counted": counted,
        "entities": _ENTITIES.dump_json(failure.entities).decode(),
        "error": failure.error.model_dump_json(exclude_defaults=True),
    }


def failure_of(row: Row[Any]) -> Failure:
    """A whole row of the table as it was recorded."""
    values: dict[str, Any] = {name: getattr(row, name) for name in Failure.model_fields}
    values["entities"] = _ENTITIES.validate_json(row.entities)
    values["error"] = ErrorRecord.model_validate_json(row.error)
    return Failure.model_validate(values)
