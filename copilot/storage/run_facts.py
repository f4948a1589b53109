"""What failed runs were started by and used, how the last runs of a workflow ended, and which
workflows fail with one group. Every read takes a fixed number of rows by index."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import JsonValue, TypeAdapter
from sqlalchemy import Connection, bindparam, insert, select, update

from .database import Database, leaving_old
from .failures import RECENT
from .group_aliases import chunks, find_ignored, find_roots
from .pattern_tables import FAILED_RUN, LAST_RUNS
from .tables import FAILURE

#: Runs that the impact is summed over, and how many are counted when a pattern is first seen.
SUMMED = 500
#: Endings of runs that are kept for each workflow.
KEPT = 20
#: Failures of a group that are looked at to see where else it happens.
LOOKED_AT = 50

#: Facts beside an error that name something.
_NAMED = ("integration", "host", "model", "template", "field", "file")
#: What the `name` beside an error is of, by its stable code.
_NAMED_BY = {
    "integration_not_connected": "integration",
    "template_not_found": "template",
    "field_not_found": "field",
    "network_failed": "host",
}

_ENTITIES = TypeAdapter(tuple[tuple[str, str], ...])

RUNS_OF_GROUP = (
    select(
        FAILED_RUN.c.occurred_at,
        FAILED_RUN.c.trigger,
        FAILED_RUN.c.started_by,
        FAILED_RUN.c.tokens,
        FAILED_RUN.c.credits,
        FAILED_RUN.c.cost_usd,
    )
    .where(
        FAILED_RUN.c.workspace_id == bindparam("workspace"),
        FAILED_RUN.c.workflow_id == bindparam("workflow"),
        FAILED_RUN.c.signature == bindparam("one_signature"),
    )
    .order_by(FAILED_RUN.c.occurred_at.desc())
    .limit(SUMMED)
)
#: The newest of one group over the workspace; read backwards from the end of an index.
LAST_OF_GROUP = (
    select(
        FAILURE.c.id,
        FAILURE.c.workflow_id,
        FAILURE.c.occurred_at,
        FAILURE.c.entities,
        FAILURE.c.test_mode,
    )
    .where(
        FAILURE.c.workspace_id == bindparam("workspace"),
        FAILURE.c.signature == bindparam("one_signature"),
    )
    .order_by(FAILURE.c.id.desc())
    .limit(LOOKED_AT)
)
_KNOWN = select(FAILED_RUN.c.execution_id).where(
    FAILED_RUN.c.workspace_id == bindparam("workspace"),
    FAILED_RUN.c.execution_id.in_(bindparam("executions", expanding=True)),
)
_DETAILS = select(FAILURE.c.id, FAILURE.c.error).where(
    FAILURE.c.workspace_id == bindparam("workspace"),
    FAILURE.c.id.in_(bindparam("ids", expanding=True)),
)


@dataclass(frozen=True, slots=True)
class FailedRun:
    """None is unknown, and never nothing."""

    execution_id: str
    workflow_id: str
    signature: str
    occurred_at: datetime
    trigger: str | None
    started_by: str | None
    tokens: int | None
    credits: float | None
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Ending:
    """How one run ended. `signature`: of what failed in it; None when it succeeded."""

    execution_id: str
    signature: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """A failure of a group in one of the workspace's workflows, with the names in it."""

    workflow_id: str
    occurred_at: datetime
    facts: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class WindowEntry:
    execution_id: str
    signature: str
    root: str
    label: str
    occurred_at: datetime
    is_ignored: bool = False


class RunFacts:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of_group(
        self, workspace_id: str, workflow_id: str, signatures: Iterable[str]
    ) -> Sequence[FailedRun]:
        """The newest failed runs of a group in one workflow, at most 500."""
        with self._database.read() as connection:
            return find_runs(connection, workspace_id, workflow_id, signatures)

    def endings(
        self, workspace_id: str, workflow_id: str, *, roots: Mapping[str, str] | None = None
    ) -> Sequence[Ending]:
        """How the last runs of a workflow ended, newest last, at most 20, by today's groups.

        roots: where they are known; a signature that is not among them stands for itself.
        """
        with self._database.read() as connection:
            found = find_endings(connection, workspace_id, {workflow_id}).get(workflow_id, ())
            if roots is None:
                names = {one.signature for one in found if one.signature is not None}
                roots = find_roots(connection, workspace_id, names) if names else {}
        return [
            Ending(one.execution_id, one.signature and roots.get(one.signature, one.signature))
            for one in found
        ]

    def places(self, workspace_id: str, signatures: Iterable[str]) -> Sequence[Place]:
        """Where in the workspace a group failed last, the newest first: 50 for each name of it.

        The facts of an error are read for the newest failure of each workflow alone.
        """
        with self._database.read() as connection:
            rows = [
                row
                for signature in signatures
                for row in connection.execute(
                    LAST_OF_GROUP, {"workspace": workspace_id, "one_signature": signature}
                )
                if not row.test_mode
            ]
            rows.sort(key=lambda row: (row.occurred_at, row.id), reverse=True)
            newest: dict[str, int] = {}
            for row in rows:
                newest.setdefault(row.workflow_id, row.id)
            wanted = {"workspace": workspace_id, "ids": sorted(newest.values())}
            details = {row.id: _details(row.error) for row in connection.execute(_DETAILS, wanted)}
        return [
            Place(
                workflow_id=row.workflow_id,
                occurred_at=row.occurred_at,
                facts=frozenset(_ENTITIES.validate_json(row.entities))
                | details.get(newest[row.workflow_id], frozenset()),
            )
            for row in rows
        ]


