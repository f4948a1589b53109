"""A fix on its way: preview, approval, change, and whether it held."""

from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, Field

from .frozen import Frozen


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
    TAKEN_BACK = "taken_back"


class Preview(Frozen):
    """Exactly what a fix would change. An approval names its `digest`."""

    fix_id: str
    fix_type: str
    base_version: int
    base_digest: str
    diff: str
    summary: str
    digest: str = Field(description="Over fix, base and diff: what an approval is bound to.")


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


class Change(Frozen):
    change_id: str
    fix_id: str
    fix_type: str
    workspace_id: str
    workflow_id: str
    base_version: int
    version: int | None = Field(description="Version it made; None until it is applied.")
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


class Reversal(Frozen):
    """An undo or revert that was carried out; it is a change with a version of its own."""

    change: Change
    runs_started: int = Field(
        description="Runs that had started since the fix was applied, and so may have used it."
    )
    notice: str | None = Field(default=None, description="The same in words, when there are any.")
