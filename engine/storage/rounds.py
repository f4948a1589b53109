"""Starting, resuming and ending the rounds of a run, from outside the interpreter."""

import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import sqlalchemy as sa

from ..definition.workflow import Workflow
from ..errors import RequestKeyReused
from ..execution import ErrorInfo, Execution, ExecutionStatus, ResumeMode, ResumeReport
from ..ports import Clock
from . import codec, events, records, stats
from .carried import leave_questions
from .database import reading, writing
from .definitions import DefinitionStore
from .events import RoundOf
from .executions import ExecutionStore
from .interrupted import settle_left
from .journal import LiveStep, close_execution, live_steps, supersede
from .new_runs import NewRun, row_of
from .pauses import queue_again
from .requests import Done, Request, RequestKeys
from .tables import EXECUTION
from .time_limits import TimeLimits
from .workflows import require_unpaused

Enqueue: TypeAlias = Callable[[sa.Connection, str, int], None]
_log = logging.getLogger(__name__)
_UNENDED = (ExecutionStatus.QUEUED.value, ExecutionStatus.RUNNING.value)


@dataclass(frozen=True, slots=True)
class Dispatched:
    """A run that should be worked on: queued, running, or paused until a time that has come.

    `recoveries` is how often it was queued again because its dispatch was lost.
    """

    execution_id: str
    dispatch: int
    status: ExecutionStatus
    recoveries: int = 0


class Plan(Protocol):
    """What a resume puts aside, and what it tells about it."""

    @property
    def superseded(self) -> Sequence[str]: ...

    @property
    def report(self) -> ResumeReport: ...

    @property
    def inputs(self) -> Mapping[str, Any]: ...


PlanResume: TypeAlias = Callable[[Execution, int, tuple[LiveStep, ...], Workflow], Plan]


