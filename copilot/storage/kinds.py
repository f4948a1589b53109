"""The kinds of failure among those taken in since a nightly pass, counted by the database."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, false, func, select, true

from .group_aliases import chunks, find_ignored, find_members, find_roots
from .tables import ANALYSIS, FAILURE

_SEEN_BEFORE = (
    select(FAILURE.c.id)
    .where(
        FAILURE.c.workspace_id == bindparam("workspace"),
        FAILURE.c.signature == bindparam("signature"),
        FAILURE.c.id <= bindparam("last_id"),
        FAILURE.c.test_mode == false(),
    )
    .limit(1)
)

_OF_KIND = (
    FAILURE.c.workspace_id == bindparam("workspace"),
    FAILURE.c.workflow_id == bindparam("workflow"),
    FAILURE.c.signature.in_(bindparam("signatures", expanding=True)),
    FAILURE.c.id <= bindparam("last_id"),
    FAILURE.c.test_mode == false(),
)
_RUNS = select(FAILURE.c.execution_id, FAILURE.c.occurred_at, FAILURE.c.id).where(
    *_OF_KIND, FAILURE.c.id > bindparam("first_id"), FAILURE.c.counted == true()
)
_ANALYSED = (
    select(FAILURE.c.id, ANALYSIS.c.report)
    .join(
        ANALYSIS,
        (ANALYSIS.c.workspace_id == FAILURE.c.workspace_id)
        & (ANALYSIS.c.execution_id == FAILURE.c.execution_id)
        & (ANALYSIS.c.signature == FAILURE.c.signature),
    )
    .where(*_OF_KIND)
    .order_by(FAILURE.c.id.desc(), ANALYSIS.c.created_at.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Kind:
    """Failures of one workflow that are one group. `label` and `execution_id` are the newest's."""

    workflow_id: str
    root: str
    label: str
    failures: int
    first_occurred: datetime
    last_occurred: datetime
    execution_id: str
    is_new: bool = True


def newest_failure_id(connection: Connection, workspace_id: str) -> int:
    """0 when there is none."""
    wanted = select(func.max(FAILURE.c.id)).where(FAILURE.c.workspace_id == workspace_id)
    return connection.execute(wanted).scalar_one() or 0


def count_kinds(
    connection: Connection, workspace_id: str, *, first_id: int, last_id: int
) -> Sequence[Kind]:
    """The kinds of failure with `first_id < id <= last_id`, the largest impact first.

    That is the most failures, then the newest. Runs in test mode are left out, and so are groups
    that a person has opted out. A kind is new when no failure of its group, in any workflow of the
    workspace, has an id up to *first_id*.
    """
    rows = connection.execute(_grouped(workspace_id, first_id, last_id)).all()
    roots = find_roots(connection, workspace_id, {row.signature for row in rows})
    ignored = find_ignored(connection, workspace_id)
    merged: dict[tuple[str, str], Kind] = {}
    for row in rows:
        if roots[row.signature] in ignored:
            continue
        kind = _kind(row, roots[row.signature])
        place = (kind.workflow_id, kind.root)
        merged[place] = _together(merged[place], kind) if place in merged else kind
    known = _seen_before(connection, workspace_id, set(roots.values()), first_id)
    kinds = (replace(kind, is_new=kind.root not in known) for kind in merged.values())
    return sorted(kinds, key=_impact)


def read_runs(
    connection: Connection,
    workspace_id: str,
    *,
    workflow_id: str,
    root: str,
    first_id: int,
    last_id: int,
) -> Sequence[str]:
    """The runs of one kind with a failure of `first_id < id <= last_id`, the newest first.

    root: of the kind when it was counted; what was merged or split since counts as it is now.
    """
    place = {
        "workspace": workspace_id,
        "workflow": workflow_id,
        "first_id": first_id,
        "last_id": last_id,
    }
    rows = [
        row
        for some in chunks(_of_group(connection, workspace_id, root))
        for row in connection.execute(_RUNS, {**place, "signatures": some})
    ]
    rows.sort(key=lambda row: (row.occurred_at, row.id), reverse=True)
    return tuple(row.execution_id for row in rows)


def read_analysed(
    connection: Connection, workspace_id: str, *, workflow_id: str, root: str, last_id: int
) -> str | None:
    """The report, as it is stored, on the newest run of one kind that was ever analysed."""
    place = {"workspace": workspace_id, "workflow": workflow_id, "last_id": last_id}
    found = [
        row
        for some in chunks(_of_group(connection, workspace_id, root))
        for row in connection.execute(_ANALYSED, {**place, "signatures": some})
    ]
    return max(found, key=lambda row: row.id).report if found else None


def _of_group(connection: Connection, workspace_id: str, signature: str) -> Sequence[str]:
    """All signatures that are one group with this one by now."""
    root = find_roots(connection, workspace_id, {signature})[signature]
    return find_members(connection, workspace_id, {root})[root]


def _grouped(workspace_id: str, first_id: int, last_id: int) -> Any:
    """One row a workflow and signature: its newest failure, with the counts of all."""
    same = (FAILURE.c.workflow_id, FAILURE.c.signature)
    newest_first = (FAILURE.c.occurred_at.desc(), FAILURE.c.id.desc())
    numbered = (
        select(
            FAILURE.c.workflow_id,
            FAILURE.c.signature,
            FAILURE.c.label,
            FAILURE.c.execution_id,
            FAILURE.c.occurred_at,
            func.count().over(partition_by=same).label("failures"),
            func.min(FAILURE.c.occurred_at).over(partition_by=same).label("first_occurred"),
            func.row_number().over(partition_by=same, order_by=newest_first).label("place"),
        )
        .where(
            FAILURE.c.workspace_id == workspace_id,
            FAILURE.c.id > first_id,
            FAILURE.c.id <= last_id,
            FAILURE.c.counted == true(),
        )
        .subquery()
    )
    return select(numbered).where(numbered.c.place == 1)


def _kind(row: Row[Any], root: str) -> Kind:
    return Kind(
        workflow_id=row.workflow_id,
        root=root,
        label=row.label,
        failures=row.failures,
        first_occurred=row.first_occurred,
        last_occurred=row.occurred_at,
        execution_id=row.execution_id,
    )


def _together(one: Kind, other: Kind) -> Kind:
    newest = max(one, other, key=lambda kind: (kind.last_occurred, kind.execution_id))
    return replace(
        newest,
        failures=one.failures + other.failures,
        first_occurred=min(one.first_occurred, other.first_occurred),
    )


def _impact(kind: Kind) -> tuple[int, float, str, str]:
    return -kind.failures, -kind.last_occurred.timestamp(), kind.workflow_id, kind.root


def _seen_before(
    connection: Connection, workspace_id: str, roots: set[str], last_id: int
) -> set[str]:
    """Those of *roots* with a member among the failures up to *last_id*."""
    if not last_id:
        return set()
    members = find_members(connection, workspace_id, roots)
    place = {"workspace": workspace_id, "last_id": last_id}

    def is_known(signatures: Iterable[str]) -> bool:
        return any(
            connection.execute(_SEEN_BEFORE, {**place, "signature": signature}).first() is not None
            for signature in signatures
        )

    return {root for root, signatures in members.items() if is_known(signatures)}
