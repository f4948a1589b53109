"""Failed runs as they were recorded, which of them are the same failure, and how far sources were read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Integer, Row, and_, bindparam, insert, select, update

from ..errors import NotFound
from ..types import ErrorRecord, Failure
from .database import Database, insert_new, keep_others_out, leaving_old
from .tables import FAILURE, GROUP_ALIAS, SOURCE_CURSOR

_ENTITIES = TypeAdapter(tuple[tuple[str, str], ...])
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_SAME_RUN = and_(
    FAILURE.c.workspace_id == bindparam("workspace"),
    FAILURE.c.execution_id == bindparam("execution"),
)
_OF_RUN = select(FAILURE.c.id, FAILURE.c.occurrence, FAILURE.c.occurred_at).where(_SAME_RUN)
_UNCOUNT = update(FAILURE).where(_SAME_RUN).values(counted=False)
#: Reads `count` entries of one index backwards, however many failures there are.
RECENT = (
    select(
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
_LINKS = select(GROUP_ALIAS.c.signature, GROUP_ALIAS.c.root).where(
    GROUP_ALIAS.c.workspace_id == bindparam("workspace"),
    GROUP_ALIAS.c.signature.in_(bindparam("signatures", expanding=True)),
)


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
class Merge:
    """`root` speaks for `absorbed` from now on; None when both were one group already."""

    root: str
    absorbed: str | None


class Failures:
    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, failure: Failure, *, occurrence: int | None = None) -> int:
        """Store *failure* once and return its id; see `record_failure`."""
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
        return _failure(row)

    def recent_failures(
        self, workspace_id: str, workflow_id: str, *, limit: int = 10
    ) -> tuple[Sighting, ...]:
        """The last failed runs of a workflow, newest first, each run once, without test runs."""
        window = {"workspace": workspace_id, "workflow": workflow_id, "count": limit}
        with self._database.read() as connection:
            rows = connection.execute(RECENT, window).all()
            roots = find_roots(connection, workspace_id, {row.signature for row in rows})
        return tuple(
            Sighting(
                execution_id=row.execution_id,
                signature=row.signature,
                root=roots[row.signature],
                label=row.label,
                entities=_ENTITIES.validate_json(row.entities),
                occurred_at=row.occurred_at,
            )
            for row in rows
        )

    def root_of(self, workspace_id: str, signature: str) -> str:
        """The group this signature belongs to today: itself until it was merged."""
        return self.roots(workspace_id, (signature,))[signature]

    def roots(self, workspace_id: str, signatures: Iterable[str]) -> dict[str, str]:
        with self._database.read() as connection:
            return find_roots(connection, workspace_id, set(signatures))

    def merge(self, workspace_id: str, one: str, other: str, *, reason: str) -> Merge:
        """Make two signatures one group, for good; the group that was seen first gives the root."""
        with self._database.write() as connection:
            keep_others_out(connection, GROUP_ALIAS)  # two merges at once could close a ring
            roots = find_roots(connection, workspace_id, {one, other})
            if roots[one] == roots[other]:
                return Merge(root=roots[one], absorbed=None)
            first, later = _by_first_seen(connection, workspace_id, set(roots.values()))
            alias = {
                "workspace_id": workspace_id,
                "signature": later,
                "root": first,
                "reason": reason,
                "created_at": self._database.now(),
            }
            connection.execute(insert(GROUP_ALIAS), alias)
            return Merge(root=first, absorbed=later)

    def cursor(self, workspace_id: str, source: str) -> int:
        """How far *source* has been read; 0 before the first time."""
        wanted = select(SOURCE_CURSOR.c.cursor).where(
            SOURCE_CURSOR.c.workspace_id == workspace_id, SOURCE_CURSOR.c.source == source
        )
        with self._database.read() as connection:
            return connection.execute(wanted).scalar_one_or_none() or 0

    def advance(self, workspace_id: str, source: str, cursor: int) -> None:
        """Remember that everything up to *cursor* has been taken in; never goes back."""
        now = self._database.now()
        place = {"workspace_id": workspace_id, "source": source}
        start = {**place, "cursor": cursor, "updated_at": now}
        further = (
            update(SOURCE_CURSOR)
            .where(*(SOURCE_CURSOR.c[name] == value for name, value in place.items()))
            .where(SOURCE_CURSOR.c.cursor < cursor)
            .values(cursor=cursor, updated_at=now)
        )
        with self._database.write() as connection:
            if not insert_new(connection, SOURCE_CURSOR, start):
                connection.execute(further)


def record_failure(
    connection: Connection, failure: Failure, *, occurrence: int | None = None
) -> int:
    """Store *failure* inside the caller's transaction and return its id.

    occurrence: the round of the execution or the cursor of its source. The same one again is the
    same failure and stores nothing. None takes the time of the failure, in microseconds. A run
    that failed again after a resume stays one failed run: its newest failure counts.
    """
    if occurrence is None:
        occurrence = (failure.occurred_at - _EPOCH) // timedelta(microseconds=1)
    run = {"workspace": failure.workspace_id, "execution": failure.execution_id}
    earlier = connection.execute(_OF_RUN, run).all()
    for row in earlier:
        if row.occurrence == occurrence:
            return row.id
    newest = all(row.occurred_at <= failure.occurred_at for row in earlier)
    if earlier and newest:
        connection.execute(_UNCOUNT, run)
    values = failure.model_dump(exclude={"error", "entities"})
    values |= {
        "occurrence": occurrence,
        "counted": newest and not failure.test_mode,
        "entities": _ENTITIES.dump_json(failure.entities).decode(),
        "error": failure.error.model_dump_json(exclude_defaults=True),
    }
    fresh = leaving_old(connection.dialect.name, FAILURE).returning(FAILURE.c.id)
    stored = connection.execute(fresh, values).scalar_one_or_none()
    if stored is not None:
        return stored
    # on Postgres another reader of the same run was faster
    return record_failure(connection, failure, occurrence=occurrence)


def find_roots(connection: Connection, workspace_id: str, signatures: set[str]) -> dict[str, str]:
    """Follow the aliases of *signatures* to their ends, one query a link."""
    roots = {signature: signature for signature in signatures}
    ends = signatures
    while ends:
        wanted = {"workspace": workspace_id, "signatures": sorted(ends)}
        links = {row.signature: row.root for row in connection.execute(_LINKS, wanted)}
        roots = {start: links.get(end, end) for start, end in roots.items()}
        ends = set(links.values())
    return roots


def _by_first_seen(connection: Connection, workspace_id: str, pair: set[str]) -> Sequence[str]:
    """Seen first comes first; what was never seen comes last, by name."""

    def first_id(signature: str) -> tuple[bool, int, str]:
        wanted = (
            select(FAILURE.c.id)
            .where(FAILURE.c.workspace_id == workspace_id, FAILURE.c.signature == signature)
            .order_by(FAILURE.c.id)
            .limit(1)
        )
        found = connection.execute(wanted).scalar_one_or_none()
        return found is None, found or 0, signature

    return sorted(pair, key=first_id)


def _failure(row: Row[Any]) -> Failure:
    values: dict[str, Any] = {name: getattr(row, name) for name in Failure.model_fields}
    values["entities"] = _ENTITIES.validate_json(row.entities)
    values["error"] = ErrorRecord.model_validate_json(row.error)
    return Failure.model_validate(values)
