"""Repeated failures of each workflow: where they stand, and every change of that."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, false, insert, select, true, update

from ..errors import NotFound
from ..types import OutcomeState
from ..types.pattern import Dismissal, PatternLife, PatternState, PatternTurn
from .database import Database, insert_new, new_id
from .group_aliases import chunks, find_roots
from .group_tables import GROUP_MEMBER
from .pattern_tables import PATTERN, PATTERN_TURN
from .tables import OUTCOME

#: Turns of one pattern that are shown.
TURNS = 20
#: Most patterns in one list.
MOST = 200
#: Other names of a group that are looked at; a group has seldom more than two or three.
NAMES = 20

_ABSORBED = (
    select(GROUP_MEMBER.c.signature)
    .where(
        GROUP_MEMBER.c.workspace_id == bindparam("workspace"),
        GROUP_MEMBER.c.root == bindparam("root"),
    )
    .limit(NAMES)
)


@dataclass(frozen=True, slots=True)
class Dismissed:
    """failures, version: how much of it there was, and in which version, when it was dismissed."""

    by: str
    by_name: str
    at: datetime
    reason: str
    failures: int
    version: int | None


@dataclass(frozen=True, slots=True)
class Turn:
    state: PatternState
    at: datetime
    reason: str
    by_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPattern:
    """One failure of one workflow. `signature` is the root of its group when it was last seen.

    dismissed: outlives the state, so that what was resolved and came back is dismissed still.
    turns: those that are not stored yet.
    """

    workflow_id: str
    signature: str
    label: str
    state: PatternState
    since: datetime
    detected_at: datetime
    first_occurred: datetime
    last_occurred: datetime
    last_execution_id: str
    workflow_version: int | None
    failures: int
    passed: int = 0
    pattern_id: str = ""
    dismissed: Dismissed | None = None
    turns: tuple[Turn, ...] = field(default=())

    def turned(self, turn: Turn) -> "StoredPattern":
        return replace(self, state=turn.state, since=turn.at, turns=(*self.turns, turn))


class Patterns:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of_workflow(
        self, workspace_id: str, workflow_id: str, signatures: Collection[str]
    ) -> Mapping[str, StoredPattern]:
        """By the root of the group as it is today: those whose names are among *signatures*."""
        with self._database.read() as connection:
            return find_patterns(connection, workspace_id, workflow_id, signatures)

    def of_group(
        self, workspace_id: str, workflow_id: str, root: str, signature: str
    ) -> StoredPattern | None:
        """The pattern of a group in a workflow, given its root and a name of it."""
        wanted = select(PATTERN).where(
            PATTERN.c.workspace_id == workspace_id,
            PATTERN.c.workflow_id == workflow_id,
            PATTERN.c.signature.in_(sorted({root, signature})),
        )
        with self._database.read() as connection:
            found = list(map(_stored, connection.execute(wanted)))
        return max(found, key=lambda one: one.signature == root, default=None)

    def states(
        self, workspace_id: str, kinds: Iterable[tuple[str, str]]
    ) -> Mapping[tuple[str, str], PatternState]:
        """Where each of *kinds*, a workflow and a signature, stands; without those that never were."""
        by_workflow: dict[str, list[str]] = {}
        for workflow_id, signature in kinds:
            by_workflow.setdefault(workflow_id, []).append(signature)
        found: dict[tuple[str, str], PatternState] = {}
        for workflow_id, signatures in by_workflow.items():
            for some in chunks(signatures):
                known = self.of_workflow(workspace_id, workflow_id, some)
                found |= {(workflow_id, root): one.state for root, one in known.items()}
        return found

    def newest(self, workspace_id: str, *, resolved: bool, limit: int) -> tuple[StoredPattern, ...]:
        """Those of the workspace that were seen last; with *resolved* only the resolved ones."""
        wanted = (
            select(PATTERN)
            .where(
                PATTERN.c.workspace_id == workspace_id,
                PATTERN.c.live == (false() if resolved else true()),
            )
            .order_by(PATTERN.c.last_occurred.desc())
            .limit(min(limit, MOST))
        )
        with self._database.read() as connection:
            return tuple(map(_stored, connection.execute(wanted)))

    def life(self, workspace_id: str, one: StoredPattern) -> PatternLife:
        """*one* as people see it, with its last turns."""
        wanted = (
            select(PATTERN_TURN)
            .where(
                PATTERN_TURN.c.workspace_id == workspace_id,
                PATTERN_TURN.c.pattern_id == one.pattern_id,
            )
            .order_by(PATTERN_TURN.c.id.desc())
            .limit(TURNS)
        )
        with self._database.read() as connection:
            turns = [_turn(row) for row in connection.execute(wanted)]
        return PatternLife(
            state=one.state,
            since=one.since,
            detected_at=one.detected_at,
            failures=one.failures,
            passed=one.passed,
            dismissal=_dismissal(one),
            turns=tuple(turns),
        )

    def change(
        self,
        workspace_id: str,
        workflow_id: str,
        signature: str,
        decide: Callable[[StoredPattern, datetime], StoredPattern],
    ) -> StoredPattern:
        """What *decide* makes of one pattern now, stored. Raises NotFound, also for another's."""
        with self._database.write() as connection:
            names = find_names(connection, workspace_id, signature)
            found = find_patterns(connection, workspace_id, workflow_id, names, for_update=True)
            if not found:
                raise NotFound("pattern")
            (one,) = found.values()  # the names are of one group
            after = decide(one, self._database.now())
            save_pattern(connection, workspace_id, after)
        return replace(after, turns=())

    def get(self, workspace_id: str, workflow_id: str, signature: str) -> StoredPattern:
        """Raises NotFound, also for another workspace's."""
        with self._database.read() as connection:
            names = find_names(connection, workspace_id, signature)
            found = find_patterns(connection, workspace_id, workflow_id, names)
        if not found:
            raise NotFound("pattern")
        (one,) = found.values()
        return one

    def names(self, workspace_id: str, signature: str) -> tuple[str, ...]:
        """See `find_names`."""
        with self._database.read() as connection:
            return find_names(connection, workspace_id, signature)


