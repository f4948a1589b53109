"""Rows as the published records, and records as rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from ..errors import NotFound
from ..execution import (
    ErrorInfo,
    Execution,
    ExecutionStatus,
    FallbackUse,
    ResumeReport,
    StepExecution,
    StepStatus,
)
from . import codec
from .prepared import Prepared
from .tables import EXECUTION, STEP_RUN


@dataclass(frozen=True, slots=True)
class Totals:
    """What a round has used.

    `cost_usd` is None when a part of it is unknown or nothing had a price; `known_cost_usd` leaves
    the unknown parts out, which is all that a limit can count.
    """

    tokens: int = 0
    time_ms: int = 0
    cost_usd: Decimal | None = None
    known_cost_usd: Decimal = Decimal(0)


@dataclass(slots=True)  # not frozen: that takes three times as long, for every step
class StepRecord:
    """A step as the interpreter hands it over; `output` is encoded text already."""

    path: str
    step_id: str
    number: int
    name: str
    action: str
    status: StepStatus
    attempts: int
    started_at: datetime
    completed_at: datetime | None = None
    execution_time_ms: int = 0
    turns: int = 0
    tokens_used: int = 0
    cost_usd: Decimal | None = None
    item_count: int | None = None
    feedback: tuple[str, ...] = ()
    error: ErrorInfo | None = None
    output: str | None = None
    kind: str = "tool"
    effect: bool = False
    fallback: FallbackUse | None = None


def step_values(record: StepRecord) -> dict[str, Any]:
    """The columns of `step_run` that *record* decides."""
    return {
        "path": record.path,
        "step_id": record.step_id,
        "number": record.number,
        "depth": record.path.count("/"),
        "name": record.name,
        "action": record.action,
        "kind": record.kind,
        "effect": record.effect,
        "status": record.status.value,
        "attempts": record.attempts,
        "turns": record.turns,
        "started_at": record.started_at,
        "completed_at": record.completed_at,
        "execution_time_ms": record.execution_time_ms,
        "tokens_used": record.tokens_used,
        "cost_usd": record.cost_usd,
        "item_count": record.item_count,
        "feedback": codec.dumps(record.feedback, place="feedback") if record.feedback else None,
        "fallback": None if record.fallback is None else record.fallback.model_dump_json(),
        "error": None if record.error is None else record.error.model_dump_json(),
        "output": record.output,
    }


def step_execution(row: Any, *, round: int) -> StepExecution:
    """`row` of `step_run`, output column or not, as seen from *round*: an older one is restored."""
    output = getattr(row, "output", None)
    return StepExecution(
        path=row.path,
        step_id=row.step_id,
        number=row.number,
        name=row.name,
        action=row.action,
        round=row.round,
        status=StepStatus(row.status),
        attempts=row.attempts,
        turns=row.turns,
        output=None if output is None else codec.loads(output),
        error=_error(row.error),
        feedback=codec.loads(row.feedback) if row.feedback else (),
        started_at=row.started_at,
        completed_at=row.completed_at,
        execution_time_ms=row.execution_time_ms,
        tokens_used=row.tokens_used,
        cost_usd=row.cost_usd,
        item_count=row.item_count,
        restored=row.round < round,
        kind=row.kind,
        effect=row.effect,
        fallback=None if row.fallback is None else FallbackUse.model_validate_json(row.fallback),
    )


def execution(row: Any, *, output: Any = None) -> Execution:
    """`row` of `execution`; the output of a run is its last step's."""
    return Execution(
        id=row.id,
        workspace_id=row.workspace_id,
        workflow_id=row.workflow_id,
        workflow_version=row.workflow_version,
        status=ExecutionStatus(row.status),
        round=row.round,
        resume_mode=row.resume_mode,
        inputs=codec.loads(row.inputs),
        user_id=row.user_id,
        session_id=row.session_id,
        trigger=row.trigger,
        test_mode=row.test_mode,
        created_at=row.created_at,
        started_at=row.started_at,
        round_started_at=row.round_started_at,
        completed_at=row.completed_at,
        updated_at=row.updated_at,
        current_step=row.current_step,
        steps_total=row.steps_total,
        total_tokens_used=row.total_tokens_used,
        total_execution_time_ms=row.total_execution_time_ms,
        total_cost_usd=row.total_cost_usd,
        error=_error(row.error),
        output=output,
        paused_at=row.paused_at,
        wake_at=row.wake_at,
        resume_report=ResumeReport.model_validate_json(row.resume_report)
        if row.resume_report
        else None,
        estimate=codec.loads(row.estimate) if row.estimate else None,
    )


