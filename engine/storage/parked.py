"""Runs that are parked: nobody works on them, and a timer of ours has them go on.

A parked run is `paused` and keeps the error it was stopped by; an approval that waits has none. A
run that had failed before somebody asked for a timer stays `failed` until the timer goes off.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ..errors import QuotaExhausted, RateLimited, StepStopped
from ..execution import ErrorInfo, ExecutionStatus, StepStatus
from ..quota import account_key
from . import events
from .database import reading, writing
from .interrupted import settle_approved
from .journal import Fenced, LiveStep, Ticket, close_execution, live_steps
from .quota_tables import PARKED_RUN
from .quota_windows import Account
from .records import find_execution, lock_execution
from .tables import EXECUTION, WORKFLOW

QUOTA: Literal["quota"] = "quota"
#: The reason of a timer that a person has asked for, on a run that has failed.
ASKED = "asked"
#: How often one run is parked before it fails: a day's quota, for two months.
MOST_TIMES = 60
_REFUSALS = frozenset({QuotaExhausted.code, RateLimited.code})
_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(frozen=True, slots=True)
class ParkedRun:
    """A run that waits, and what for. `auto_resume_at` is when its timer goes off."""

    workspace_id: str
    workflow_id: str
    workflow_version: int
    execution_id: str
    round: int
    reason: str
    parked_at: datetime
    auto_resume_at: datetime
    times: int
    error: ErrorInfo | None


def park(
    connection: sa.Connection,
    ticket: Ticket,
    *,
    wake_at: datetime,
    error: ErrorInfo,
    now: datetime,
    current_step: str | None = None,
) -> bool:
    """Parks the run of *ticket* instead of ending it. Raises `Fenced`.

    False, and nothing is changed, for a test, for a run that was parked too often, and where it
    can't be told that a step which would run again has done nothing.
    """
    row = lock_execution(connection, ticket.execution_id)
    if row is None or row.run_token != ticket.token:
        raise Fenced(ticket.execution_id)
    times = 1 + (connection.scalar(_TIMES, {"execution_id": ticket.execution_id}) or 0)
    steps = live_steps(connection, ticket.execution_id, outputs=False)
    if row.test_mode or times > MOST_TIMES or may_have_acted(steps):
        return False
    connection.execute(
        sa.update(EXECUTION)
        .where(EXECUTION.c.id == ticket.execution_id)
        .values(
            status=ExecutionStatus.PAUSED.value,
            run_token=None,
            paused_at=now,
            wake_at=None,  # that of an approval; ours is in the table of parked runs
            updated_at=now,
            current_step=current_step,
            error=error.model_dump_json(),
        )
    )
    values: dict[str, Any] = {
        "round": ticket.round,
        "reason": QUOTA,
        "parked_at": now,
        "wake_at": wake_at,
        "times": times,
    }
    insert = _INSERTS[connection.dialect.name](PARKED_RUN).values(
        execution_id=ticket.execution_id,
        workspace_id=row.workspace_id,
        workflow_id=row.workflow_id,
        **values,
    )
    connection.execute(insert.on_conflict_do_update(index_elements=["execution_id"], set_=values))
    settle_approved(connection, row.id, row.round, now=now)
    events.paused(connection, row.id, row.round, reason=QUOTA, now=now, wake_at=wake_at)
    return True


def may_have_acted(steps: Sequence[LiveStep]) -> bool:
    """Whether a step that would run again may have done what must not be done twice."""
    return any(_is_in_doubt(step) for step in steps if step.status is not StepStatus.SUCCEEDED)


def _is_in_doubt(step: LiveStep) -> bool:
    """One that was stopped half-way is, even if it had not said yet what it was about to do."""
    if step.error is None:
        return step.effect
    if step.error.code == StepStopped.code:
        return True
    refused = step.error.code in _REFUSALS and not step.error.details.get("sent")
    return step.effect and not refused


def wakened(connection: sa.Connection, execution_id: str) -> bool:
    """Its timer is gone, in the transaction that has the run go on; False if it was gone already."""
    timer = sa.and_(PARKED_RUN.c.execution_id == execution_id, PARKED_RUN.c.wake_at.is_not(None))
    gone = connection.execute(sa.update(PARKED_RUN).where(timer).values(wake_at=None))
    connection.execute(
        sa.update(EXECUTION).where(EXECUTION.c.id == execution_id).values(paused_at=None)
    )
    return gone.rowcount > 0


class ParkedStore:
    """Every method is one transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def due(self, moment: datetime, *, limit: int = 100) -> tuple[ParkedRun, ...]:
        """Those whose time has come, the longest overdue first; not of paused workflows."""
        query = (
            _PARKED.join(
                WORKFLOW,
                sa.and_(
                    WORKFLOW.c.workspace_id == PARKED_RUN.c.workspace_id,
                    WORKFLOW.c.workflow_id == PARKED_RUN.c.workflow_id,
                ),
            )
            .where(PARKED_RUN.c.wake_at <= moment, WORKFLOW.c.paused_at.is_(None))
            .order_by(PARKED_RUN.c.wake_at, PARKED_RUN.c.execution_id)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return tuple(map(_parked_run, connection.execute(query)))

    def waiting(self, workspace_id: str, *, limit: int = 200) -> tuple[ParkedRun, ...]:
        """Those of a workspace, the next to go on first."""
        query = (
            _PARKED.where(PARKED_RUN.c.workspace_id == workspace_id)
            .order_by(PARKED_RUN.c.wake_at, PARKED_RUN.c.execution_id)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return tuple(map(_parked_run, connection.execute(query)))

    def parked(self, workspace_id: str, execution_id: str) -> ParkedRun | None:
        """The run while it is parked. Raises `NotFound` if there is no such run."""
        query = _PARKED.where(PARKED_RUN.c.execution_id == execution_id)
        with reading(self._engine) as connection:
            find_execution(connection, workspace_id, execution_id)
            row = connection.execute(query).one_or_none()
        return None if row is None else _parked_run(row)

    def wake_early(self, account: Account, *, now: datetime) -> None:
        """Has the runs that wait for *account* go on with the next tick."""
        query = _PARKED.where(
            PARKED_RUN.c.workspace_id == account.workspace_id, PARKED_RUN.c.wake_at > now
        )
        with writing(self._engine) as connection:
            for run in map(_parked_run, connection.execute(query).all()):
                if _account_key(run) == account.key:
                    still = sa.and_(
                        PARKED_RUN.c.execution_id == run.execution_id,
                        PARKED_RUN.c.round == run.round,
                        PARKED_RUN.c.wake_at > now,
                    )
                    connection.execute(sa.update(PARKED_RUN).where(still).values(wake_at=now))

    def forget_settled(self) -> None:
        """Takes away the timers of runs that somebody has ended or had go on."""
        waiting = sa.select(EXECUTION.c.id).where(
            _WAITS,
            EXECUTION.c.id == PARKED_RUN.c.execution_id,
            EXECUTION.c.round == PARKED_RUN.c.round,
        )
        settled = sa.and_(PARKED_RUN.c.wake_at.is_not(None), ~waiting.exists())
        with writing(self._engine) as connection:
            connection.execute(sa.update(PARKED_RUN).where(settled).values(wake_at=None))

    def give_up(self, run: ParkedRun, *, now: datetime) -> bool:
        """Ends a run that can't go on, failed by what it was stopped by; False if it has moved on.

        One that had failed before stays as it is, without its timer.
        """
        with writing(self._engine) as connection:
            row = lock_execution(connection, run.execution_id)
            if row is None or row.round != run.round:
                return False
            if run.reason == ASKED and row.status == ExecutionStatus.FAILED.value:
                return wakened(connection, run.execution_id)
            if row.status != ExecutionStatus.PAUSED.value:
                return False
            close_execution(
                connection,
                run.execution_id,
                round=run.round,
                status=ExecutionStatus.FAILED,
                now=now,
                error=run.error,
                current_step=row.current_step,
            )
            wakened(connection, run.execution_id)
            return True


_TIMES = sa.select(PARKED_RUN.c.times).where(
    PARKED_RUN.c.execution_id == sa.bindparam("execution_id")
)
#: Of a run and its timer: whether the run still waits for it.
_WAITS = sa.or_(
    EXECUTION.c.status == ExecutionStatus.PAUSED.value,
    sa.and_(EXECUTION.c.status == ExecutionStatus.FAILED.value, PARKED_RUN.c.reason == ASKED),
)
_PARKED = (
    sa.select(PARKED_RUN, EXECUTION.c.workflow_version, EXECUTION.c.error)
    .join(
        EXECUTION,
        sa.and_(
            EXECUTION.c.id == PARKED_RUN.c.execution_id, EXECUTION.c.round == PARKED_RUN.c.round
        ),
    )
    .where(_WAITS, PARKED_RUN.c.wake_at.is_not(None))
)


def _account_key(run: ParkedRun) -> str | None:
    name = None if run.error is None else run.error.details.get("name")
    return account_key(name) if isinstance(name, str) else None


def _parked_run(row: Any) -> ParkedRun:
    return ParkedRun(
        row.workspace_id,
        row.workflow_id,
        row.workflow_version,
        row.execution_id,
        row.round,
        row.reason,
        row.parked_at,
        row.wake_at,
        row.times,
        None if row.error is None else ErrorInfo.model_validate_json(row.error),
    )
