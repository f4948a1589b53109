"""One run and its steps as everybody else sees them, and `FailedRun`, the record we publish."""

from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

ResumeMode: TypeAlias = Literal["full", "partial", "dependencies"]


class ExecutionStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"  # given up after too many restarts
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        return self not in {
            ExecutionStatus.QUEUED,
            ExecutionStatus.RUNNING,
            ExecutionStatus.PAUSED,
        }

    @property
    def is_failure(self) -> bool:
        return self in {
            ExecutionStatus.FAILED,
            ExecutionStatus.TIMED_OUT,
            ExecutionStatus.CRASHED,
        }


class StepStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"  # waits for a person
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class ErrorInfo(_Record):
    """An error as stored: class, words and facts, secrets masked, nothing else changed."""

    type: str = Field(description="Dotted class of the exception.")
    message: str
    code: str = Field(description="Stable code of the engine's closed set.")
    retryable: bool = False
    traceback: str | None = None
    details: dict[str, Any] = Field(default_factory=dict[str, Any])


class FallbackUse(_Record):
    """The fallback a step engaged when it had failed, and what it stood in for."""

    title: str
    attempts: int
    succeeded: bool
    error: ErrorInfo = Field(description="Why the step itself failed.")


class StepExecution(_Record):
    """One step of one run in one round. `output` is exact and whole, never a preview.

    A step inside another has the path of that one in its own: `/step2/branch1/send`, `/step4/3/send`.
    A step that holds others costs nothing itself.
    """

    path: str
    step_id: str
    kind: str = Field(default="tool", description="tool, agent, branch, parallel, loop, approval.")
    number: int = Field(
        ge=1, description="Position among the top-level steps, from 1; of the one it is inside of."
    )
    name: str
    action: str
    round: int
    status: StepStatus
    attempts: int = Field(description="At most 1 + max_retries.")
    turns: int = Field(default=0, description="Answers of a model, over all attempts.")
    output: Any = None
    error: ErrorInfo | None = None
    feedback: tuple[str, ...] = Field(default=(), description="One line per failed attempt.")
    started_at: AwareDatetime | None = None
    completed_at: AwareDatetime | None = None
    execution_time_ms: int = 0
    tokens_used: int = 0
    cost_usd: Decimal | None = None
    item_count: int | None = Field(default=None, description="Length, if the output is a list.")
    restored: bool = Field(default=False, description="Kept from an earlier round.")
    effect: bool = Field(default=False, description="It did something that can't be repeated.")
    fallback: FallbackUse | None = None


StaleReason: TypeAlias = Literal[
    "asked", "not_done", "definition_changed", "input_changed", "needed_again", "gone"
]


class StaleStep(_Record):
    """A step whose output does not count any more, and why.

    `asked`: the mode runs everything; `not_done`: it failed or was interrupted; `definition_changed`:
    the step itself, or what decides whether and on what it runs; `input_changed`: what it reads runs
    again, or a template or document that it names has changed; `needed_again`: the failed step reads it; `gone`: the workflow has no such step any more.
    """

    path: str
    reason: StaleReason
    because: str | None = Field(
        default=None,
        description="What its change follows from: the place of a step, or template/Name.",
    )


class ResumeReport(_Record):
    """What the round that a resume starts keeps of those before. Lists are cut after 200."""

    mode: ResumeMode
    reused_total: int = 0
    reused: tuple[str, ...] = ()
    stale_total: int = 0
    stale: tuple[StaleStep, ...] = ()
    kept_effects: tuple[str, ...] = Field(
        default=(),
        description="Would run again, but did something that can't be repeated: kept as they are.",
    )


#: `closed`: nobody has decided before the round was over.
ApprovalStatus: TypeAlias = Literal["waiting", "approved", "rejected", "expired", "closed"]
Decision: TypeAlias = Literal["approved", "rejected"]


class StepApproval(_Record):
    """A question to a person that a run waits with, and how it was answered."""

    execution_id: str
    workflow_id: str
    path: str
    step_id: str
    name: str
    message: str
    role: str | None = Field(description="Who may decide; null for any person.")
    status: ApprovalStatus
    asked_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    decided_at: AwareDatetime | None = None
    decided_by: str | None = None
    comment: str | None = None


class Execution(_Record):
    id: str
    workspace_id: str
    workflow_id: str
    workflow_version: int
    status: ExecutionStatus
    round: int = Field(default=1, description="1, then one more with each resume.")
    resume_mode: ResumeMode | None = None
    inputs: dict[str, Any] = Field(default_factory=dict[str, Any])
    user_id: str | None = None
    session_id: str | None = None
    trigger: str = "manual"
    test_mode: bool = False
    created_at: AwareDatetime
    started_at: AwareDatetime | None = Field(default=None, description="Of the first round.")
    round_started_at: AwareDatetime | None = None
    completed_at: AwareDatetime | None = None
    updated_at: AwareDatetime
    current_step: str | None = None
    steps_total: int = 0
    total_tokens_used: int = Field(default=0, description="Of this round.")
    total_execution_time_ms: int = Field(default=0, description="Of this round.")
    total_cost_usd: Decimal | None = None
    error: ErrorInfo | None = None
    output: Any = None
    paused_at: AwareDatetime | None = Field(default=None, description="Since when it waits.")
    wake_at: AwareDatetime | None = Field(
        default=None,
        description="When it goes on by itself: its quota resets, or nobody has decided.",
    )
    resume_report: ResumeReport | None = Field(
        default=None, description="What this round kept of those before; null in the first."
    )
    estimate: dict[str, Any] | None = Field(
        default=None, description="What it was expected to take when it was started."
    )


class ExecutionPage(_Record):
    """Some runs, the newest first, without their outputs."""

    executions: tuple[Execution, ...]
    next_cursor: str | None = Field(description="Ask with it for what follows; null at the end.")


class Progress(_Record):
    """Counted when asked for, never stored. `progress_percentage` is rounded half up."""

    execution_id: str
    status: ExecutionStatus
    current_stage: str | None = Field(
        description="Name of the stage it is at; without stages, title of the step."
    )
    progress_percentage: int = Field(ge=0, le=100)
    stage_progress_percentage: float | None = Field(
        default=None,
        description="Secondary: the weights of the stages up to the current one, of all; each "
        "stage counts the same unless all have weights. Null without stages.",
    )
    agents_completed: int
    agents_total: int
    progress_calculation_method: Literal["agent-based"] = "agent-based"
    last_updated_at: AwareDatetime


class EndedRun(_Record):
    """A run that has ended, well or not. It gets a new cursor each time a resume ends.

    Its steps come without their outputs.
    """

    cursor: int
    execution: Execution
    steps: tuple[StepExecution, ...] = ()


class FailedRun(_Record):
    """The published record of a failed run: additive changes only."""

    cursor: int = Field(description="Grows with every failure; ask for those after it.")
    execution: Execution
    workflow_name: str
    definition: dict[str, Any]
    steps: tuple[StepExecution, ...]
