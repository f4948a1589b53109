"""How far a run is: what of its top level has been done, counted from an index alone."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ..definition.workflow import Workflow
from ..execution import StepStatus
from .prepared import Prepared
from .tables import STEP_RUN

_DONE_AT_TOP = (
    STEP_RUN.c.execution_id == sa.bindparam("id"),
    STEP_RUN.c.status == sa.literal(StepStatus.SUCCEEDED.value),
    STEP_RUN.c.depth == sa.literal(1),
    STEP_RUN.c.superseded_in.is_(None),
)
_DONE = Prepared(sa.select(STEP_RUN.c.step_id).where(*_DONE_AT_TOP))
_LAST = sa.select(sa.func.max(STEP_RUN.c.completed_at)).where(*_DONE_AT_TOP).scalar_subquery()
_COUNTED = Prepared(
    sa.select(sa.func.count().label("steps"), _LAST.label("last")).where(*_DONE_AT_TOP)
)


@dataclass(frozen=True, slots=True)
class Completed:
    """How many top-level steps have succeeded, and when the last one did."""

    steps: int
    last: datetime | None


def completed(connection: sa.Connection, execution_id: str) -> Completed:
    """Of the steps that count now."""
    (row,) = _COUNTED.all(connection, {"id": execution_id})
    return Completed(row.steps, row.last)


def step_at(connection: sa.Connection, execution_id: str, workflow: Workflow) -> str | None:
    """The first top-level step that has not succeeded, in any round."""
    done = {row.step_id for row in _DONE.all(connection, {"id": execution_id})}
    return next((step.id for step in workflow.steps if step.id not in done), None)


def step_behind(workflow: Workflow, done: Completed) -> str | None:
    """The same for a run in its first round, whose steps are done in order and without a gap."""
    return workflow.steps[done.steps].id if done.steps < len(workflow.steps) else None
