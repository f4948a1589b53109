"""A night's pass over the failures since the last one, and the digest that tells of it."""

from decimal import Decimal
from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, Field

from .diagnosis import RootCause, Verdict
from .frozen import Frozen
from .pattern import PatternState
from .report import AlreadyFixed


class PassState(StrEnum):
    RUNNING = "running"
    FINISHED = "finished"


class LeftOut(StrEnum):
    """Why the rest of a pass was not analysed. An error of one analysis has its own code."""

    CREDIT_CAP = "credit_cap"
    SPEND_CAP = "spend_cap"
    UNKNOWN_COST = "unknown_cost"
    INSUFFICIENT_CREDITS = "insufficient_credits"
    INTERNAL_ERROR = "internal_error"


class DigestItem(Frozen):
    """One kind of failure of one workflow."""

    workflow_id: str
    signature: str = Field(description="Of the group: the root of all that were merged into it.")
    label: str
    failures: int = Field(description="Runs that failed so since the last pass.")
    is_new: bool = Field(description="Never seen in this workspace before this pass.")
    pattern_state: PatternState | None = Field(
        default=None, description="Where it stands as a repeated failure; null when it is none."
    )
    first_occurred: AwareDatetime
    last_occurred: AwareDatetime
    execution_id: str = Field(
        description="The run that was analysed: the newest of them that is still failed."
    )
    analysis_id: str | None = None
    root_cause: RootCause | None = None
    verdict: Verdict | None = None
    headline: str | None = None
    already_fixed: AlreadyFixed | None = Field(
        default=None, description="Where it has been fixed since, or was by the analysis itself."
    )
    fixes: tuple[str, ...] = Field(
        default=(), description="Ids that can be applied; none where it is fixed already."
    )
    proposal: str | None = Field(
        default=None, description="What the first of `fixes` would change, in one line."
    )
    not_applied_because: str | None = Field(
        default=None,
        exclude_if=lambda why: why is None,
        description="Why none of `fixes` was applied by itself, where somebody has signed for that.",
    )
    not_analysed: str | None = Field(
        default=None,
        description=(
            "Why: credit_cap, spend_cap, unknown_cost, or the code of an error: "
            "not_a_failed_execution when every run was resumed or cancelled since."
        ),
    )


FixNews = Literal["applied", "verified", "regressed", "undecided", "taken_back", "rolled_back"]


class DigestFix(Frozen):
    """A fix that was applied or judged since the last pass."""

    change_id: str
    workflow_id: str
    fix_type: str
    state: FixNews = Field(description="The last that happened to it since then.")


class AppliedFix(AlreadyFixed):
    """A fix that nobody was asked about: applied in this pass, under a standing approval."""

    workflow_id: str


class Digest(Frozen):
    """What broke, what is new, what was fixed, and what it cost."""

    pass_id: str
    workspace_id: str
    state: PassState
    since: AwareDatetime | None = Field(
        default=None, description="Start of the pass before; null for the first."
    )
    started_at: AwareDatetime
    finished_at: AwareDatetime | None
    failures: int
    groups: int
    analysed: int
    items: tuple[DigestItem, ...] = Field(
        description=(
            "Repeated failures that are new, worsening or regressed first, dismissed ones last; "
            "then the largest impact."
        )
    )
    applied: tuple[AppliedFix, ...] = Field(
        default=(),
        description=(
            "Fixes that were applied by themselves in this pass, under standing approvals. All that "
            "happens to them from here on is among the `fixes` of the passes to come."
        ),
    )
    fixes: tuple[DigestFix, ...] = ()
    credits: int
    credit_cap: int | None
    cost_usd: Decimal | None = Field(description="Null when one price is unknown.")
    spend_cap_usd: Decimal | None
    delivery: str | None = Field(
        default=None,
        description="What became of the e-mail: 'sent to 2', 'not sent: …'; null without one.",
    )
