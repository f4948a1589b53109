"""How far a run is: counted when asked for, from the steps themselves, never stored."""

from datetime import datetime
from typing import Any

from ..definition.workflow import Stage, Workflow
from ..execution import Execution, ExecutionStatus, Progress
from ..storage.executions import ExecutionStore


def progress(executions: ExecutionStore, workspace_id: str, execution_id: str) -> Progress:
    """Counts completed top-level steps against the total stored with the round.

    A failed step counts in the total and is not completed. Raises `NotFound`.
    """
    run, completed, last_completed = executions.completed(workspace_id, execution_id)
    workflow = executions.workflow_of(run)
    stage = current_stage(workflow, run)
    title = next((step.title for step in workflow.steps if step.id == run.current_step), None)
    return Progress(
        execution_id=run.id,
        status=run.status,
        current_stage=title if stage is None else stage.name,
        progress_percentage=percentage(completed, run.steps_total),
        stage_progress_percentage=stage_percentage(workflow, run),
        agents_completed=completed,
        agents_total=run.steps_total,
        last_updated_at=_later(run, last_completed),
    )


def percentage(completed: int, total: int) -> int:
    """Rounded half up, as JavaScript's `Math.round` does; none of nothing is 0."""
    return (200 * completed + total) // (2 * total) if total else 0


def current_stage(workflow: Workflow, run: Execution) -> Stage | None:
    """The stage that *run* is at; a step of no stage belongs to the last one begun before it."""
    if run.current_step is None:
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
