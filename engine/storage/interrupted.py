"""Steps whose end nobody else will write: their run has been ended, or stands still."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..errors import Conflict
from ..execution import ErrorInfo, StepStatus
from . import codec, events, questions
from .events import RoundOf
from .records import StepRecord, step_values
from .tables import STEP_RUN

#: `details.kind` of a step whose process died between its intent and its end.
INTERRUPTED_EFFECT = "interrupted_effect"


def settle_open(connection: sa.Connection, execution_id: str, round: int, *, now: datetime) -> None:
    """What a round that did not succeed has left open, for the transaction that ends it.

    What still waits is skipped, and nobody is asked any more.
    """
    settle_left(connection, execution_id, round, now=now)
    skip_waiting(connection, execution_id, round)


def settle_left(connection: sa.Connection, execution_id: str, round: int, *, now: datetime) -> None:
    """The ends of steps that nobody will write; nobody else carries the run out.

    What was approved has succeeded. Of a step that has set out to do what can't be repeated it is
    not known whether it was done, and its row says so.
    """
    settle_approved(connection, execution_id, round, now=now)
    of = RoundOf(execution_id, round)
    for row in _rows(connection, of, StepStatus.RUNNING):
        _settle(connection, of, row, StepStatus.FAILED, now=now, error=_interrupted(row))


def settle_approved(
    connection: sa.Connection, execution_id: str, round: int, *, now: datetime
) -> None:
    """The end of each step that was approved, though its run did not come to it.

    So the decision is kept, and nobody is asked for it again.
    """
    of = RoundOf(execution_id, round)
    waiting = _rows(connection, of, StepStatus.PAUSED)
    approvals = questions.of_round(connection, execution_id, round) if waiting else {}
    for row in waiting:
        if approvals[row.path].status == "approved":
            answer = questions.answer_of(approvals[row.path])
            text = codec.dumps(answer, place=f"output of {row.path}")
            _settle(connection, of, row, StepStatus.SUCCEEDED, now=now, output=text)


def skip_waiting(connection: sa.Connection, execution_id: str, round: int) -> None:
    """Nobody is asked any more in this round, and the steps that have asked do not go on."""
    connection.execute(
        sa.update(STEP_RUN)
        .where(*_of(RoundOf(execution_id, round), StepStatus.PAUSED))
        .values(status=StepStatus.SKIPPED.value)
    )
    questions.close(connection, execution_id, round)


def _rows(connection: sa.Connection, of: RoundOf, status: StepStatus) -> Sequence[Any]:
    return connection.execute(sa.select(STEP_RUN).where(*_of(of, status))).all()


def _of(of: RoundOf, status: StepStatus) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        STEP_RUN.c.execution_id == of.execution_id,
        STEP_RUN.c.round == of.round,
        STEP_RUN.c.status == status.value,
    )


def _settle(
    connection: sa.Connection,
    of: RoundOf,
    row: Any,
    status: StepStatus,
    *,
    now: datetime,
    **facts: Any,
) -> None:
    record = StepRecord(
        path=row.path,
        step_id=row.step_id,
        number=row.number,
        name=row.name,
        action=row.action,
        kind=row.kind,
        effect=row.effect,
        status=status,
        attempts=1,
        started_at=row.started_at,
        completed_at=now,
        **facts,
    )
    connection.execute(
        sa.update(STEP_RUN)
        .where(*_of(of, StepStatus(row.status)), STEP_RUN.c.path == row.path)
        .values(**step_values(record))
    )
    events.steps_settled(connection, [(of, record)])


def _interrupted(row: Any) -> ErrorInfo:
    words = f"The run ended while step {row.name!r} was under way. Its effect may have happened."
    return ErrorInfo(
        type=f"{Conflict.__module__}.{Conflict.__qualname__}",
        message=words,
        code=Conflict.code,
        details={"kind": INTERRUPTED_EFFECT, "name": row.step_id},
    )
