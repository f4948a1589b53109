"""How well fixes hold, what people say of analyses, and how far fixes may go by themselves."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from ...types.learning import Feedback, GoldenCase, LearningSummary, Level, LevelSetting
from .caller import Asking, Id

router = APIRouter(tags=["learning"])


class Thumb(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"helpful": False, "reason": "It was the firewall."}]},
    )

    helpful: StrictBool
    reason: Annotated[str, Field(max_length=1_000)] = ""


class NewLevel(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"fix_type": "retry_policy", "level": "suggest"}]},
    )

    fix_type: Annotated[str, Field(min_length=1, max_length=100, description="Or 'all'.")]
    level: Level


class Levels(BaseModel):
    levels: list[LevelSetting]


@router.get("/learning")
def get_learning(asking: Asking) -> LearningSummary:
    """How well fixes have held, with counts and the interval that such counts allow."""
    return asking.learning.summary()


@router.post("/analyses/{analysis_id}/feedback")
def give_feedback(analysis_id: Id, body: Thumb, asking: Asking) -> Feedback:
    """Say whether an analysis helped; what the same person said before is replaced."""
    return asking.learning.feedback(analysis_id, helpful=body.helpful, reason=body.reason)


@router.get("/autonomy")
def get_autonomy(asking: Asking) -> Levels:
    """How far fixes may go by themselves: the workspace's own level, then every type."""
    return Levels(levels=list(asking.learning.levels()))


@router.put("/autonomy")
def set_autonomy(body: NewLevel, asking: Asking) -> Levels:
    """Set the level of a fix type or of all; raising one takes an owner."""
    return Levels(levels=list(asking.learning.set_level(body.fix_type, body.level)))


@router.get("/changes/{change_id}/case")
def get_case(change_id: Id, asking: Asking) -> GoldenCase:
    """A verified fix as a case for the tests, without secrets and personal data."""
    return asking.learning.case(change_id)
