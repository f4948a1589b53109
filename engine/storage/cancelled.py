"""What a run has used that somebody has cancelled, told afterwards by who carried it out."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..execution import ErrorInfo, ExecutionStatus
from . import events
from .interrupted import INTERRUPTED_EFFECT
from .journal import Ticket
from .records import StepRecord, lock_execution, step_values, totals
from .tables import EXECUTION, STEP_RUN

_USE = ("execution_time_ms", "turns", "tokens_used", "cost_usd")


def record_cancelled(
    connection: sa.Connection, ticket: Ticket, records: Sequence[StepRecord], *, now: datetime
) -> None:
    """The steps that were under way, with their use.

    The fence does not let them in any more, so they go by the round: nothing is written unless it
    was cancelled, or another has followed it since. A step that has its end keeps it; if it was
    written for it, its use is added.
    """
    row = lock_execution(connection, ticket.execution_id)
    if row is None:
        return
    is_past = row.round > ticket.round
    if not is_past and row.status != ExecutionStatus.CANCELLED.value:
        return
    for record in records:
        _record(connection, ticket, record, superseded_in=ticket.round + 1 if is_past else None)
    if is_past:
        return  # its totals are those of the round now
    used = totals(connection, ticket.execution_id, round=ticket.round)
    connection.execute(
        sa.update(EXECUTION)
        .where(EXECUTION.c.id == ticket.execution_id)
        .values(
            total_tokens_used=used.tokens,
            total_execution_time_ms=used.time_ms,
            total_cost_usd=used.cost_usd,
            updated_at=now,
        )
    )


def _record(
    connection: sa.Connection, ticket: Ticket, record: StepRecord, *, superseded_in: int | None
) -> None:
    key = (
        STEP_RUN.c.execution_id == ticket.execution_id,
        STEP_RUN.c.round == ticket.round,
        STEP_RUN.c.path == record.path,
    )
    row = connection.execute(sa.select(STEP_RUN.c.error).where(*key)).one_or_none()
    if row is None:
        values: dict[str, Any] = {
            "execution_id": ticket.execution_id,
            "round": ticket.round,
            "workflow_version": ticket.workflow_version,
            "superseded_in": superseded_in,
            **step_values(record),
        }
        connection.execute(sa.insert(STEP_RUN).values(**values))
        events.steps_recorded(connection, [(ticket, record)])
    elif row.error is not None and _was_written_for_it(row.error):
        used = {name: getattr(record, name) for name in _USE}
        connection.execute(sa.update(STEP_RUN).where(*key).values(**used))


def _was_written_for_it(error: str) -> bool:
    return ErrorInfo.model_validate_json(error).details.get("kind") == INTERRUPTED_EFFECT