def find_runs(
    connection: Connection, workspace_id: str, workflow_id: str, signatures: Iterable[str]
) -> Sequence[FailedRun]:
    """`RunFacts.of_group` inside the caller's transaction."""
    place = {"workspace": workspace_id, "workflow": workflow_id}
    found = [
        FailedRun(
            execution_id="",
            workflow_id=workflow_id,
            signature=signature,
            occurred_at=row.occurred_at,
            trigger=row.trigger,
            started_by=row.started_by,
            tokens=row.tokens,
            credits=row.credits,
            cost_usd=None if row.cost_usd is None else Decimal(row.cost_usd),
        )
        for signature in signatures
        for row in connection.execute(RUNS_OF_GROUP, place | {"one_signature": signature})
    ]
    return sorted(found, key=lambda run: run.occurred_at, reverse=True)[:SUMMED]


def record_runs(connection: Connection, workspace_id: str, runs: Sequence[FailedRun]) -> set[str]:
    """Store what *runs* used; gives those that had not failed before.

    A run that failed again after a resume stays one failed run, with what its last round used.
    """
    newest = {run.execution_id: run for run in runs}
    known: set[str] = set()
    for some in chunks(sorted(newest)):
        wanted = {"workspace": workspace_id, "executions": some}
        known |= set(connection.execute(_KNOWN, wanted).scalars())
    rows = {execution_id: _run_row(workspace_id, run) for execution_id, run in newest.items()}
    fresh = rows.keys() - known
    if fresh:
        added = [row for execution_id, row in rows.items() if execution_id in fresh]
        connection.execute(leaving_old(connection.dialect.name, FAILED_RUN), added)
    for execution_id in sorted(known):
        mine = (
            FAILED_RUN.c.workspace_id == workspace_id,
            FAILED_RUN.c.execution_id == execution_id,
        )
        connection.execute(update(FAILED_RUN).where(*mine).values(rows[execution_id]))
    return fresh


def find_endings(
    connection: Connection, workspace_id: str, workflows: Iterable[str]
) -> Mapping[str, Sequence[Ending]]:
    """How the last runs of each workflow ended, newest last."""
    found: dict[str, Sequence[Ending]] = {}
    for some in chunks(sorted(workflows)):
        wanted = select(LAST_RUNS).where(
            LAST_RUNS.c.workspace_id == workspace_id, LAST_RUNS.c.workflow_id.in_(some)
        )
        for row in connection.execute(wanted):
            found[row.workflow_id] = [Ending(*pair) for pair in json.loads(row.runs)]
    return found


def add_endings(
    connection: Connection, workspace_id: str, ended: Mapping[str, Sequence[Ending]]
) -> None:
    """Add *ended* to the last runs of each workflow; a run that is known is told anew."""
    known = find_endings(connection, workspace_id, ended)
    for workflow_id, endings in ended.items():
        together = {one.execution_id: one for one in known.get(workflow_id, ())}
        for one in endings:
            together.pop(one.execution_id, None)
            together[one.execution_id] = one
        last = [[one.execution_id, one.signature] for one in [*together.values()][-KEPT:]]
        row = {
            "workspace_id": workspace_id,
            "workflow_id": workflow_id,
            "runs": json.dumps(last, separators=(",", ":")),
        }
        mine = (LAST_RUNS.c.workspace_id == workspace_id, LAST_RUNS.c.workflow_id == workflow_id)
        if not connection.execute(update(LAST_RUNS).where(*mine).values(runs=row["runs"])).rowcount:
            connection.execute(insert(LAST_RUNS), row)


def read_window(
    connection: Connection, workspace_id: str, workflow_id: str, count: int
) -> Sequence[WindowEntry]:
    """The last *count* failed runs of a workflow, newest first, without test runs.

    Those of groups that people have opted out take their places, and are marked.
    """
    values = {"workspace": workspace_id, "workflow": workflow_id, "count": count}
    rows = connection.execute(RECENT, values).all()
    roots = find_roots(connection, workspace_id, {row.signature for row in rows})
    ignored = find_ignored(connection, workspace_id) if rows else frozenset[str]()
    return [
        WindowEntry(
            execution_id=row.execution_id,
            signature=row.signature,
            root=roots[row.signature],
            label=row.label,
            occurred_at=row.occurred_at,
            is_ignored=roots[row.signature] in ignored,
        )
        for row in rows
    ]


def _run_row(workspace_id: str, run: FailedRun) -> dict[str, Any]:
    cost = None if run.cost_usd is None else str(run.cost_usd)
    return asdict(run) | {"workspace_id": workspace_id, "cost_usd": cost}


def _details(error: str) -> frozenset[tuple[str, str]]:
    """The names in the facts beside an error: of its integration, its host, its model."""
    known: dict[str, JsonValue] = json.loads(error)
    facts = known.get("details")
    if not isinstance(facts, dict):
        return frozenset()
    found = {(key, facts[key]) for key in _NAMED if isinstance(facts.get(key), str)}
    name = facts.get("name")
    if isinstance(name, str):
        kind = facts.get("kind") or _NAMED_BY.get(str(known.get("code")), "name")
        found.add((str(kind), name))
    return frozenset((key, str(value)) for key, value in found)
