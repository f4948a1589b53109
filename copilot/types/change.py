"""A fix on its way: preview, approval, change, and whether it held."""

from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, Field

from .effect import CostEffect, DryRun, Side
from .frozen import Frozen


class ApprovalState(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"


class ChangeState(StrEnum):
    APPROVED = "approved"
    APPLYING = "applying"
    APPLIED = "applied"
    UNDONE = "undone"
    REVERTED = "reverted"
    FAILED = "failed"


class OutcomeState(StrEnum):
    NOT_EXERCISED = "not_exercised"
    WATCHING = "watching"
    VERIFIED = "verified"
    REGRESSED = "regressed"
    UNDECIDED = "undecided"
    TAKEN_BACK = "taken_back"
    NOT_WATCHED = "not_watched"


class Preview(Frozen):
    """Exactly what a fix would change or do. An approval names its `digest`."""

    fix_id: str
    fix_type: str
    kind: Literal["change", "action", "hand_over"] = Field(
        default="change",
        description="An action does something instead; what is handed over a person does.",
    )
    base_version: int
    base_digest: str
    diff: str = Field(description="What is approved: a unified diff; of an action, sentences.")
    summary: str
    digest: str = Field(description="Over fix, base and diff: what an approval is bound to.")
    execution_id: str | None = Field(default=None, description="The run that it is to help.")
    sides: tuple[Side, ...] = Field(default=(), description="The diff side by side.")
    plain: tuple[str, ...] = Field(default=(), description="A sentence for each change.")
    cost_effect: CostEffect | None = Field(default=None, description="Null where unknown.")
    dry_run: DryRun | None = Field(default=None, description="Null unless it was asked for.")


class Approval(Frozen):
    approval_id: str
    fix_id: str
    digest: str
    base_version: int = Field(description="The version that the approved diff starts from.")
    base_digest: str
    actor: str
    created_at: AwareDatetime
    expires_at: AwareDatetime
    used: bool = False
    used_by: str | None = Field(default=None, description="The change that was made with it.")
    state: ApprovalState = Field(
        default=ApprovalState.APPROVED, description="A pending one can't be used yet."
    )
    actor_name: str | None = Field(
        default=None, description="What people call the actor, where it is told who waits."
    )
    second_actor: str | None = Field(default=None, description="Who approved it as the second.")
    missing: str | None = Field(
        default=None, description="Who has still to approve the same, in words."
    )
    standing_id: str | None = Field(
        default=None, description="The standing approval under which it was given."
    )


class Change(Frozen):
    change_id: str
    fix_id: str
    fix_type: str
    workspace_id: str
    workflow_id: str
    base_version: int
    version: int | None = Field(
        description="Version it made, or was done at if it is an action; None until it is applied."
    )
    state: ChangeState
    actor: str
    applied_at: AwareDatetime | None = None
    undo_until: AwareDatetime | None = None
    kind: Literal["fix", "undo", "revert"] = "fix"
    reverses: str | None = Field(default=None, description="The change this one takes back.")
    problem: str | None = Field(default=None, description="Why it failed, for people.")

    @property
    def reversed(self) -> bool:
        """Whether it was taken back."""
        return self.state in {ChangeState.UNDONE, ChangeState.REVERTED}


class Outcome(Frozen):
    """Whether a fix held: judged on the same step and the same failure group."""

    change_id: str
    state: OutcomeState
    passes: int = Field(description="Runs since in which the step passed.")
    needed: int = Field(description="Passing runs until it counts as verified.")
    explanation: str
    rollback_proposed: bool = False
    rollback: Literal["proposed", "rolled_back", "refused"] | None = Field(
        default=None, description="What became of going back, once the fix has regressed."
    )
    rollback_note: str | None = Field(default=None, description="Why going back was refused.")


class Recheck(Frozen):
    """Whether what a person was to do elsewhere is done, and what can be done then."""

    fix_id: str
    done: bool
    explanation: str
    execution_id: str | None = Field(description="The run it was suggested for, if it is kept.")
    can_resume: bool = Field(description="Whether the failed run can be resumed now.")


class Reversal(Frozen):
    """An undo or revert that was carried out; it is a change with a version of its own."""

    change: Change
    runs_started: int = Field(
        description="Runs that had started since the fix was applied, and so may have used it."
    )
    notice: str | None = Field(
        default=None,
        description="The same in words, when there are any, and before it that the fix had held, "
        "where it was verified.",
    )
