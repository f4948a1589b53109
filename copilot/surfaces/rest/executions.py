"""Runs of workflows: started, listed, looked at, ended, run again, and explained."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ...bootstrap import Execution, ExecutionStatus, Progress, ResumeMode, StepExecution, encode
from ...types import Report
from .caller import Asking, Caller, Id

router = APIRouter(prefix="/executions", tags=["executions"])

WorkflowId = Annotated[str, Field(pattern=r"^[^\x00-\x1f]+$", max_length=200)]


class NewExecution(BaseModel):
    model_config = ConfigDict(extra="forbid")

    workflow_id: WorkflowId
    inputs: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    test_mode: bool = Field(default=False, description="Count in no pattern and no statistic.")


class Resumption(BaseModel):
    model_config = ConfigDict(extra="forbid")

    resume_mode: ResumeMode = Field(
        default="full",
        description="full runs every step; partial keeps what succeeded; dependencies runs the "
        "failed step with the steps it needs, then goes on.",
    )


class ExecutionList(BaseModel):
    executions: list[Execution]


class ExecutionDetail(BaseModel):
    """Outputs are there with ?outputs=true. A value that JSON has no form for is an object with
    $type, as it is stored."""

    execution: Execution
    steps: list[StepExecution]


@router.post("", status_code=202, response_model_exclude={"output"})
def start_execution(body: NewExecution, asking: Asking, response: Response) -> Execution:
    """Queue a run of the newest version. Location is where to look at it."""
    started = asking.app.engine.submit(
        asking.workspace_id,
        body.workflow_id,
        inputs=body.inputs,
        user_id=asking.actor,
        trigger="api",
        test_mode=body.test_mode,
    )
    return _queued(started, asking, response)


@router.get("", response_model_exclude={"executions": {"__all__": {"output"}}})
def list_executions(
    asking: Asking,
    status: ExecutionStatus | None = None,
    workflow_id: Annotated[WorkflowId | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> ExecutionList:
    """The newest first, without outputs."""
    found = asking.app.engine.executions(
        asking.workspace_id, workflow_id=workflow_id, status=status, limit=limit
    )
    return ExecutionList(executions=[_plain(one) for one in found])


@router.get("/{execution_id}", response_model=ExecutionDetail)
def get_execution(execution_id: Id, asking: Asking, outputs: bool = False) -> Any:
    """One run with its steps, as they stand in the current round."""
    execution = asking.app.engine.execution(asking.workspace_id, execution_id)
    steps = asking.app.engine.steps(asking.workspace_id, execution_id)
    detail = ExecutionDetail(
        execution=_plain(execution), steps=[_plain_step(step) for step in steps]
    )
    hidden = None if outputs else {"execution": {"output"}, "steps": {"__all__": {"output"}}}
    return Response(detail.model_dump_json(exclude=hidden), media_type="application/json")


@router.get("/{execution_id}/progress")
def get_progress(execution_id: Id, asking: Asking) -> Progress:
    """How far the run is, counted now."""
    return asking.app.engine.progress(asking.workspace_id, execution_id)


@router.post("/{execution_id}/cancel", response_model_exclude={"output"})
def cancel_execution(execution_id: Id, asking: Asking) -> Execution:
    """End a run; one that has ended stays as it is."""
    return _plain(asking.app.engine.cancel(asking.workspace_id, execution_id))


@router.post("/{execution_id}/resume", status_code=202, response_model_exclude={"output"})
def resume_execution(
    execution_id: Id, body: Resumption, asking: Asking, response: Response
) -> Execution:
    """Queue the next round, with the newest version of the workflow."""
    resumed = asking.app.engine.resume(asking.workspace_id, execution_id, mode=body.resume_mode)
    return _queued(resumed, asking, response)


@router.post("/{execution_id}/analyze")
def analyze_execution(execution_id: Id, asking: Asking) -> Report:
    """Why the run failed and what to do. The same answer again costs nothing."""
    return asking.copilot.analyze(asking.workspace_id, execution_id)


def _queued(execution: Execution, asking: Caller, response: Response) -> Execution:
    response.headers["Location"] = (
        f"/api/workspaces/{asking.workspace_id}/executions/{execution.id}"
    )
    return _plain(execution)


def _plain(execution: Execution) -> Execution:
    """*execution* with what its workflow made of it in JSON's own types."""
    return execution.model_copy(
        update={
            "inputs": encode(execution.inputs, place="inputs"),
            "output": encode(execution.output, place="output"),
        }
    )


def _plain_step(step: StepExecution) -> StepExecution:
    return step.model_copy(update={"output": encode(step.output, place="output")})
