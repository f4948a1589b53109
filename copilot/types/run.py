"""What a source delivers: one run of one workflow version, with its steps and errors."""

from enum import StrEnum

from pydantic import AwareDatetime, Field, JsonValue

from .frozen import Frozen, Text


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
