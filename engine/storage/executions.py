"""Runs as everybody but the interpreter sees them. Only reading here; `rounds.py` starts them."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..definition import to_data
from ..definition.workflow import Workflow
from ..execution import (
    EndedRun,
    Execution,
    ExecutionStatus,
    FailedRun,
    StepExecution,
    StepStatus,
)
from . import codec, records
from .database import reading
from .definitions import DefinitionStore
from .journal import live_steps
from .tables import EXECUTION, STEP_RUN

_FAILED = tuple(status.value for status in ExecutionStatus if status.is_failure)


class ExecutionStore:
    """Every method is one transaction; every read stays in one workspace."""

    def __init__(self, engine: sa.Engine, definitions: DefinitionStore) -> None:
        self._engine = engine
        self._definitions = definitions

    def execution(self, workspace_id: str, execution_id: str) -> Execution:
        """The run with its output, when it has one. Raises `NotFound`."""
        with reading(self._engine) as connection:
            row = records.find_execution(connection, workspace_id, execution_id)
            found = self.as_of_now(connection, records.execution(row))
            if found.status is not ExecutionStatus.SUCCEEDED:
                return found
            last = self._workflow_of(connection, found).steps[-1]
            output = _output(connection, execution_id, f"/{last.id}")
            return found.model_copy(update={"output": output})

    def executions(
        self,
        workspace_id: str,
        *,
        workflow_id: str | None = None,
        status: ExecutionStatus | None = None,
        limit: int = 50,
    ) -> tuple[Execution, ...]:
        """The newest first, without their outputs."""
        query = sa.select(EXECUTION).where(EXECUTION.c.workspace_id == workspace_id)
        if workflow_id is not None:
            query = query.where(EXECUTION.c.workflow_id == workflow_id)
        if status is not None:
            query = query.where(EXECUTION.c.status == status.value)
        query = query.order_by(EXECUTION.c.created_at.desc(), EXECUTION.c.id).limit(limit)
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
            return tuple(self.as_of_now(connection, records.execution(row)) for row in rows)

    def steps(
        self, workspace_id: str, execution_id: str, *, outputs: bool = True
    ) -> tuple[StepExecution, ...]:
        """Every step of the workflow in order: what counts now, and what has not run."""
        with reading(self._engine) as connection:
            run = self.as_of_now(
                connection,
                records.execution(records.find_execution(connection, workspace_id, execution_id)),
            )
            return self._view(connection, run, outputs=outputs)

    def history(self, workspace_id: str, execution_id: str) -> tuple[StepExecution, ...]:
        """Every step of every round as it was recorded, oldest round first."""
        query = (
            sa.select(STEP_RUN)
            .where(STEP_RUN.c.execution_id == execution_id)
            .order_by(STEP_RUN.c.round, STEP_RUN.c.number, STEP_RUN.c.path)
        )
        with reading(self._engine) as connection:
            records.find_execution(connection, workspace_id, execution_id)
            rows = connection.execute(query).all()
        return tuple(records.step_execution(row, round=row.round) for row in rows)

    def completed(
        self, workspace_id: str, execution_id: str
    ) -> tuple[Execution, int, datetime | None]:
        """The run, how many of its top-level steps have succeeded, and when the last one did."""
        query = sa.select(sa.func.count(), sa.func.max(STEP_RUN.c.completed_at)).where(
            STEP_RUN.c.execution_id == execution_id,
            STEP_RUN.c.status == StepStatus.SUCCEEDED.value,
            STEP_RUN.c.superseded_in.is_(None),
            STEP_RUN.c.depth == 1,
        )
        with reading(self._engine) as connection:
            run = records.execution(records.find_execution(connection, workspace_id, execution_id))
            count, last = connection.execute(query).one()
            return self.as_of_now(connection, run), count, last

    def stage(self, run: Execution) -> str | None:
        """The title of the step *run* is at."""
        stored = self._definitions.workflow(run.workspace_id, run.workflow_id, run.workflow_version)
        return next((s.title for s in stored.workflow.steps if s.id == run.current_step), None)

    def ended_runs(
        self, workspace_id: str, *, after: int = 0, limit: int = 100
    ) -> tuple[EndedRun, ...]:
        """Runs that ended after cursor *after*, in the order they ended."""
        query = _ended(after, limit).where(EXECUTION.c.workspace_id == workspace_id)
        with reading(self._engine) as connection:
            return tuple(
                EndedRun(
                    cursor=row.end_cursor,
                    execution=(run := records.execution(row)),
                    steps=self._view(connection, run, outputs=False),
                )
                for row in connection.execute(query).all()
            )

    def started_since(self, workspace_id: str, workflow_id: str, moment: datetime) -> int:
        """How many runs of a workflow have been started, or started again, since."""
        query = sa.select(sa.func.count()).where(
            EXECUTION.c.workspace_id == workspace_id,
            EXECUTION.c.workflow_id == workflow_id,
            sa.or_(EXECUTION.c.created_at >= moment, EXECUTION.c.round_started_at >= moment),
        )
        with reading(self._engine) as connection:
            return connection.scalar(query) or 0

    def failed_runs(
        self, workspace_id: str | None, *, after: int = 0, limit: int = 100
    ) -> tuple[FailedRun, ...]:
        """Failed runs with everything about them; of every workspace when it is None."""
        query = _ended(after, limit).where(EXECUTION.c.status.in_(_FAILED))
        if workspace_id is not None:
            query = query.where(EXECUTION.c.workspace_id == workspace_id)
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
            return tuple(self._failed_run(connection, row) for row in rows)

    def failed_run(self, workspace_id: str, execution_id: str) -> FailedRun | None:
        """One failed run; None if it has not failed. Raises `NotFound`."""
        with reading(self._engine) as connection:
            row = records.find_execution(connection, workspace_id, execution_id)
            return self._failed_run(connection, row) if row.status in _FAILED else None

    def _failed_run(self, connection: sa.Connection, row: Any) -> FailedRun:
        run = records.execution(row)
        stored = self._definitions.read_workflow(
            connection, run.workspace_id, run.workflow_id, run.workflow_version
        )
        return FailedRun(
            cursor=row.end_cursor,
            execution=run,
            workflow_name=stored.workflow.name,
            definition=to_data(stored.workflow),
            steps=self._view(connection, run),
        )

    def as_of_now(self, connection: sa.Connection, run: Execution) -> Execution:
        """A run that has not ended has no totals on its row: they are counted from its steps."""
        if run.status.is_terminal:
            return run
        used = records.totals(connection, run.id, round=run.round)
        done = {
            step.step_id
            for step in live_steps(connection, run.id, outputs=False)
            if step.status is StepStatus.SUCCEEDED
        }
        workflow = self._workflow_of(connection, run)
        return run.model_copy(
            update={
                "current_step": next((s.id for s in workflow.steps if s.id not in done), None),
                "total_tokens_used": used.tokens,
                "total_execution_time_ms": used.time_ms,
                "total_cost_usd": used.cost_usd,
            }
        )

    def _view(
        self, connection: sa.Connection, run: Execution, *, outputs: bool = True
    ) -> tuple[StepExecution, ...]:
        columns = [one for one in STEP_RUN.c if outputs or one is not STEP_RUN.c.output]
        query = sa.select(*columns).where(
            STEP_RUN.c.execution_id == run.id, STEP_RUN.c.superseded_in.is_(None)
        )
        rows = {row.path: row for row in connection.execute(query)}
        view: list[StepExecution] = []
        for number, step in enumerate(self._workflow_of(connection, run).steps, start=1):
            row = rows.get(f"/{step.id}")
            if row is not None:
                known = records.step_execution(row, round=run.round)
                view.append(known.model_copy(update={"number": number}))
                continue
            view.append(
                StepExecution(
                    path=f"/{step.id}",
                    step_id=step.id,
                    number=number,
                    name=step.title,
                    action=step.action,
                    round=run.round,
                    status=_status_without_row(run, step.id),
                    attempts=0,
                )
            )
        return tuple(view)

    def _workflow_of(self, connection: sa.Connection, run: Execution) -> Workflow:
        return self._definitions.read_workflow(
            connection, run.workspace_id, run.workflow_id, run.workflow_version
        ).workflow


def _ended(after: int, limit: int) -> sa.Select[Any]:
    query = sa.select(EXECUTION).where(EXECUTION.c.end_cursor > after)
    return query.order_by(EXECUTION.c.end_cursor).limit(limit)


def _output(connection: sa.Connection, execution_id: str, path: str) -> Any:
    query = sa.select(STEP_RUN.c.output).where(
        STEP_RUN.c.execution_id == execution_id,
        STEP_RUN.c.path == path,
        STEP_RUN.c.superseded_in.is_(None),
    )
    text = connection.scalar(query)
    return None if text is None else codec.loads(text)


def _status_without_row(run: Execution, step_id: str) -> StepStatus:
    if run.status.is_terminal:
        return StepStatus.SKIPPED
    if run.status is ExecutionStatus.RUNNING and step_id == run.current_step:
        return StepStatus.RUNNING
    return StepStatus.PENDING