def find_names(connection: Connection, workspace_id: str, signature: str) -> tuple[str, ...]:
    """The signatures of the group that *signature* is in, the root first, at most 21."""
    root = find_roots(connection, workspace_id, {signature})[signature]
    values = {"workspace": workspace_id, "root": root}
    absorbed = connection.execute(_ABSORBED, values).scalars().all()
    return tuple(dict.fromkeys((root, *absorbed)))


def find_live_patterns(
    connection: Connection, workspace_id: str, workflows: Iterable[str]
) -> Sequence[StoredPattern]:
    """All that are not resolved in these workflows."""
    found: list[StoredPattern] = []
    for some in chunks(sorted(workflows)):
        wanted = select(PATTERN).where(
            PATTERN.c.workspace_id == workspace_id,
            PATTERN.c.workflow_id.in_(some),
            PATTERN.c.live == true(),
        )
        found += map(_stored, connection.execute(wanted.with_for_update()))
    return found


def find_patterns(
    connection: Connection,
    workspace_id: str,
    workflow_id: str,
    signatures: Collection[str],
    *,
    for_update: bool = False,
) -> dict[str, StoredPattern]:
    """By root: the patterns of a workflow with a name of theirs among *signatures*.

    After a merge a group may have two; the one that has the root's name, or was there first,
    stands for both.
    """
    roots = find_roots(connection, workspace_id, set(signatures))
    names = sorted({*signatures, *roots.values()})
    wanted = select(PATTERN).where(
        PATTERN.c.workspace_id == workspace_id,
        PATTERN.c.workflow_id == workflow_id,
        PATTERN.c.signature.in_(names),
    )
    rows = connection.execute(wanted.with_for_update() if for_update else wanted)
    by_root: dict[str, StoredPattern] = {}
    for one in sorted(map(_stored, rows), key=lambda one: (one.detected_at, one.pattern_id)):
        root = roots.get(one.signature, one.signature)
        if root not in by_root or one.signature == root:
            by_root[root] = one
    return by_root