#: The kinds that hold other steps: what they used is counted with those.
CONTAINERS = ("branch", "parallel", "loop")
_COUNTED = (
    STEP_RUN.c.execution_id == sa.bindparam("execution_id"),
    *(STEP_RUN.c.kind != sa.literal(kind) for kind in CONTAINERS),
)
_IN_ROUND = (*_COUNTED, STEP_RUN.c.round == sa.bindparam("round"))
_DID_USE = sa.or_(STEP_RUN.c.tokens_used > 0, STEP_RUN.c.cost_usd.is_not(None))
_TIME = sa.select(
    sa.func.sum(STEP_RUN.c.execution_time_ms).label("ms"),
    sa.func.count(sa.case((_DID_USE, 1))).label("used"),
)
_USED = sa.select(STEP_RUN.c.tokens_used, STEP_RUN.c.cost_usd).where(_DID_USE)
# By whether it is of one round: what they took, and what those used that used something.
_TOTALS = {
    True: (Prepared(_TIME.where(*_IN_ROUND)), Prepared(_USED.where(*_IN_ROUND))),
    False: (Prepared(_TIME.where(*_COUNTED)), Prepared(_USED.where(*_COUNTED))),
}
_PUT_ASIDE = Prepared(_USED.where(*_COUNTED, STEP_RUN.c.superseded_in.is_not(None)))
_FOUND = Prepared(
    sa.select(EXECUTION).where(
        EXECUTION.c.id == sa.bindparam("id"),
        EXECUTION.c.workspace_id == sa.bindparam("workspace"),
    )
)
_LOCKED = Prepared(
    sa.select(EXECUTION).where(EXECUTION.c.id == sa.bindparam("id")).with_for_update()
)


def totals(connection: sa.Connection, execution_id: str, *, round: int | None) -> Totals:
    """Used in one round, or in all of them when *round* is None."""
    taken, used = _TOTALS[round is not None]
    keys = {"execution_id": execution_id, "round": round}
    (every,) = taken.all(connection, keys)
    rows = used.all(connection, keys) if every.used else []
    return Totals(
        tokens=sum(row.tokens_used for row in rows),
        time_ms=int(every.ms or 0),
        cost_usd=total_cost((row.tokens_used, row.cost_usd) for row in rows),
        known_cost_usd=sum((row.cost_usd for row in rows if row.cost_usd), Decimal(0)),
    )


def put_aside(connection: sa.Connection, execution_id: str) -> Totals:
    """Used by steps that a resume has put aside; the time they took is not counted."""
    rows = _PUT_ASIDE.all(connection, {"execution_id": execution_id})
    return Totals(
        tokens=sum(row.tokens_used for row in rows),
        known_cost_usd=sum((row.cost_usd for row in rows if row.cost_usd), Decimal(0)),
    )


def total_cost(used: Iterable[tuple[int, Decimal | None]]) -> Decimal | None:
    """Tokens without a known price make the whole unknown, never cheaper."""
    total: Decimal | None = None
    for tokens, cost in used:
        if cost is not None:
            total = (total or Decimal(0)) + cost
        elif tokens:
            return None
    return total


def find_execution(connection: sa.Connection, workspace_id: str, execution_id: str) -> Any:
    """The row of a run in this workspace. Raises `NotFound`."""
    rows = _FOUND.all(connection, {"id": execution_id, "workspace": workspace_id})
    if not rows:
        raise NotFound("execution")
    return rows[0]


def lock_execution(connection: sa.Connection, execution_id: str) -> Any:
    """The row, held against every other writer until the transaction ends; None if missing."""
    rows = _LOCKED.all(connection, {"id": execution_id})
    return rows[0] if rows else None


def _error(text: str | None) -> ErrorInfo | None:
    return None if text is None else ErrorInfo.model_validate_json(text)
