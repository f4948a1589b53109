"""Approvals, each good for one change."""

from fastapi import APIRouter

from ...types import Change
from .caller import Asking, Id

router = APIRouter(prefix="/approvals", tags=["fixes"])


@router.post("/{approval_id}/apply")
def apply_approval(approval_id: Id, asking: Asking) -> Change:
    """Make the approved change; it takes effect at once, and undo is offered for some seconds."""
    return asking.copilot.apply(asking.workspace_id, approval_id)
