"""The groups of a workspace as people see them: a list, and one group with all that made it one."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, or_, select, true

from ..errors import InvalidInput, NotFound
from ..types import ErrorRecord, Failure
from ..types.group import GroupAlias, GroupRule, GroupSummary
from .database import Database
from .failures import failure_of
from .group_aliases import (
    CHUNK,
    by_first_seen,
    chunks,
    find_ignored,
    find_members,
    find_roots,
)
from .group_rules import require_seen, rules_of
from .group_tables import GROUP_ALIAS
from .tables import FAILURE

#: Failed runs that the list looks at, the newest.
WINDOW = 10_000
MOST_GROUPS = 200
#: What the nightly merge looks at: failed runs, the newest, and signatures among them.
MERGE_RUNS = 200_000
MERGE_SIGNATURES = 50_000
#: Of one group: signatures whose texts are shown, failures of each, aliases and rules.
MOST_MEMBERS = 50
MOST_SAMPLES = 40
MOST_REASONS = 200
_MOST_WORKFLOWS = 20


_EARLIEST = FAILURE.alias()
_WITH_FIRST_ID = select(
    FAILURE.c.signature,
    FAILURE.c.key,
    FAILURE.c.label,
    FAILURE.c.error,
    select(func.min(_EARLIEST.c.id))
    .where(
        _EARLIEST.c.workspace_id == FAILURE.c.workspace_id,
        _EARLIEST.c.signature == FAILURE.c.signature,
    )
    .scalar_subquery()
    .label("first_id"),
).where(FAILURE.c.id.in_(bindparam("ids", expanding=True)))


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A signature with the key and the label of its newest failure that counts."""

    signature: str
    key: str
    label: str
    error: ErrorRecord


@dataclass(frozen=True, slots=True)
class SeenMember:
    """One signature of a group: how often it was seen, and its newest failures."""

    signature: str
    failures: int
    samples: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class SeenGroup:
    summary: GroupSummary
    members: tuple[SeenMember, ...]
    aliases: tuple[GroupAlias, ...]
    rules: tuple[GroupRule, ...]


@dataclass(slots=True)
class _Count:
    """What one group adds up to; `newest` is the id of its newest failure."""

    failures: int = 0
    newest: int = 0
    first: datetime | None = None
    last: datetime | None = None
    workflows: Counter[str] = field(default_factory=Counter[str])
    signatures: Counter[str] = field(default_factory=Counter[str])

    def add(self, row: Any) -> None:
        self.failures += row.failures
        self.newest = max(self.newest, row.newest)
        self.first = row.first if self.first is None else min(self.first, row.first)
        self.last = row.last if self.last is None else max(self.last, row.last)
        self.workflows[row.workflow_id] += row.failures
        self.signatures[row.signature] += row.failures


class Groups:
    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, workspace_id: str, *, limit: int = 50) -> tuple[GroupSummary, ...]:
        """The groups among the newest 10,000 failed runs, the most frequent first, without tests.

        limit: from 1 to 200. Raises InvalidInput for another one.
        """
        if not 1 <= limit <= MOST_GROUPS:
            raise InvalidInput("limit", f"must be from 1 to {MOST_GROUPS}.", "")
        window = _newest(workspace_id, WINDOW)
        with self._database.read() as connection:
            rows = connection.execute(_counted(window.c)).all()
            roots = find_roots(connection, workspace_id, {row.signature for row in rows})
            counts: dict[str, _Count] = {}
            for row in rows:
                counts.setdefault(roots[row.signature], _Count()).add(row)
            largest = sorted(counts, key=lambda root: (-counts[root].failures, root))[:limit]
            labels = _labels(connection, [counts[root].newest for root in largest])
            ignored = find_ignored(connection, workspace_id)
        return tuple(
            _summary(root, counts[root], labels, ignored=root in ignored) for root in largest
        )

    def known(self, workspace_id: str) -> tuple[KnownKey, ...]:
        """The signatures of a workspace in order of first sight, without those of tests alone.

        At most the 50,000 seen last, among the newest 200,000 failed runs: what that takes does
        not grow with the history.
        """
        window = _newest(workspace_id, MERGE_RUNS)
        newest = func.max(window.c.id)
        wanted = (
            select(newest.label("id")).group_by(window.c.signature).order_by(newest.desc())
        ).limit(MERGE_SIGNATURES)
        known: dict[int, KnownKey] = {}
        with self._database.read() as connection:
            ids = connection.execute(wanted).scalars().all()
            for some in _parts(ids):
                for row in connection.execute(_WITH_FIRST_ID, {"ids": some}):
                    error = ErrorRecord.model_validate_json(row.error)
                    known[row.first_id] = KnownKey(row.signature, row.key, row.label, error)
        return tuple(known[first_id] for first_id in sorted(known))

    def get(self, workspace_id: str, signature: str) -> SeenGroup:
        """The whole group of *signature*, which may be any of it. Raises NotFound."""
        with self._database.read() as connection:
            require_seen(connection, workspace_id, signature)
            root = find_roots(connection, workspace_id, {signature})[signature]
            names = find_members(connection, workspace_id, {root})[root]
            names = by_first_seen(connection, workspace_id, set(names))
            count = _count(connection, workspace_id, names)
            labels = _labels(connection, [count.newest])
            ignored = root in find_ignored(connection, workspace_id)
            return SeenGroup(
                summary=_summary(root, count, labels, ignored=ignored),
                members=tuple(
                    SeenMember(
                        name, count.signatures[name], _samples(connection, workspace_id, name)
                    )
                    for name in names[:MOST_MEMBERS]
                ),
                aliases=_aliases(connection, workspace_id, names),
                rules=tuple(rules_of(connection, workspace_id, names)[:MOST_REASONS]),
            )


