"""Suggested fixes: the exact diff, a person's approval, the change, and whether it held."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from ...types import Approval, Change, Outcome, Preview, Recheck, Reversal
from .caller import Asking, Id

router = APIRouter(tags=["fixes"])

DryRun = Annotated[
    bool,
    Query(
        description="Also try the step that failed with the fix, on the input that it failed on, "
        "where that has no effect outside. Takes the role operator."
    ),
]


class SeenPreview(BaseModel):
    """Of the preview that was looked at."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"digest": "9f2c" * 16, "version": 3}]}
    )

    digest: Annotated[str, Field(min_length=1, max_length=200)]
    version: Annotated[int, Field(strict=True, ge=1, le=10**9, description="Its base_version.")]


class WaitingApprovals(BaseModel):
    approvals: list[Approval]


class Changes(BaseModel):
    changes: list[Change]


@router.get("/fixes/waiting")
def list_waiting_fixes(asking: Asking) -> WaitingApprovals:
    """Approvals that wait for a second person, the oldest first."""
    return WaitingApprovals(approvals=list(asking.fixes.waiting()))


@router.get("/fixes/{fix_id}/preview")
def preview_fix(fix_id: Id, asking: Asking, dry_run: DryRun = False) -> Preview:
    """What the fix would change in the workflow as it is now; reading it runs nothing by itself."""
    return asking.fixes.preview(fix_id, dry_run=dry_run)


@router.get("/fixes/{fix_id}/recheck")
def recheck_fix(fix_id: Id, asking: Asking) -> Recheck:
    """Whether what a person was to do elsewhere is done now; for fixes that are handed over."""
    return asking.fixes.recheck(fix_id)


@router.post("/fixes/{fix_id}/approve", status_code=201)
def approve_fix(fix_id: Id, body: SeenPreview, asking: Asking) -> Approval:
    """Let exactly this diff be applied once; 409 with the fresh diff when it is another by now.

    A type that takes two people stays pending until another person has approved the same.
    """
    return asking.fixes.approve(fix_id, digest=body.digest, version=body.version)


@router.post("/approvals/{approval_id}/apply")
def apply_approval(approval_id: Id, asking: Asking) -> Change:
    """Make the approved change; it takes effect at once, and undo is offered for some seconds."""
    return asking.fixes.apply(approval_id)


@router.post("/changes/{change_id}/undo")
def undo_change(change_id: Id, asking: Asking) -> Reversal:
    """Take a fix back while undo is offered."""
    return asking.fixes.undo(change_id)


@router.post("/changes/{change_id}/revert")
def revert_change(change_id: Id, asking: Asking) -> Reversal:
    """Take a fix back at any later time; the notice says when it had held."""
    return asking.fixes.revert(change_id)


@router.get("/changes/{change_id}/outcome")
def get_outcome(change_id: Id, asking: Asking) -> Outcome:
    """Whether the fix held: verified, regressed, undecided, or not exercised yet.

    Undecided: what it had touched was edited before it was judged, so no run can tell.
    """
    return asking.fixes.outcome(change_id)


@router.get("/workflows/{workflow_id}/changes")
def list_changes(workflow_id: Id, asking: Asking) -> Changes:
    """What was changed in a workflow, the newest first, with what was taken back or failed."""
    return Changes(changes=list(asking.fixes.changes(workflow_id)))