class RoundStore:
    """Every method is one transaction."""

    def __init__(
        self,
        engine: sa.Engine,
        definitions: DefinitionStore,
        executions: ExecutionStore,
        requests: RequestKeys,
        clock: Clock,
        limits: TimeLimits,
    ) -> None:
        self._engine = engine
        self._definitions = definitions
        self._executions = executions
        self._requests = requests
        self._clock = clock
        self._limits = limits

    def submit(
        self, workspace_id: str, run: NewRun, *, version: int, workflow: Workflow, enqueue: Enqueue
    ) -> Execution:
        """The row and its place in the queue, together.

        Raises `WorkflowPaused` unless it is a test, and `RequestKeyReused`.
        """
        now = self._clock.now()
        execution_id = _new_id()
        values = row_of(run, execution_id, workspace_id, version=version, workflow=workflow)
        values |= {"created_at": now, "updated_at": now}
        values |= self._limits.of_start(run.timeout_seconds, workflow)
        request = Request(workspace_id, "execution", run.request_key)
        with writing(self._engine) as connection:
            done = self._requests.claim(connection, request, now=now)
            if done is not None:
                return self._started(connection, workspace_id, done, run.workflow_id)
            if not run.test_mode:
                require_unpaused(connection, workspace_id, run.workflow_id)
            connection.execute(sa.insert(EXECUTION).values(**values))
            enqueue(connection, execution_id, 1)
            self._requests.settle(connection, request, Done(execution_id, 1))
            return records.execution(records.find_execution(connection, workspace_id, execution_id))

    def started(self, workspace_id: str, workflow_id: str, request_key: str) -> Execution | None:
        """The run that was started with a key, as it is now. Raises `RequestKeyReused`."""
        request = Request(workspace_id, "execution", request_key)
        with reading(self._engine) as connection:
            done = self._requests.find(connection, request)
            if done is None:
                return None
            return self._started(connection, workspace_id, done, workflow_id)

    def _started(
        self, connection: sa.Connection, workspace_id: str, done: Done, workflow_id: str
    ) -> Execution:
        run = self._executions.read_execution(connection, workspace_id, done.subject_id)
        if run.workflow_id != workflow_id:
            raise RequestKeyReused
        return run

    def resume(
        self,
        workspace_id: str,
        execution_id: str,
        *,
        mode: ResumeMode,
        version: int | None,
        plan: PlanResume,
        enqueue: Enqueue,
        request_key: str | None = None,
        reason: events.ResumeReason = "asked",
    ) -> Execution:
        """The next round, queued. *plan* says what to put aside, or raises.

        A request that was carried out already gives the run as it is now.
        """
        now = self._clock.now()
        request = Request(workspace_id, "round", request_key)
        with writing(self._engine) as connection:
            records.find_execution(connection, workspace_id, execution_id)
            done = self._requests.claim(connection, request, now=now)
            if done is not None:
                if done.subject_id != execution_id:
                    raise RequestKeyReused
                return self._executions.read_execution(connection, workspace_id, execution_id)
            row = records.lock_execution(connection, execution_id)
            stored = self._definitions.read_workflow(
                connection, workspace_id, row.workflow_id, version
            )
            if not ExecutionStatus(row.status).is_terminal:
                settle_left(connection, execution_id, row.round, now=now)
            steps = live_steps(connection, execution_id, outputs=False)
            before = self._definitions.read_workflow(
                connection, workspace_id, row.workflow_id, row.workflow_version
            )
            limit = self._limits.of_resume(row, stored.workflow, before=before.workflow)
            planned = plan(records.execution(row), row.dispatch, steps, stored.workflow)
            if planned.superseded:
                supersede(connection, execution_id, planned.superseded, in_round=row.round + 1)
            connection.execute(
                sa.update(EXECUTION)
                .where(EXECUTION.c.id == execution_id)
                .values(
                    status=ExecutionStatus.QUEUED.value,
                    round=row.round + 1,
                    dispatch=row.dispatch + 1,
                    resume_mode=mode,
                    run_token=None,
                    workflow_version=stored.version,
                    **limit,
                    round_started_at=None,
                    completed_at=None,
                    updated_at=now,
                    error=None,
                    current_step=None,
                    steps_total=len(stored.workflow.steps),
                    total_tokens_used=0,
                    total_execution_time_ms=0,
                    total_cost_usd=None,
                    end_cursor=None,
                    paused_at=None,
                    wake_at=None,
                    paused_seconds=0.0,
                    recoveries=0,
                    resume_report=planned.report.model_dump_json(),
                    inputs=codec.dumps(planned.inputs, place="inputs"),
                )
            )
            events.resumed(
                connection, execution_id, row.round + 1, reason=reason, now=now, mode=mode
            )
            leave_questions(
                connection,
                RoundOf(execution_id, row.round),
                steps,
                superseded=planned.superseded,
                go_along=mode != "full" and stored.version == row.workflow_version,
            )
            enqueue(connection, execution_id, row.dispatch + 1)
            self._requests.settle(connection, request, Done(execution_id, row.round + 1))
            if mode == "full":
                _log.info("Cleared all state of %s: the whole workflow runs again.", execution_id)
            return self._executions.as_of_now(
                connection,
                records.execution(records.find_execution(connection, workspace_id, execution_id)),
            )

    def cancel(self, workspace_id: str, execution_id: str) -> tuple[Execution, int]:
        """Ends the run and takes the fence away; one that has ended stays as it is.

        Gives its dispatch too, for the dispatcher to stop.
        """
        with writing(self._engine) as connection:
            records.find_execution(connection, workspace_id, execution_id)
            row = records.lock_execution(connection, execution_id)
            if not ExecutionStatus(row.status).is_terminal:
                run = self._executions.as_of_now(connection, records.execution(row))
                close_execution(
                    connection,
                    execution_id,
                    round=row.round,
                    status=ExecutionStatus.CANCELLED,
                    now=self._clock.now(),
                    current_step=run.current_step,
                )
            ended = records.execution(
                records.find_execution(connection, workspace_id, execution_id)
            )
            return ended, int(row.dispatch)

    def dispatched(self) -> tuple[Dispatched, ...]:
        """Every run of every workspace that some dispatcher should be working on."""
        query = sa.select(
            EXECUTION.c.id, EXECUTION.c.dispatch, EXECUTION.c.status, EXECUTION.c.recoveries
        ).where(
            sa.or_(
                EXECUTION.c.status.in_(_UNENDED),
                sa.and_(
                    EXECUTION.c.status == ExecutionStatus.PAUSED.value,
                    EXECUTION.c.wake_at <= self._clock.now(),
                ),
            )
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return tuple(
            Dispatched(row.id, row.dispatch, ExecutionStatus(row.status), row.recoveries)
            for row in rows
        )

    def dispatch_again(self, lost: Dispatched, *, enqueue: Enqueue) -> bool:
        """Queues a run whose dispatch was lost, or whose time has come.

        False if it has moved on meanwhile.
        """
        with writing(self._engine) as connection:
            row = _still(connection, lost)
            if row is None:
                return False
            if row.status == ExecutionStatus.PAUSED.value:
                queue_again(connection, row, now=self._clock.now(), enqueue=enqueue)
                return True
            if row.run_token is not None:  # whoever had it is gone; the next one can't tell
                now = self._clock.now()
                events.resumed(connection, row.id, row.round, reason="recovered", now=now)
            connection.execute(
                sa.update(EXECUTION)
                .where(EXECUTION.c.id == lost.execution_id)
                .values(dispatch=lost.dispatch + 1, run_token=None, recoveries=row.recoveries + 1)
            )
            enqueue(connection, lost.execution_id, lost.dispatch + 1)
        return True

    def crash(self, lost: Dispatched, error: ErrorInfo) -> bool:
        """Gives a run up; False if it has moved on meanwhile."""
        with writing(self._engine) as connection:
            row = _still(connection, lost)
            if row is None:
                return False
            run = self._executions.as_of_now(connection, records.execution(row))
            close_execution(
                connection,
                lost.execution_id,
                round=row.round,
                status=ExecutionStatus.CRASHED,
                now=self._clock.now(),
                error=error,
                current_step=run.current_step,
            )
            ended = stats.Ended.of(row, status=ExecutionStatus.CRASHED, error=error)
            stored = self._definitions.read_workflow(
                connection, row.workspace_id, row.workflow_id, row.workflow_version
            )
            stats.roll_up(connection, ended, stored.workflow, now=self._clock.now())
        return True


def _new_id() -> str:
    """Random behind the time: what is written for runs that begin together stands together too."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def _still(connection: sa.Connection, lost: Dispatched) -> Any:
    """The locked row, if the run has not moved on since it was found."""
    row = records.lock_execution(connection, lost.execution_id)
    if row is None or row.dispatch != lost.dispatch:
        return None
    paused = lost.status is ExecutionStatus.PAUSED
    states = (ExecutionStatus.PAUSED.value,) if paused else _UNENDED
    return row if row.status in states else None
