"""A failure, the pattern it is part of, and the report that answers for it."""

from typing import Literal

from pydantic import AwareDatetime, Field

from .diagnosis import Evidence, RootCause, Verdict
from .frozen import Frozen
from .run import ErrorRecord


class Failure(Frozen):
    """The first thing that went wrong in a run, in one workspace; what everything else is about."""

    workspace_id: str
    workflow_id: str
    workflow_version: int | None
    execution_id: str
    test_mode: bool
    step_path: str | None = Field(description="None when the run failed outside every step.")
    step_number: int | None
    action: str | None
    error: ErrorRecord
    occurred_at: AwareDatetime
    signature: str
    key: str
    label: str
    entities: tuple[tuple[str, str], ...] = ()
    later_failures: int = Field(
        default=0, description="Failed steps after this one, explained by it and not counted apart."
    )


class Pattern(Frozen):
    """`pattern_detected` of the report."""

    is_pattern: bool
    error_message: str
    failure_count: int
    window: int = Field(description="Failed runs looked at.")
    first_occurred: AwareDatetime | None = None
    last_occurred: AwareDatetime | None = None
    shared_entities: tuple[str, ...] = Field(
        default=(), description="Names that every member shares."
    )
    recommendation: str | None = None
    warning: str | None = Field(
        default=None, description="'This agent has failed 5 times with the same error.'"
    )


class FailedStep(Frozen):
    step_number: int | None
    action: str | None
    error: str
    timestamp: AwareDatetime
    path: str | None = None


class SuggestedFix(Frozen):
    """A fix as shown. One with `fix_id` can be previewed, approved and applied."""

    fix_id: str | None = None
    type: str
    description: str
    action: str = Field(description="Text of the button: 'Create template'.")
    tier: Literal["quick", "better", "best"] = "better"
    auto_fix_available: bool = False
    preview: str | None = Field(
        default=None, description="Unified diff, when it changes something."
    )


class Receipt(Frozen):
    """What an analysis cost, in credits, and what is left (None: this workspace has no limit)."""

    credits: int
    balance: int | None
    reason: str


class CreditStatement(Frozen):
    """Where the credits of a workspace went. `balance` is None without a limit."""

    balance: int | None
    granted: int
    spent: int
    reserved: int = Field(description="Put aside for analyses under way.")
    problems: tuple[str, ...] = Field(default=(), description="Why the books do not balance.")


class Report(Frozen):
    """The answer to "why did this run fail"; the same shape whoever produced it."""

    analysis_id: str
    execution_id: str
    workflow_id: str
    headline: str
    explanation: str
    root_cause: RootCause
    verdict: Verdict
    evidence: tuple[Evidence, ...]
    failed_step: FailedStep
    suggested_fixes: tuple[SuggestedFix, ...]
    can_auto_fix: bool
    pattern_detected: Pattern
    available_templates: tuple[str, ...] = ()
    integration_status: dict[str, Literal["connected", "disconnected"]] = Field(
        default_factory=dict[str, Literal["connected", "disconnected"]]
    )
    retry_helps: bool | None = None
    signature: str
    label: str
    later_failures: int = 0
    produced_by: str = "offline"
    degraded_reason: str | None = None
    created_at: AwareDatetime
    receipt: Receipt
