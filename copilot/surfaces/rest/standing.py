"""Standing approvals: what an owner has signed beforehand, and what was done under it."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from ...types.standing import StandingApproval, StandingTerms, StandingUse
from .caller import Asking, Id

router = APIRouter(tags=["standing approvals"])


class StandingApprovals(BaseModel):
    standing: list[StandingApproval]


class TermsToSign(StandingTerms):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "fix_type": "replace_value",
                    "workflow_id": "outreach",
                    "max_uses": 10,
                    "max_uses_per_day": 2,
                    "expires_at": "2027-01-31T00:00:00Z",
                }
            ]
        }
    )


class StandingUses(BaseModel):
    uses: list[StandingUse]


@router.get("/standing")
def list_standing(asking: Asking) -> StandingApprovals:
    """All, the newest first, with those that have expired, are used up or were revoked."""
    return StandingApprovals(standing=list(asking.standing.list()))


@router.post("/standing", status_code=201)
def create_standing(body: TermsToSign, asking: Asking) -> StandingApproval:
    """Approve fixes of one type before they are suggested, within these terms."""
    return asking.standing.create(body)


@router.post("/standing/{standing_id}/revoke")
def revoke_standing(standing_id: Id, asking: Asking) -> StandingApproval:
    """Let nothing more begin under it; what was applied stays. Again changes nothing."""
    return asking.standing.revoke(standing_id)


@router.get("/standing/{standing_id}/uses")
def list_standing_uses(standing_id: Id, asking: Asking) -> StandingUses:
    """Each fix that it has approved, with the change that was made, the newest first."""
    return StandingUses(uses=list(asking.standing.uses(standing_id)))