def find_verified(
    connection: Connection, workspace_id: str, change_ids: Collection[str]
) -> Mapping[tuple[str, str], str]:
    """Of these changes those that are verified, by workflow and group that each was made for."""
    if not change_ids:
        return {}
    wanted = select(OUTCOME.c.change_id, OUTCOME.c.workflow_id, OUTCOME.c.signature).where(
        OUTCOME.c.workspace_id == workspace_id,
        OUTCOME.c.change_id.in_(sorted(change_ids)),
        OUTCOME.c.state == OutcomeState.VERIFIED,
    )
    rows = connection.execute(wanted).all()
    roots = find_roots(connection, workspace_id, {row.signature for row in rows})
    return {(row.workflow_id, roots[row.signature]): row.change_id for row in rows}


def save_pattern(connection: Connection, workspace_id: str, one: StoredPattern) -> None:
    """Store *one* with its new turns inside the caller's transaction."""
    values = _row(one)
    if one.pattern_id:
        pattern_id = one.pattern_id
        same = (PATTERN.c.workspace_id == workspace_id, PATTERN.c.pattern_id == pattern_id)
        connection.execute(update(PATTERN).where(*same).values(values))
    else:
        pattern_id = new_id("pattern")
        fresh = values | {"workspace_id": workspace_id, "pattern_id": pattern_id}
        if not insert_new(connection, PATTERN, fresh):
            return  # on Postgres another reader of the same failure was faster
    if one.turns:
        mine = {"workspace_id": workspace_id, "pattern_id": pattern_id}
        connection.execute(insert(PATTERN_TURN), [asdict(turn) | mine for turn in one.turns])


def _row(one: StoredPattern) -> dict[str, Any]:
    dismissed = one.dismissed
    return {
        "workflow_id": one.workflow_id,
        "signature": one.signature,
        "label": one.label,
        "live": one.state is not PatternState.RESOLVED,
        "state": one.state,
        "since": one.since,
        "detected_at": one.detected_at,
        "first_occurred": one.first_occurred,
        "last_occurred": one.last_occurred,
        "last_execution_id": one.last_execution_id,
        "workflow_version": one.workflow_version,
        "failures": one.failures,
        "passed": one.passed,
        "dismissed_by": dismissed and dismissed.by,
        "dismissed_by_name": dismissed and dismissed.by_name,
        "dismissed_at": dismissed and dismissed.at,
        "dismissed_reason": dismissed and dismissed.reason,
        "dismissed_failures": dismissed and dismissed.failures,
        "dismissed_version": dismissed and dismissed.version,
    }


def _stored(row: Row[Any]) -> StoredPattern:
    dismissed = None
    if row.dismissed_at is not None:
        dismissed = Dismissed(
            by=row.dismissed_by,
            by_name=row.dismissed_by_name,
            at=row.dismissed_at,
            reason=row.dismissed_reason,
            failures=row.dismissed_failures,
            version=row.dismissed_version,
        )
    return StoredPattern(
        pattern_id=row.pattern_id,
        workflow_id=row.workflow_id,
        signature=row.signature,
        label=row.label,
        state=PatternState(row.state),
        since=row.since,
        detected_at=row.detected_at,
        first_occurred=row.first_occurred,
        last_occurred=row.last_occurred,
        last_execution_id=row.last_execution_id,
        workflow_version=row.workflow_version,
        failures=row.failures,
        passed=row.passed,
        dismissed=dismissed,
    )


def _turn(row: Row[Any]) -> PatternTurn:
    return PatternTurn(state=PatternState(row.state), at=row.at, reason=row.reason, by=row.by_name)


def _dismissal(one: StoredPattern) -> Dismissal | None:
    known = one.dismissed
    if known is None or one.state is not PatternState.DISMISSED:
        return None
    return Dismissal(by=known.by, by_name=known.by_name, at=known.at, reason=known.reason)
