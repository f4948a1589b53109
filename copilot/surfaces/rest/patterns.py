"""Repeated failures of the workspace: where they stand, and why runs fail at all."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ...service.reasons import LONGEST_REASON
from ...storage.patterns import MOST
from ...types.engine import WorkflowRecord
from ...types.pattern import CauseBreakdown, PatternLife
from .analyses import Patterns
from .caller import Asking, Id, WorkflowFilter

router = APIRouter(tags=["analyses"])

Moment = Annotated[
    AwareDatetime | None, Query(description="RFC 3339, such as 2026-01-05T09:00:00Z.")
]


class Reason(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "The template comes on Monday"}]}
    )

    reason: Annotated[str, Field(strict=True, max_length=LONGEST_REASON)] = ""


@router.get("/patterns")
def list_workspace_patterns(
    asking: Asking,
    resolved: Annotated[bool, Query(description="The resolved ones, instead of others.")] = False,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
) -> Patterns:
    """The repeated failures of all workflows: new, worsening and regressed ones first."""
    return Patterns(patterns=list(asking.patterns.list(resolved=resolved, limit=limit)))


@router.post("/workflows/{workflow_id}/patterns/{signature}/dismiss")
def dismiss_pattern(
    workflow_id: Id, signature: Id, asking: Asking, body: Reason | None = None
) -> PatternLife:
    """Tell no more of it until it grows by a half again, or a new version of the workflow has it."""
    return asking.patterns.dismiss(workflow_id, signature, reason=_said(body))


@router.post("/workflows/{workflow_id}/patterns/{signature}/reopen")
def reopen_pattern(
    workflow_id: Id, signature: Id, asking: Asking, body: Reason | None = None
) -> PatternLife:
    """Take its dismissal back."""
    return asking.patterns.reopen(workflow_id, signature, reason=_said(body))


@router.post("/workflows/{workflow_id}/patterns/{signature}/pause")
def pause_for_pattern(
    workflow_id: Id, signature: Id, asking: Asking, body: Reason | None = None
) -> WorkflowRecord:
    """Start no new run of the workflow; without a reason the repeated failure is the reason."""
    return asking.patterns.pause(workflow_id, signature, reason=_said(body))


@router.get("/failures/causes")
def get_causes(
    asking: Asking,
    workflow_id: WorkflowFilter = None,
    since: Moment = None,
    until: Moment = None,
) -> CauseBreakdown:
    """Why runs failed, in shares that sum up to 100; in the last 30 days, unless told."""
    return asking.patterns.causes(workflow_id=workflow_id, since=since, until=until)


def _said(body: Reason | None) -> str:
    return "" if body is None else body.reason
