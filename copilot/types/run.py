"""What a source delivers: one run of one workflow version, with its steps and errors."""

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator, Field, JsonValue

from .frozen import Frozen, Id, Name, StepPath, Text


def _no_number(value: object) -> object:
    """Seconds or milliseconds since when? A time says so itself."""
    if isinstance(value, int | float):
        raise ValueError("a time is text in RFC 3339, such as 2026-01-05T09:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_no_number)]


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
    details: dict[str, JsonValue] = Field(
        default_factory=dict[str, JsonValue],
        description="Facts beside the text: kind, name, available names, limit, retry_after.",
    )


class StepRecord(Frozen):
    number: int = Field(ge=1, description="Position among the steps, from 1.")
    path: StepPath = Field(description="Where in the workflow, '/step2' or '/step2/branch1/send'.")
    action: Name = Field(description="What the step does: the action's or agent's name.")
    status: StepStatus
    name: Name | None = None
    error: ErrorRecord | None = None
    attempts: int = 1
    started_at: Moment | None = None
    finished_at: Moment | None = None
    credits_used: float | None = None
    tokens: int | None = None


class RunRecord(Frozen):
    """One run of one workflow version, as its source tells it. The only input of an analysis."""

    source: Name
    workspace_id: str
    execution_id: Id
    workflow_id: Id
    workflow_name: Name
    workflow_version: int | None = None
    status: RunStatus
    trigger: Name | None = None
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

    @property
    def is_parked(self) -> bool:
        """Whether a limit has stopped it and it goes on by itself: not failed, but explained."""
        return self.status is RunStatus.PAUSED and self.auto_resume_at is not None
