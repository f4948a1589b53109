"""Changes that were made: taken back, and judged by the runs since."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ...pipeline.apply import Reversal
from ...types import Change, Outcome
from .caller import Asking, Id

router = APIRouter(prefix="/changes", tags=["fixes"])


class TakenBack(BaseModel):
    change: Change = Field(description="Taking back is a change too, with a version of its own.")
    runs_started: int = Field(description="Runs that may have used the fix.")
    notice: str | None


@router.post("/{change_id}/undo")
def undo_change(change_id: Id, asking: Asking) -> TakenBack:
    """Take a fix back while undo is offered."""
    return _answer(asking.copilot.undo(asking.workspace_id, change_id, actor=asking.actor))


@router.post("/{change_id}/revert")
def revert_change(change_id: Id, asking: Asking) -> TakenBack:
    """Take a fix back at any later time."""
    return _answer(asking.copilot.revert(asking.workspace_id, change_id, actor=asking.actor))


@router.get("/{change_id}/outcome")
def get_outcome(change_id: Id, asking: Asking) -> Outcome:
    """Whether the fix held: verified, regressed, or not exercised yet."""
    return asking.copilot.outcome(asking.workspace_id, change_id)


def _answer(reversal: Reversal) -> TakenBack:
    return TakenBack(
        change=reversal.change, runs_started=reversal.runs_started, notice=reversal.notice
    )
