"""Runs as everybody but the interpreter sees them. Only reading here; `rounds.py` starts them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..definition import to_data
from ..definition.steps import Step
from ..definition.workflow import Workflow
from ..execution import (
    EndedRun,
    Execution,
    ExecutionPage,
    ExecutionStatus,
    FailedRun,
    StepExecution,
    StepStatus,
)
from . import codec, cursors, records, standing
from .database import reading
from .definitions import DefinitionStore
from .prepared import Prepared
from .quota_tables import PARKED_RUN
from .standing import Completed
from .tables import EXECUTION, STEP_RUN

_IN_ONE_QUERY = 500
_FAILED = tuple(status.value for status in ExecutionStatus if status.is_failure)


class ExecutionStore:
    """Every method is one transaction; every read stays in one workspace."""

    def __init__(self, engine: sa.Engine, definitions: DefinitionStore) -> None:
        self._engine = engine
        self._definitions = definitions

    def execution(self, workspace_id: str, execution_id: str) -> Execution:
        """The run with its output, when it has one. Raises `NotFound`."""
        with reading(self._engine) as connection:
            return self.read_execution(connection, workspace_id, execution_id)

    def read_execution(
        self, connection: sa.Connection, workspace_id: str, execution_id: str
    ) -> Execution:
        """`execution`, inside the caller's transaction."""
        row = records.find_execution(connection, workspace_id, execution_id)
        found = self.as_of_now(connection, records.execution(row))
        if found.status is not ExecutionStatus.SUCCEEDED:
            return found
        last = self._workflow_of(connection, found).steps[-1]
        output = _output(connection, execution_id, f"/{last.id}")
        return found.model_copy(update={"output": output})

    def page(
        self,
        workspace_id: str,
        *,
        workflow_id: str | None = None,
        status: ExecutionStatus | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> ExecutionPage:
        """The newest first, without their outputs, from *cursor* on. Raises `InvalidCursor`."""
        query = sa.select(EXECUTION).where(EXECUTION.c.workspace_id == workspace_id)
        if workflow_id is not None:
            query = query.where(EXECUTION.c.workflow_id == workflow_id)
        if status is not None:
            query = query.where(EXECUTION.c.status == status.value)
        if cursor is not None:
            query = query.where(_older_than(*cursors.read(cursor)))
        query = query.order_by(EXECUTION.c.created_at.desc(), EXECUTION.c.id.desc())
        with reading(self._engine) as connection:
            rows = connection.execute(query.limit(limit + 1)).all()
            found = [self.as_of_now(connection, records.execution(row)) for row in rows[:limit]]
        more = len(rows) > limit and found
        return ExecutionPage(
            executions=tuple(found),
            next_cursor=cursors.write(found[-1].created_at, found[-1].id) if more else None,
        )

    def steps(
        self, workspace_id: str, execution_id: str, *, outputs: bool = True
    ) -> tuple[StepExecution, ...]:
        """Every step of the workflow in order: what counts now, and what has not run."""
        with reading(self._engine) as connection:
            run = self.as_of_now(
                connection,
                records.execution(records.find_execution(connection, workspace_id, execution_id)),
            )
            rows = _step_rows(connection, [execution_id], outputs=outputs)
            return self._view(connection, run, rows.get(execution_id, {}))

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
    ) -> tuple[Execution, Workflow, Completed]:
        """A run without its totals, its workflow, and what of its top level has succeeded."""
        with reading(self._engine) as connection:
            run = records.execution(records.find_execution(connection, workspace_id, execution_id))
            workflow = self._workflow_of(connection, run)
            done = standing.completed(connection, execution_id)
            if run.status.is_terminal:
                return run, workflow, done
            if run.round == 1:
                at = standing.step_behind(workflow, done)
            else:
                at = standing.step_at(connection, execution_id, workflow)
            return run.model_copy(update={"current_step": at}), workflow, done

    def ended_runs(
        self, workspace_id: str, *, after: int = 0, limit: int = 100
    ) -> tuple[EndedRun, ...]:
        """Runs that ended after cursor *after*, in the order they ended."""
        values = {"workspace": workspace_id, "after": after, "count": limit}
        with reading(self._engine) as connection:
            rows = _ENDED.all(connection, values)
            steps = _step_rows(connection, [row.id for row in rows], outputs=False)
            return tuple(
                EndedRun(
                    cursor=row.end_cursor,
                    execution=(run := records.execution(row)),
                    steps=self._view(connection, run, steps.get(row.id, {})),
                )
                for row in rows
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
            steps = _step_rows(connection, [row.id for row in rows], outputs=True)
            return tuple(self._failed_run(connection, row, steps.get(row.id, {})) for row in rows)

    def failed_run(self, workspace_id: str, execution_id: str) -> FailedRun | None:
        """One failed run; None if it has not failed. Raises `NotFound`."""
        with reading(self._engine) as connection:
            row = records.find_execution(connection, workspace_id, execution_id)
            if row.status not in _FAILED:
                return None
            steps = _step_rows(connection, [execution_id], outputs=True)
            return self._failed_run(connection, row, steps.get(execution_id, {}))

    def _failed_run(
        self, connection: sa.Connection, row: Any, steps: Mapping[str, Any]
    ) -> FailedRun:
        run = records.execution(row)
        stored = self._definitions.read_workflow(
            connection, run.workspace_id, run.workflow_id, run.workflow_version
        )
        return FailedRun(
            cursor=row.end_cursor,
            execution=run,
            workflow_name=stored.workflow.name,
            definition=to_data(stored.workflow),
            steps=self._view(connection, run, steps),
        )

    def as_of_now(self, connection: sa.Connection, run: Execution) -> Execution:
        """A run that has not ended has no totals on its row: they are counted from its steps."""
        if run.status.is_terminal:
            return run
        used = records.totals(connection, run.id, round=run.round)
        workflow = self._workflow_of(connection, run)
        parked = run.status is ExecutionStatus.PAUSED and run.wake_at is None
        return run.model_copy(
            update={
                "wake_at": _parked_until(connection, run) if parked else run.wake_at,
                "current_step": standing.step_at(connection, run.id, workflow),
                "total_tokens_used": used.tokens,
                "total_execution_time_ms": used.time_ms,
                "total_cost_usd": used.cost_usd,
            }
        )

    def _view(
        self, connection: sa.Connection, run: Execution, rows: Mapping[str, Any]
    ) -> tuple[StepExecution, ...]:
        """Every step of the workflow, and those inside that have run; *rows* count, by path."""
        inside: dict[str, list[Any]] = {}
        for row in rows.values():
            if row.depth > 1:
                inside.setdefault(row.path.split("/", 2)[1], []).append(row)
        view: list[StepExecution] = []
        for number, step in enumerate(self._workflow_of(connection, run).steps, start=1):
            row = rows.get(f"/{step.id}")
            if row is None:
                view.append(_not_run(run, step).model_copy(update={"number": number}))
            held = sorted(inside.get(step.id, ()), key=_reading_order)
            view += [_seen(run, one, number) for one in ([] if row is None else [row]) + held]
        return tuple(view)

    def _workflow_of(self, connection: sa.Connection, run: Execution) -> Workflow:
        return self._definitions.read_workflow(
            connection, run.workspace_id, run.workflow_id, run.workflow_version
        ).workflow


_ENDED = Prepared(
    sa.select(EXECUTION)
    .where(
        EXECUTION.c.workspace_id == sa.bindparam("workspace"),
        EXECUTION.c.end_cursor > sa.bindparam("after"),
    )
    .order_by(EXECUTION.c.end_cursor)
    .limit(sa.bindparam("count", type_=sa.Integer()))
)


def _ended(after: int, limit: int) -> sa.Select[Any]:
    query = sa.select(EXECUTION).where(EXECUTION.c.end_cursor > after)
    return query.order_by(EXECUTION.c.end_cursor).limit(limit)


def _older_than(created_at: datetime, execution_id: str) -> Any:
    return sa.or_(
        EXECUTION.c.created_at < created_at,
        sa.and_(EXECUTION.c.created_at == created_at, EXECUTION.c.id < execution_id),
    )


_WITHOUT_OUTPUT = [one for one in STEP_RUN.c if one is not STEP_RUN.c.output]
_STEPS = {
    True: sa.select(STEP_RUN).where(STEP_RUN.c.superseded_in.is_(None)),
    False: sa.select(*_WITHOUT_OUTPUT).where(STEP_RUN.c.superseded_in.is_(None)),
}
_STEPS_OF_ONE = {
    outputs: Prepared(query.where(STEP_RUN.c.execution_id == sa.bindparam("id")))
    for outputs, query in _STEPS.items()
}


def _step_rows(
    connection: sa.Connection, execution_ids: Sequence[str], *, outputs: bool
) -> dict[str, dict[str, Any]]:
    """The steps that count, by execution and path: one query for a few hundred runs."""
    if len(execution_ids) == 1:
        rows = _STEPS_OF_ONE[outputs].all(connection, {"id": execution_ids[0]})
        return {execution_ids[0]: {row.path: row for row in rows}}
    query = _STEPS[outputs].where(STEP_RUN.c.execution_id.in_(sa.bindparam("ids", expanding=True)))
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(execution_ids), _IN_ONE_QUERY):
        ids = list(execution_ids[start : start + _IN_ONE_QUERY])
        for row in connection.execute(query, {"ids": ids}):
            found.setdefault(row.execution_id, {})[row.path] = row
    return found


