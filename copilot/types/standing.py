"""Approvals that an owner signs before there is a diff: for which fixes, how often, until when."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from .change import ChangeState
from .frozen import Frozen, Id

LONGEST_STANDING = timedelta(days=90)
MOST_USES = 1000

Uses = Annotated[int, Field(strict=True, ge=1, le=MOST_USES)]


class StandingState(StrEnum):
    ACTIVE = "active"
    EXPIRED = "expired"
    USED_UP = "used_up"
    REVOKED = "revoked"
    SUSPENDED = "suspended"


class StandingTerms(Frozen):
    """What an owner signs: fixes of one type, applied unseen.

    Only where the evidence has confirmed the root cause, and the fix was tried on the failed input
    and passed: no signature makes that unnecessary.
    """

    fix_type: Annotated[str, Field(min_length=1, max_length=100)]
    workflow_id: Id | None = Field(default=None, description="Null: in every workflow.")
    max_uses: Uses = Field(description="How many fixes it approves in all.")
    max_uses_per_day: Uses | None = Field(default=None, description="In a day (UTC).")
    expires_at: AwareDatetime = Field(description="At most 90 days from now.")


class StandingApproval(StandingTerms):
    """A signature as it stands now."""

    standing_id: str
    state: StandingState
    suspended_because: str | None = Field(
        default=None, description="Why it approves nothing: whoever signed it is no owner any more."
    )
    created_by: str
    created_by_name: str
    created_at: AwareDatetime
    revoked_by: str | None = None
    revoked_by_name: str | None = None
    revoked_at: AwareDatetime | None = None
    uses: int = Field(description="Approvals it has given so far.")
    uses_today: int
    acts: bool = Field(
        default=False,
        description="Whether fixes are applied by themselves under it, as things stand.",
    )
    missing: tuple[str, ...] = Field(
        default=(), description="What is missing for that, in words with their figures."
    )


class StandingUse(Frozen):
    """One approval that was given under it, and the change that was made with it."""

    standing_id: str
    approval_id: str
    fix_id: str
    used_at: AwareDatetime
    change_id: str | None = Field(description="Null when nothing was applied with it.")
    workflow_id: str | None = None
    change_state: ChangeState | None = None
