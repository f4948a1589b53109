"""What a workspace's failures look like over time: repeated ones, and what failed lately."""

from pydantic import AwareDatetime, Field

from .frozen import Frozen
from .pattern import Elsewhere, Impact, PatternLife, Rhythm
from .report import Pattern


class FailureGroup(Frozen):
    """The failures of one kind among a workflow's last failed runs."""

    signature: str = Field(description="Of the group: the root of all that were merged into it.")
    label: str
    workflow_id: str
    pattern: Pattern
    executions: tuple[str, ...] = Field(description="Newest first, at most 10.")
    life: PatternLife | None = Field(
        default=None, description="Null when it was never repeated often enough."
    )
    rhythm: Rhythm | None = Field(
        default=None, description="Null when it is in none of the last runs that are known."
    )
    impact: Impact | None = Field(
        default=None, description="Null when nothing is known of the runs that failed so."
    )
    elsewhere: Elsewhere | None = Field(
        default=None, description="Null when no other workflow fails with it now."
    )


class FailureSummary(Frozen):
    """A failed run in a list."""

    execution_id: str
    workflow_id: str
    workflow_version: int | None
    step_number: int | None
    action: str | None
    label: str
    signature: str
    error: str = Field(description="In one line.")
    occurred_at: AwareDatetime
    test_mode: bool
