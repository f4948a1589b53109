"""Runs of workflows: started, listed, looked at, ended, run again."""

from collections.abc import Iterable
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from ..execution import (
    Execution,
    ExecutionPage,
    ExecutionStatus,
    Progress,
    ResumeMode,
    StepApproval,
    StepExecution,
    StepStatus,
)
from ..run.resume_options import ResumeOptions
from ..runs import LOWEST_PRIORITY
from .fields import Asking, Body, Id, IdInBody, IdInQuery, address

router = APIRouter(prefix="/executions", tags=["executions"])

Outputs = Annotated[bool, Query(description="With what the steps gave.")]


class NewExecution(Body):
    """What to run, with which inputs."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"workflow_id": "greeting", "inputs": {"name": "Ada"}}]}
    )

    workflow_id: IdInBody
    inputs: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    test_mode: bool = Field(default=False, description="Count in no pattern and no statistic.")
    timeout_seconds: Annotated[float, Field(gt=0, le=86_400)] | None = Field(
        default=None, description="Limit of the whole run; the workflow's own when absent."
    )
    priority: Annotated[int, Field(ge=0, le=LOWEST_PRIORITY)] | None = Field(
        default=None, description="0 goes first among the waiting runs of the workspace."
    )


class Resumption(Body):
    """How a run goes on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"resume_mode": "partial"}]})

    resume_mode: ResumeMode = Field(
        default="full",
        description="full runs every step; partial keeps what succeeded; dependencies runs the "
        "failed step with the steps it needs, then goes on.",
    )
    repeat_effects: bool = Field(
        default=False,
        description="Also do again what can't be repeated, like mails that have been sent.",
    )


class ExecutionDetail(BaseModel):
    """Outputs are there with ?outputs=true. A value that JSON has no form for is an object with
    $type, as it is stored."""

    execution: Execution
    steps: list[StepExecution]
    progress_percentage: int
    agents_completed: int
    agents_total: int
    progress_calculation_method: Literal["agent-based"]
    current_stage: str | None = Field(
        description="Name of the stage it is at; without stages, title of the step."
    )
    stage_progress_percentage: float | None = Field(
        description="Secondary, by the weights of the stages; null without stages."
    )
    last_updated_at: AwareDatetime
    waits_for: Literal["approval", "quota"] | None = Field(
        description="Of a paused run; its wake_at is when it goes on by itself, if ever."
    )
    approvals: list[StepApproval] = Field(
        description="Those that wait for a person now; other steps may go on meanwhile."
    )


class StepHistory(BaseModel):
    steps: list[StepExecution]


@router.get("", response_model_exclude={"executions": {"__all__": {"output"}}})
def list_executions(
    asking: Asking,
    status: ExecutionStatus | None = None,
    workflow_id: IdInQuery = None,
    cursor: Annotated[str | None, Query(max_length=500, description="A next_cursor.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> ExecutionPage:
    """The newest first, without outputs."""
    return asking.executions.list(
        workflow_id=workflow_id, status=status, cursor=cursor, limit=limit
    )


@router.post("", status_code=202, response_model_exclude={"output"})
def start_execution(
    body: NewExecution, asking: Asking, request: Request, response: Response
) -> Execution:
    """Queue a run of the newest version. Location is where to look at it."""
    started = asking.executions.start(
        body.workflow_id,
        inputs=body.inputs,
        test_mode=body.test_mode,
        timeout_seconds=body.timeout_seconds,
        priority=body.priority,
    )
    response.headers["Location"] = address(request, started.id)
    return started


@router.get("/{execution_id}", response_model=ExecutionDetail)
def get_execution(execution_id: Id, asking: Asking, outputs: Outputs = False) -> Response:
    """One run with its steps, as they stand in the current round."""
    progress = asking.executions.progress(execution_id)
    execution = asking.executions.get(execution_id)
    steps = asking.executions.steps(execution_id, outputs=outputs)
    paused = {step.path for step in steps if step.status is StepStatus.PAUSED}
    approvals = asking.executions.approvals(execution_id) if paused else ()
    detail = ExecutionDetail(
        execution=execution,
        steps=list(steps),
        waits_for=_waits_for(execution),
        approvals=_waiting(approvals, paused),
        **progress.model_dump(exclude={"execution_id", "status"}),
    )
    hidden = None if outputs else {"execution": {"output"}, "steps": {"__all__": {"output"}}}
    return Response(detail.model_dump_json(exclude=hidden), media_type="application/json")


@router.get("/{execution_id}/progress")
def get_progress(execution_id: Id, asking: Asking) -> Progress:
    """How far the run is, counted now."""
    return asking.executions.progress(execution_id)


@router.get("/{execution_id}/history", response_model=StepHistory)
def get_history(execution_id: Id, asking: Asking, outputs: Outputs = False) -> Response:
    """Every step of every round as it was recorded, the oldest round first."""
    found = StepHistory(steps=list(asking.executions.history(execution_id)))
    hidden = None if outputs else {"steps": {"__all__": {"output"}}}
    return Response(found.model_dump_json(exclude=hidden), media_type="application/json")


@router.get("/{execution_id}/resume-options")
def get_resume_options(execution_id: Id, asking: Asking) -> ResumeOptions:
    """What can be done next: each way to resume with what it keeps and takes, or why it can't be."""
    return asking.executions.resume_options(execution_id)


@router.post("/{execution_id}/cancel", response_model_exclude={"output"})
def cancel_execution(execution_id: Id, asking: Asking) -> Execution:
    """End a run; one that has ended stays as it is."""
    return asking.executions.cancel(execution_id)


@router.post("/{execution_id}/resume", status_code=202, response_model_exclude={"output"})
def resume_execution(
    execution_id: Id, body: Resumption, asking: Asking, request: Request, response: Response
) -> Execution:
    """Queue the next round, with the newest version of the workflow; resume_report says what it
    keeps of those before."""
    # Left out unless it is asked for: the application may put executions of its own in place.
    given = {"repeat_effects": True} if body.repeat_effects else {}
    resumed = asking.executions.resume(execution_id, mode=body.resume_mode, **given)
    response.headers["Location"] = address(request, resumed.id, levels_up=2)
    return resumed


def _waits_for(execution: Execution) -> Literal["approval", "quota"] | None:
    """A run that a quota has stopped keeps the error; a question to a person is none."""
    if execution.status is not ExecutionStatus.PAUSED:
        return None
    return "approval" if execution.error is None else "quota"


def _waiting(approvals: Iterable[StepApproval], paused: set[str]) -> list[StepApproval]:
    """Of *approvals*, of every round and the oldest first, those at the *paused* paths now."""
    newest = {one.path: one for one in approvals}
    return [one for path, one in newest.items() if path in paused and one.status == "waiting"]
