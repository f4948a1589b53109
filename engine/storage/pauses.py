"""How a run comes to wait for people, behind the interpreter's fence, and how it goes on."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..execution import ExecutionStatus, StepApproval
from . import events, questions
from .journal import Fenced, Ticket, record_steps, settle_steps
from .questions import Question
from .records import StepRecord, lock_execution
from .tables import EXECUTION


class Decided(Exception):
    """A person was quicker than the clock."""


def ask(connection: sa.Connection, ticket: Ticket, record: StepRecord, question: Question) -> None:
    """A person is asked: the step is paused, and what waits is listed. Raises `Fenced`."""
    record_steps(connection, [(ticket, record)])
    questions.add(connection, ticket.execution_id, ticket.round, record, question)


def expire(connection: sa.Connection, ticket: Ticket, record: StepRecord) -> None:
    """Nobody has decided in time: the question's end, and the step's. Raises `Fenced`.

    Raises `Decided` if somebody has, on the last moment; nothing is to be changed then.
    """
    _held(connection, ticket)
    if not questions.expire(connection, ticket.execution_id, ticket.round, record.path):
        raise Decided(record.path)
    events.approval_decided(
        connection,
        ticket.execution_id,
        ticket.round,
        record.path,
        decision="expired",
        now=record.completed_at or record.started_at,
    )
    settle_steps(connection, [(ticket, record)])


def pause(
    connection: sa.Connection,
    ticket: Ticket,
    *,
    now: datetime,
    current_step: str | None,
    known: Mapping[str, StepApproval],
) -> Mapping[str, StepApproval] | None:
    """The run waits for people, and nobody works on it. Raises `Fenced`.

    If one has decided meanwhile, or a time has run out, nothing is changed, and the approvals are
    given as they are now. *known* are those the interpreter has gone by: a rejection among them
    may wait itself, for what is done about it.
    """
    _held(connection, ticket)
    approvals = questions.of_round(connection, ticket.execution_id, ticket.round)
    unsettled = questions.unsettled(connection, ticket.execution_id, ticket.round)
    waiting = [approvals[path] for path in unsettled if approvals[path].status == "waiting"]
    ends = [one.expires_at for one in waiting if one.expires_at is not None]
    due = min(ends, default=None)
    answered = any(
        approvals[path].status != "waiting" and approvals[path] != known.get(path)
        for path in unsettled
    )
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


def queue_again(
    connection: sa.Connection,
    row: Any,
    *,
    now: datetime,
    enqueue: Callable[[sa.Connection, str, int], None],
) -> None:
    """A locked run that is paused goes on; the time it has waited does not count as its own."""
    waited = 0.0 if row.paused_at is None else (now - row.paused_at).total_seconds()
    connection.execute(
        sa.update(EXECUTION)
        .where(EXECUTION.c.id == row.id)
        .values(
            status=ExecutionStatus.QUEUED.value,
            dispatch=row.dispatch + 1,
            run_token=None,
            paused_at=None,
            wake_at=None,
            paused_seconds=row.paused_seconds + max(0.0, waited),
            recoveries=0,
            updated_at=now,
        )
    )
    events.resumed(connection, row.id, row.round, reason="pause_over", now=now)
    enqueue(connection, row.id, row.dispatch + 1)


def _held(connection: sa.Connection, ticket: Ticket) -> None:
    """Keeps everybody else away from the run of *ticket*. Raises `Fenced`."""
    row = lock_execution(connection, ticket.execution_id)
    if row is None or row.run_token != ticket.token:
        raise Fenced(ticket.execution_id)
