"""A fix given to somebody else: as a patch of a file in git, and in words. Nothing is applied."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from ...targets.patch_file import LONGEST_PATH
from ...types.handoff import FixPatch, HandOff
from .caller import Asking, Id

LONGEST_FILE = 1_000_000

router = APIRouter(tags=["fixes"])


class KeptFile(BaseModel):
    """The definition as it is kept."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"path": "agents/mail.yaml", "content": "name: Mail\nsteps: …\n"}]
        },
    )

    path: Annotated[str, Field(min_length=1, max_length=LONGEST_PATH)] = Field(
        description="From the root of the repository."
    )
    content: Annotated[str, Field(min_length=1, max_length=LONGEST_FILE)]


@router.post("/fixes/{fix_id}/patch")
def patch_fix(fix_id: Id, body: KeptFile, asking: Asking) -> FixPatch:
    """The fix as a patch of that file, for `git apply`; its own text is kept where it can be."""
    return asking.handoffs.patch(fix_id, path=body.path, content=body.content)


@router.get("/fixes/{fix_id}/handoff")
def hand_off_fix(fix_id: Id, asking: Asking) -> HandOff:
    """The fix in words, for a colleague or a coding agent; of an analysis by its id, all remedies."""
    return asking.handoffs.handoff(fix_id)
