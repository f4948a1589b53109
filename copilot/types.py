"""The nouns of the copilot, in the order in which they appear: run, failure, pattern, diagnosis, report."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, JsonValue


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """*text* with what no database can hold, NUL and lone surrogates, replaced by U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


Text = Annotated[str, AfterValidator(storable)]


class RootCause(StrEnum):
    """The closed set of answers to "what kind of failure is it"; ids never change meaning."""

    MISSING_TEMPLATE = "missing_template"
    MISSING_RESOURCE = "missing_resource"
    MISSING_INTEGRATION = "missing_integration"
    MISSING_FIELD = "missing_field"
    MISSING_STEP_OUTPUT = "missing_step_output"
    AUTH_ERROR = "auth_error"
    PERMISSION_DENIED = "permission_denied"
    RATE_LIMIT = "rate_limit"
    QUOTA_EXHAUSTED = "quota_exhausted"
    BUDGET_EXCEEDED = "budget_exceeded"
    NETWORK_ERROR = "network_error"
    TIMEOUT = "timeout"
    UPSTREAM_ERROR = "upstream_error"
    INVALID_DATA = "invalid_data"
    INVALID_MODEL_OUTPUT = "invalid_model_output"
    CONTEXT_LENGTH = "context_length"
    CONTENT_FILTERED = "content_filtered"
    MODEL_UNAVAILABLE = "model_unavailable"
    TURN_LIMIT = "turn_limit"
    LOGIC_ERROR = "logic_error"
    DEPENDENCY_ERROR = "dependency_error"
    CONFIGURATION_ERROR = "configuration_error"
    RESOURCE_EXHAUSTED = "resource_exhausted"
    CONFLICT = "conflict"
    SERIALIZATION_ERROR = "serialization_error"
    UNKNOWN = "unknown"


# ---------------------------------------------------------------- what a source delivers


class RunStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"
    CANCELLED = "cancelled"

    @property
    def is_failure(self) -> bool:
        """Whether a run that ended so can be analysed."""
        return self in {RunStatus.FAILED, RunStatus.TIMED_OUT, RunStatus.CRASHED}


class StepStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


class ErrorRecord(Frozen):
    """An error as it happened, after secret masking; nothing is shortened or normalized here."""

    message: Text
    type: Text | None = Field(default=None, description="Class of the exception, dotted if known.")
    traceback: Text | None = None
    code: str | None = Field(default=None, description="A stable code the engine gave it.")
    details: dict[str, JsonValue] = Field(
        default_factory=dict[str, JsonValue],
        description="Facts beside the text: kind, name, available names, limit, retry_after.",
    )


class StepRecord(Frozen):
    number: int = Field(ge=1, description="Position among the steps, from 1.")
    path: Text = Field(description="Where in the workflow, '/step2' or '/step2/branch1/send'.")
    action: Text = Field(description="What the step does: the action's or agent's name.")
    status: StepStatus
    name: Text | None = None
    error: ErrorRecord | None = None
    attempts: int = 1
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None
    credits_used: float | None = None
    tokens: int | None = None


class RunRecord(Frozen):
    """One run of one workflow version, as its source tells it. The only input of an analysis."""

    source: str
    workspace_id: str
    execution_id: Text
    workflow_id: Text
    workflow_name: Text
    workflow_version: int | None = None
    status: RunStatus
    trigger: Text | None = None
    test_mode: bool = False
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None
    error: ErrorRecord | None = None
    steps: tuple[StepRecord, ...] = ()
    instructions: Text | None = None
    restrictions: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    memory: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])


# ---------------------------------------------------------------- normalize


@dataclass(frozen=True, slots=True)
class Entity:
    """A variable part masked out of an error, kept beside the key: kind 'name', value 'xyz'."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Normalized:
    """An error text with its variable parts taken out.

    signature: 'n1:' and 20 hex digits over exception class and key; equal means same failure.
    key: lower-case template, every variable part '<*>'.
    exemplar: the same template with typed parts, 'Template <str> not found'.
    label: for people, without any parts: 'Template not found'.
    """

    signature: str
    key: str
    label: str
    exemplar: str
    entities: tuple[Entity, ...] = ()
    facets: Mapping[str, str] = field(default_factory=dict[str, str])


# ---------------------------------------------------------------- diagnose


class Verdict(StrEnum):
    CONFIRMED = "confirmed"
    LIKELY = "likely"
    INCONCLUSIVE = "inconclusive"


class Evidence(Frozen):
    """One observation that speaks for the diagnosis: where it was seen and the words."""

    source: Literal["message", "error_type", "traceback", "step_action", "code", "workspace"]
    text: str
    entry: str | None = Field(default=None, description="Knowledge-base entry it matched.")


class FixHint(Frozen):
    """A remedy the knowledge base knows, filled with the names found in this error.

    `type` is a fix type of `copilot/fixes`, or 'manual' for what only a person elsewhere can do.
    """

    type: str
    description: str
    tier: Literal["quick", "better", "best"] = "better"
    parameters: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])


class Diagnosis(Frozen):
    root_cause: RootCause
    verdict: Verdict
    explanation: str
    evidence: tuple[Evidence, ...] = ()
    entry: str | None = Field(default=None, description="Id of the knowledge-base entry.")
    captures: dict[str, str] = Field(
        default_factory=dict[str, str], description="Names found in the error: template, field, …"
    )
    retry_helps: bool | None = Field(default=None, description="None when it can't be told.")
    fixes: tuple[FixHint, ...] = Field(default=(), description="Best first.")


# ---------------------------------------------------------------- failure, pattern


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


# ---------------------------------------------------------------- report


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


# ---------------------------------------------------------------- change and its outcome


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


class Outcome(Frozen):
    """Whether a fix held: judged on the same step and the same failure group."""

    change_id: str
    state: OutcomeState
    passes: int = Field(description="Runs since in which the step passed.")
    needed: int = Field(description="Passing runs until it counts as verified.")
    explanation: str


def now_text(moment: datetime) -> str:
    """RFC 3339, the only way times are written."""
    return moment.isoformat().replace("+00:00", "Z")
