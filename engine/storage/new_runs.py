"""What a run is started with, and the row it begins as."""

from dataclasses import dataclass, field
from typing import Any

from ..definition.workflow import Workflow
from ..execution import ExecutionStatus
from . import codec


@dataclass(frozen=True, slots=True)
class NewRun:
    """What a run is started with; *request_key* makes it the same run when it is asked for again.

    timeout_seconds: a limit of its own; None is that of its workflow.
    """

    workflow_id: str
    inputs: dict[str, Any] = field(default_factory=dict[str, Any])
    user_id: str | None = None
    session_id: str | None = None
    trigger: str = "manual"
    test_mode: bool = False
    timeout_seconds: float | None = None
    request_key: str | None = None
    estimate: dict[str, Any] | None = None


def row_of(
    run: NewRun, execution_id: str, workspace_id: str, *, version: int, workflow: Workflow
) -> dict[str, Any]:
    """Its columns, but for the times and what they are limited to."""
    estimate = None if run.estimate is None else codec.dumps(run.estimate, place="estimate")
    return {
        "id": execution_id,
        "workspace_id": workspace_id,
        "workflow_id": run.workflow_id,
        "workflow_version": version,
        "status": ExecutionStatus.QUEUED.value,
        "user_id": run.user_id,
        "session_id": run.session_id,
        "trigger": run.trigger,
        "test_mode": run.test_mode,
        "inputs": codec.dumps(run.inputs, place="inputs"),
        "estimate": estimate,
        "paused_seconds": 0.0,
        "recoveries": 0,
        "steps_total": len(workflow.steps),
        "current_step": workflow.steps[0].id,
        "round": 1,
        "dispatch": 1,
        "total_tokens_used": 0,
        "total_execution_time_ms": 0,
    }
