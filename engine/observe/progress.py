"""How far a run is: counted when asked for, from the steps themselves, never stored."""

from datetime import datetime
from typing import Any

from ..execution import Execution, Progress
from ..storage.executions import ExecutionStore


def progress(executions: ExecutionStore, workspace_id: str, execution_id: str) -> Progress:
    """Counts completed top-level steps against the total stored with the round.

    A failed step counts in the total and is not completed. Raises `NotFound`.
    """
    run, completed, last_completed = executions.completed(workspace_id, execution_id)
    return Progress(
        execution_id=run.id,
        status=run.status,
        current_stage=executions.stage(run),
        progress_percentage=percentage(completed, run.steps_total),
        agents_completed=completed,
        agents_total=run.steps_total,
        last_updated_at=_later(run, last_completed),
    )


def percentage(completed: int, total: int) -> int:
    """Rounded half up, as JavaScript's `Math.round` does; none of nothing is 0."""
    return (200 * completed + total) // (2 * total) if total else 0


def _later(run: Execution, moment: datetime | None) -> Any:
    return run.updated_at if moment is None else max(run.updated_at, moment)
