"""What a source delivers: one run of one workflow version, with its steps and errors."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    JsonValue,
    StringConstraints,
)

from .frozen import LONGEST_NAME, Frozen, Id, Name, StepPath, Text, visible

#: No number of a step or version is larger, and no count of tokens: they have to be stored, and
#: what is added up of many as well.
LARGEST = 2**31 - 1
MOST_TOKENS = 10**12


def _no_number(value: object) -> object:
    """Seconds or milliseconds since when? A time says so itself."""
    if isinstance(value, int | float):
        raise ValueError("a time is text in RFC 3339, such as 2026-01-05T09:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_no_number)]
#: Never clipped, since two that differ at their end are two; a blank one counts as none.
Fingerprint = Annotated[str, StringConstraints(max_length=LONGEST_NAME), AfterValidator(visible)]


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
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


class ErrorRecord(Frozen):
    """An error as it happened, after secret masking; nothing is shortened or normalized here."""

    message: Text
    type: Text | None = Field(default=None, description="Class of the exception, dotted if known.")
    traceback: Text | None = None
    code: Name | None = Field(default=None, description="A stable code the engine gave it.")
    fingerprint: Fingerprint | None = Field(
        default=None,
        description="What the caller says it is the same as: it alone decides the group.",
    )
    details: dict[str, JsonValue] = Field(
        default_factory=dict[str, JsonValue],
        description="Facts beside the text: kind, name, available names, limit, retry_after.",
    )


class StepRecord(Frozen):
    number: int = Field(ge=1, le=LARGEST, description="Position among the steps, from 1.")
    path: StepPath = Field(description="Where in the workflow, '/step2' or '/step2/branch1/send'.")
    action: Name = Field(description="What the step does: the action's or agent's name.")
    status: StepStatus
    name: Name | None = None
    error: ErrorRecord | None = None
    attempts: int = Field(default=1, ge=0, le=LARGEST)
    started_at: Moment | None = None
    finished_at: Moment | None = None
    credits_used: float | None = Field(default=None, allow_inf_nan=False)
    tokens: int | None = Field(default=None, ge=0, le=MOST_TOKENS)
    output: JsonValue = Field(
        default=None,
        description="What it gave, where the caller tells; runs of our own engine keep it there.",
    )
    kept: bool = Field(
        default=False,
        exclude_if=lambda kept: not kept,
        description="It ended in an earlier round of the run, before a resume.",
    )


class RunRecord(Frozen):
    """One run of one workflow version, as its source tells it. The only input of an analysis."""

    source: Name
    workspace_id: str
    execution_id: Id
    workflow_id: Id
    workflow_name: Name
    workflow_version: int | None = Field(default=None, ge=-LARGEST, le=LARGEST)
    status: RunStatus
    trigger: Name | None = None
    started_by: Name | None = Field(default=None, description="Whoever it was started for.")
    cost_usd: Decimal | None = Field(
        default=None, ge=0, description="What it cost in all; null is unknown, never nothing."
    )
    test_mode: bool = False
    started_at: Moment | None = None
    finished_at: Moment | None = None
    error: ErrorRecord | None = None
    steps: tuple[StepRecord, ...] = ()
    auto_resume_at: AwareDatetime | None = Field(
        default=None,
        description="When a timer of our own engine has it go on; None: no timer is set.",
    )
    instructions: Text | None = None
    restrictions: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    memory: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    context: dict[str, JsonValue] = Field(
        default_factory=dict[str, JsonValue],
        description="What else its system says: templates, documents, integrations. Only a model"
        " that is asked reads it.",
    )

    @property
    def is_parked(self) -> bool:
        """Whether a limit has stopped it and it goes on by itself: not failed, but explained."""
        return self.status is RunStatus.PAUSED and self.auto_resume_at is not None
