"""What a new scheduled start has to mind: other starts of its workspace, and runs under way."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from ..execution import ExecutionStatus
from .schedule_records import StartState
from .schedule_tables import SCHEDULED_START
from .tables import EXECUTION

PATIENCE = timedelta(days=1)  # less than request keys are kept
UNENDED = tuple(status.value for status in ExecutionStatus if not status.is_terminal)
ITS_RUN = SCHEDULED_START.outerjoin(EXECUTION, EXECUTION.c.id == SCHEDULED_START.c.execution_id)
_AT_WORK = (ExecutionStatus.QUEUED.value, ExecutionStatus.RUNNING.value)


def planned_starts(
    connection: sa.Connection, workspace_id: str, *, since: datetime
) -> dict[str, datetime]:
    """The last start of each workflow that is planned for after *since*, or was."""
    query = sa.select(SCHEDULED_START.c.workflow_id, sa.func.max(SCHEDULED_START.c.planned_at))
    query = query.where(
        SCHEDULED_START.c.workspace_id == workspace_id,
        SCHEDULED_START.c.planned_at > since,
        SCHEDULED_START.c.tick > since - PATIENCE,  # what waits for longer is let go
        SCHEDULED_START.c.state != StartState.SKIPPED.value,
    )
    rows = connection.execute(query.group_by(SCHEDULED_START.c.workflow_id))
    return {row[0]: row[1] for row in rows}


def unended_starts(connection: sa.Connection, workspace_id: str) -> set[str]:
    """Workflows with a start that has no run yet."""
    query = sa.select(SCHEDULED_START.c.workflow_id).where(
        SCHEDULED_START.c.workspace_id == workspace_id,
        SCHEDULED_START.c.state.in_((StartState.WAITING.value, StartState.CLAIMED.value)),
    )
    return set(connection.scalars(query))


def unended_runs(connection: sa.Connection, workspace_id: str) -> set[str]:
    """Workflows with a run under way or paused, whoever started it."""
    query = sa.select(EXECUTION.c.workflow_id).where(
        # Hidden from the planner, which would go through all the runs a workspace ever had:
        # by their status there are only a few.
        sa.func.coalesce(EXECUTION.c.workspace_id, "") == workspace_id,
        EXECUTION.c.status.in_(UNENDED),
        EXECUTION.c.test_mode.is_(False),
    )
    return set(connection.scalars(query.distinct()))


def under_way(connection: sa.Connection, workspace_id: str) -> int:
    """How many scheduled runs hold a place; one that waits for a person holds none."""
    query = (
        sa.select(sa.func.count())
        .select_from(ITS_RUN)
        .where(
            SCHEDULED_START.c.workspace_id == workspace_id,
            sa.or_(
                SCHEDULED_START.c.state == StartState.CLAIMED.value,
                sa.and_(
                    SCHEDULED_START.c.state == StartState.RUNNING.value,
                    EXECUTION.c.status.in_(_AT_WORK),
                ),
            ),
        )
    )
    return connection.scalar(query) or 0
