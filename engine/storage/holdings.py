"""Which tables hold something of a workspace, and in which order it can be deleted."""

import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from .. import storage
from .tables import COUNTER, EXECUTION, METADATA, WORKFLOW

#: In this order, so that nothing is left behind that names what has gone.
ORDER = (
    "parked_run",
    "quota_use",
    "quota_account",
    "quota_override",
    "execution_event",
    "approval",
    "run_facts",
    "workflow_execution_stats",
    "schedule_notice",
    "scheduled_start",
    "workflow_schedule",
    "dispatch_queue",
    "queue_share",
    "queue_limit",
    "engine_request",
    "step_run",
    "execution",
    "applied_change",
    "workflow_version",
    "workflow",
    "workspace_resource",
)
#: Of no workspace: the numbers of this installation, its processes, and its clock.
SHARED = frozenset({"engine_counter", "engine_worker", "job_tick"})


@dataclass(frozen=True, slots=True)
class Holding:
    """A table with rows of workspaces. `withheld` columns never leave: they hold secrets."""

    table: sa.Table
    withheld: frozenset[str] = field(default_factory=frozenset[str])

    def of(self, workspace_id: str) -> sa.ColumnElement[bool]:
        """The condition for its rows of one workspace."""
        if "workspace_id" in self.table.c:
            return self.table.c.workspace_id == workspace_id
        runs = sa.select(EXECUTION.c.id).where(EXECUTION.c.workspace_id == workspace_id)
        return self.table.c.execution_id.in_(runs)


def holdings() -> tuple[Holding, ...]:
    """Every table of the engine that holds something of a workspace, in the order of deletion.

    Raises RuntimeError for a table that nobody has given a place in `ORDER` or `SHARED`.
    """
    for module in pkgutil.iter_modules(storage.__path__):
        if module.name.endswith("_tables"):
            importlib.import_module(f"{storage.__name__}.{module.name}")
    return _placed(METADATA, ORDER)


def _placed(metadata: sa.MetaData, order: Sequence[str]) -> tuple[Holding, ...]:
    if lost := sorted(set(metadata.tables) - set(order) - SHARED):
        raise RuntimeError(f"No place in the order of deletion: {', '.join(lost)}")
    return tuple(Holding(metadata.tables[name]) for name in order if name in metadata.tables)


def _floor(workspace_id: str) -> Any:
    return COUNTER.c.name == f"versions/{workspace_id}"


def raise_floor(connection: sa.Connection, workspace_id: str) -> None:
    """Keeps the highest version of the workspace's workflows, before they are deleted.

    Other processes hold parsed versions by workflow and number, for good. A number that was used
    is therefore never used again, for whatever workflow.
    """
    highest = connection.scalar(
        sa.select(sa.func.max(WORKFLOW.c.version)).where(WORKFLOW.c.workspace_id == workspace_id)
    )
    before = connection.scalar(sa.select(COUNTER.c.value).where(_floor(workspace_id)))
    if highest is None or (before is not None and before >= highest):
        return
    if before is None:
        values = {"name": f"versions/{workspace_id}", "value": highest}
        connection.execute(sa.insert(COUNTER).values(**values))
    else:
        update = sa.update(COUNTER).where(_floor(workspace_id))
        connection.execute(update.values(value=highest))


def version_floor(connection: sa.Connection, workspace_id: str) -> int:
    """The version that a new workflow's first one comes after: 0, unless data was cleared here."""
    return connection.scalar(sa.select(COUNTER.c.value).where(_floor(workspace_id))) or 0
