"""The questions a run has put to people, inside the transactions of others."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..execution import StepApproval, StepStatus
from .approval_tables import APPROVAL
from .events import RoundOf
from .records import StepRecord
from .tables import STEP_RUN


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, of whom, until when."""

    workspace_id: str
    workflow_id: str
    message: str
    role: str | None
    expires_at: datetime | None


def _of(execution_id: str, round: int) -> Any:
    return sa.and_(APPROVAL.c.execution_id == execution_id, APPROVAL.c.round == round)


def of_round(connection: sa.Connection, execution_id: str, round: int) -> dict[str, StepApproval]:
    """By path."""
    rows = connection.execute(sa.select(APPROVAL).where(_of(execution_id, round)))
    return {row.path: approval(row) for row in rows}


def unsettled(connection: sa.Connection, execution_id: str, round: int) -> tuple[str, ...]:
    """The paths whose step has not gone on yet, whether somebody has decided or not."""
    query = sa.select(STEP_RUN.c.path).where(
        STEP_RUN.c.execution_id == execution_id,
        STEP_RUN.c.round == round,
        STEP_RUN.c.status == StepStatus.PAUSED.value,
    )
    return tuple(connection.scalars(query))


def add(
    connection: sa.Connection,
    execution_id: str,
    round: int,
    record: StepRecord,
    question: Question,
) -> None:
    """A new question, which waits."""
    connection.execute(
        sa.insert(APPROVAL).values(
            execution_id=execution_id,
            round=round,
            path=record.path,
            workspace_id=question.workspace_id,
            workflow_id=question.workflow_id,
            step_id=record.step_id,
            name=record.name,
            message=question.message,
            role=question.role,
            status="waiting",
            asked_at=record.started_at,
            expires_at=question.expires_at,
        )
    )


def expire(connection: sa.Connection, execution_id: str, round: int, path: str) -> bool:
    """The question is closed without an answer; False if somebody has answered it before."""
    changed = connection.execute(
        sa.update(APPROVAL)
        .where(_of(execution_id, round), APPROVAL.c.path == path, APPROVAL.c.status == "waiting")
        .values(status="expired")
    )
    return changed.rowcount == 1


def move(connection: sa.Connection, of: RoundOf, paths: Sequence[str]) -> None:
    """The same questions in the next round."""
    connection.execute(
        sa.update(APPROVAL)
        .where(_of(of.execution_id, of.round), APPROVAL.c.path.in_(paths))
        .values(round=of.round + 1)
    )


def close(connection: sa.Connection, execution_id: str, round: int) -> None:
    """Those of a round that nobody has decided are open no more."""
    connection.execute(
        sa.update(APPROVAL)
        .where(_of(execution_id, round), APPROVAL.c.status == "waiting")
        .values(status="closed")
    )


def approval(row: Any) -> StepApproval:
    """`row` of `approval` as everybody sees it."""
    return StepApproval(
        execution_id=row.execution_id,
        workflow_id=row.workflow_id,
        path=row.path,
        step_id=row.step_id,
        name=row.name,
        message=row.message,
        role=row.role,
        status=row.status,
        asked_at=row.asked_at,
        expires_at=row.expires_at,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        comment=row.comment,
    )


def answer_of(asked: StepApproval) -> dict[str, Any]:
    """What somebody has decided, as the output of the step that asked."""
    return {
        "decision": asked.status,
        "by": asked.decided_by,
        "at": asked.decided_at,
        "comment": asked.comment,
    }
