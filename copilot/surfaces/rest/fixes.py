"""Suggested fixes: the exact diff, and a person's approval of it."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from ...types import Approval, Preview
from .caller import Asking, Id

router = APIRouter(prefix="/fixes", tags=["fixes"])


class SeenPreview(BaseModel):
    """Of the preview that was looked at."""

    model_config = ConfigDict(extra="forbid")

    digest: Annotated[str, Field(min_length=1, max_length=200)]
    version: Annotated[int, Field(ge=1, description="Its base_version.")]


@router.get("/{fix_id}/preview")
def preview_fix(fix_id: Id, asking: Asking) -> Preview:
    """What the fix would change in the workflow as it is now."""
    return asking.copilot.preview(asking.workspace_id, fix_id)


@router.post("/{fix_id}/approve", status_code=201)
def approve_fix(fix_id: Id, body: SeenPreview, asking: Asking) -> Approval:
    """Let exactly this diff be applied once; 409 with the fresh diff when it is another by now."""
    return asking.copilot.approve(
        asking.workspace_id,
        fix_id,
        digest=body.digest,
        version=body.version,
        actor=asking.actor,
    )
