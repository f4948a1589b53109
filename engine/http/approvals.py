"""Approvals: which wait for a person, and deciding one."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from ..execution import Decision, Execution, StepApproval
from .fields import STORABLE, Asking, Body, Id

router = APIRouter(tags=["approvals"])

#: The path of the step, without its first slash: it holds slashes itself.
StepPath = Annotated[str, Path(pattern=STORABLE, max_length=2000)]


class ApprovalList(BaseModel):
    approvals: list[StepApproval]


class NewDecision(Body):
    """What a person has decided."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"decision": "approved", "comment": "Checked the list."}]}
    )

    decision: Decision
    comment: Annotated[str, Field(max_length=2000)] = ""


@router.get("/approvals")
def list_approvals(asking: Asking) -> ApprovalList:
    """Those that wait, of every run, the oldest first; at most 200."""
    return ApprovalList(approvals=list(asking.executions.waiting()))


@router.get("/executions/{execution_id}/approvals")
def list_execution_approvals(execution_id: Id, asking: Asking) -> ApprovalList:
    """Those of one run, decided or not, the oldest first."""
    return ApprovalList(approvals=list(asking.executions.approvals(execution_id)))


@router.post("/executions/{execution_id}/approvals/{path:path}", response_model_exclude={"output"})
def decide_approval(
    execution_id: Id, path: StepPath, body: NewDecision, asking: Asking
) -> Execution:
    """Approve or reject; the run goes on. Only a person may, with the role the step names."""
    return asking.executions.decide(
        execution_id, f"/{path.strip('/')}", decision=body.decision, comment=body.comment
    )
