"""How far a run is: counted when asked for, from the steps themselves, never stored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from typing import Any, Literal, TypeAlias

from ..definition.workflow import Stage, Workflow
from ..execution import Execution, ExecutionStatus, Progress
from ..storage.executions import ExecutionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressMeasure:
    """One calculation of progress, and how long it took.

    `stale_data` is never true: nothing is stored that could differ from what was counted.
    """

    workflow_id: str
    progress_percentage: int
    agents_completed: int
    agents_total: int
    calculation_time_ms: float
    stale_data: Literal[False] = False


Heard: TypeAlias = Callable[[ProgressMeasure], None]


def progress(
    executions: ExecutionStore,
    workspace_id: str,
    execution_id: str,
    *,
    listeners: Sequence[Heard] = (),
) -> Progress:
    """Counts completed top-level steps against the total stored with the round.

    A failed step counts in the total and is not completed. Each of *listeners* is told of the
    calculation. Raises `NotFound`.
    """
    began = perf_counter()
    run, counted = _count(executions, workspace_id, execution_id)
    measure = ProgressMeasure(
        workflow_id=run.workflow_id,
        progress_percentage=counted.progress_percentage,
        agents_completed=counted.agents_completed,
        agents_total=counted.agents_total,
        calculation_time_ms=round((perf_counter() - began) * 1000, 3),
    )
    for heard in listeners:
        heard(measure)
    return counted


def _count(
    executions: ExecutionStore, workspace_id: str, execution_id: str
) -> tuple[Execution, Progress]:
    run, workflow, done = executions.completed(workspace_id, execution_id)
    stage = current_stage(workflow, run)
    counted = Progress(
        execution_id=run.id,
        status=run.status,
        current_stage=_title(workflow, run, done.steps) if stage is None else stage.name,
        progress_percentage=percentage(done.steps, run.steps_total),
        stage_progress_percentage=stage_percentage(workflow, run),
        agents_completed=done.steps,
        agents_total=run.steps_total,
        last_updated_at=_later(run, done.last),
    )
    return run, counted


def _title(workflow: Workflow, run: Execution, done: int) -> str | None:
    """Of the step that *run* is at, which nearly always stands right behind the *done* ones."""
    if run.current_step is None:
        return None
    near = workflow.steps[done : done + 1]
    return next((one.title for one in (*near, *workflow.steps) if one.id == run.current_step), None)


def percentage(completed: int, total: int) -> int:
    """Rounded half up, as JavaScript's `Math.round` does; none of nothing is 0."""
    return (200 * completed + total) // (2 * total) if total else 0


def current_stage(workflow: Workflow, run: Execution) -> Stage | None:
    """The stage that *run* is at; a step of no stage belongs to the last one begun before it."""
    if run.current_step is None or not workflow.stages:
        return None
    found: Stage | None = None
    for step in workflow.steps:
        found = next((one for one in workflow.stages if step.id in one.steps), found)
        if step.id == run.current_step:
            break
    return found


def stage_percentage(workflow: Workflow, run: Execution) -> float | None:
    """The weights of the stages up to the current one, of all, with two decimals.

    Unless every stage has a weight each counts the same. None without stages.
    """
    if not workflow.stages:
        return None
    if run.status is ExecutionStatus.SUCCEEDED:
        return 100.0
    stage = current_stage(workflow, run)
    if stage is None:
        return 0.0
    weights = [one.weight for one in workflow.stages]
    known = [weight for weight in weights if weight is not None]
    counted = known if len(known) == len(weights) else [1.0] * len(weights)
    reached = workflow.stages.index(stage) + 1
    return round(sum(counted[:reached]) / sum(counted) * 100, 2)


def _later(run: Execution, moment: datetime | None) -> Any:
    return run.updated_at if moment is None else max(run.updated_at, moment)