def _newest(workspace_id: str, count: int) -> Any:
    """The newest *count* failed runs of a workspace, read backwards from an index."""
    return (
        select(FAILURE.c.id, FAILURE.c.signature, FAILURE.c.workflow_id, FAILURE.c.occurred_at)
        .where(FAILURE.c.workspace_id == workspace_id, FAILURE.c.counted == true())
        .order_by(FAILURE.c.occurred_at.desc(), FAILURE.c.id.desc())
        .limit(count)
        .subquery()
    )


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]


def _counted(failure: Any) -> Any:
    """One row a signature and workflow of what *failure* has the columns of."""
    return select(
        failure.signature,
        failure.workflow_id,
        func.count().label("failures"),
        func.max(failure.id).label("newest"),
        func.min(failure.occurred_at).label("first"),
        func.max(failure.occurred_at).label("last"),
    ).group_by(failure.signature, failure.workflow_id)


def _count(connection: Connection, workspace_id: str, names: Sequence[str]) -> _Count:
    """All failures of a group; where all were tests, those."""
    count = _Count()
    mine = FAILURE.c.workspace_id == workspace_id
    for only in (FAILURE.c.counted == true(), true()):
        for some in chunks(names):
            wanted = _counted(FAILURE.c).where(mine, FAILURE.c.signature.in_(some), only)
            for row in connection.execute(wanted):
                count.add(row)
        if count.failures:
            return count
    raise NotFound("group")


def _summary(root: str, count: _Count, labels: Mapping[int, str], *, ignored: bool) -> GroupSummary:
    workflows = count.workflows.most_common(_MOST_WORKFLOWS)
    return GroupSummary.model_validate(
        {
            "signature": root,
            "label": labels[count.newest],
            "failures": count.failures,
            "workflows": tuple(name for name, _ in workflows),
            "first_occurred": count.first,
            "last_occurred": count.last,
            "signatures": len(count.signatures),
            "ignored": ignored,
        }
    )


def _labels(connection: Connection, ids: Sequence[int]) -> Mapping[int, str]:
    wanted = select(FAILURE.c.id, FAILURE.c.label).where(FAILURE.c.id.in_(ids))
    return {row.id: row.label for row in connection.execute(wanted)}


def _samples(connection: Connection, workspace_id: str, name: str) -> tuple[Failure, ...]:
    wanted = (
        select(FAILURE)
        .where(FAILURE.c.workspace_id == workspace_id, FAILURE.c.signature == name)
        .order_by(FAILURE.c.id.desc())
        .limit(MOST_SAMPLES)
    )
    return tuple(failure_of(row) for row in connection.execute(wanted))


def _aliases(
    connection: Connection, workspace_id: str, names: Sequence[str]
) -> tuple[GroupAlias, ...]:
    """Those that name one of *names*, and whether both ends are one group today."""
    found: dict[int, Any] = {}
    for some in chunks(names):
        touching = or_(GROUP_ALIAS.c.signature.in_(some), GROUP_ALIAS.c.root.in_(some))
        wanted = select(GROUP_ALIAS).where(
            and_(GROUP_ALIAS.c.workspace_id == workspace_id, touching)
        )
        found |= {row.id: row for row in connection.execute(wanted)}
    rows = [found[key] for key in sorted(found)][:MOST_REASONS]
    ends = {end for row in rows for end in (row.signature, row.root)}
    roots = find_roots(connection, workspace_id, ends)
    return tuple(
        GroupAlias(
            signature=row.signature,
            root=row.root,
            reason=row.reason,
            created_at=row.created_at,
            in_force=roots[row.signature] == roots[row.root],
        )
        for row in rows
    )