def _output(connection: sa.Connection, execution_id: str, path: str) -> Any:
    query = sa.select(STEP_RUN.c.output).where(
        STEP_RUN.c.execution_id == execution_id,
        STEP_RUN.c.path == path,
        STEP_RUN.c.superseded_in.is_(None),
    )
    text = connection.scalar(query)
    return None if text is None else codec.loads(text)


def _parked_until(connection: sa.Connection, run: Execution) -> datetime | None:
    """When a run that a quota has stopped goes on; an approval's moment is in the run's own row."""
    query = sa.select(PARKED_RUN.c.wake_at).where(
        PARKED_RUN.c.execution_id == run.id, PARKED_RUN.c.round == run.round
    )
    return connection.scalar(query)


def _reading_order(row: Any) -> tuple[tuple[int, str], ...]:
    """Iterations by number, the rest by name, each step before what it holds."""
    parts = row.path.split("/")[1:]
    return tuple((int(part), "") if part.isdigit() else (0, part) for part in parts)


def _seen(run: Execution, row: Any, number: int) -> StepExecution:
    known = records.step_execution(row, round=run.round)
    changes: dict[str, Any] = {"number": number}
    if run.status.is_terminal and known.status is StepStatus.PAUSED:
        changes["status"] = StepStatus.SKIPPED  # its question is open no more
    return known.model_copy(update=changes)


def _not_run(run: Execution, step: Step) -> StepExecution:
    return StepExecution(
        path=f"/{step.id}",
        step_id=step.id,
        kind=step.type,
        number=1,
        name=step.title,
        action=step.action,
        round=run.round,
        status=_status_without_row(run, step.id),
        attempts=0,
    )


def _status_without_row(run: Execution, step_id: str) -> StepStatus:
    if run.status.is_terminal:
        return StepStatus.SKIPPED
    if step_id == run.current_step:
        if run.status is ExecutionStatus.RUNNING:
            return StepStatus.RUNNING
        if run.status is ExecutionStatus.PAUSED:
            return StepStatus.PAUSED
    return StepStatus.PENDING
