"""How a run comes to wait for people, behind the interpreter's fence."""

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from ..execution import Approval, ExecutionStatus
from . import events, questions
from .journal import Fenced, Ticket, record_steps, settle_steps
from .questions import Question
from .records import StepRecord, lock_execution
from .tables import EXECUTION


def ask(connection: sa.Connection, ticket: Ticket, record: StepRecord, question: Question) -> None:
    """A person is asked: the step is paused, and what waits is listed. Raises `Fenced`."""
    record_steps(connection, [(ticket, record)])
    questions.add(connection, ticket.execution_id, ticket.round, record, question)


def expire(connection: sa.Connection, ticket: Ticket, record: StepRecord) -> None:
    """Nobody has decided in time: the step's end, and the question's. Raises `Fenced`."""
    settle_steps(connection, [(ticket, record)])
    questions.expire(connection, ticket.execution_id, ticket.round, record.path)
    events.approval_decided(
        connection,
        ticket.execution_id,
        ticket.round,
        record.path,
        decision="expired",
        now=record.completed_at or record.started_at,
    )


def pause(
    connection: sa.Connection, ticket: Ticket, *, now: datetime, current_step: str | None
) -> Mapping[str, Approval] | None:
    """The run waits for people, and nobody works on it. Raises `Fenced`.

    If one has decided meanwhile, or a time has run out, nothing is changed, and the approvals are
    given as they are now.
    """
    row = lock_execution(connection, ticket.execution_id)
    if row is None or row.run_token != ticket.token:
        raise Fenced(ticket.execution_id)
    approvals = questions.of_round(connection, ticket.execution_id, ticket.round)
    waiting = questions.unsettled(connection, ticket.execution_id, ticket.round)
    ends = [approvals[path].expires_at for path in waiting]
    due = min((moment for moment in ends if moment is not None), default=None)
    answered = any(approvals[path].status != "waiting" for path in waiting)
    if answered or (due is not None and due <= now):
        return approvals
    connection.execute(
        sa.update(EXECUTION)
        .where(EXECUTION.c.id == ticket.execution_id)
        .values(
            status=ExecutionStatus.PAUSED.value,
            run_token=None,
            paused_at=now,
            wake_at=due,
            updated_at=now,
            current_step=current_step,
        )
    )
    events.paused(
        connection, ticket.execution_id, ticket.round, reason="approval", now=now, wake_at=due
    )
    return None
