"""What a workspace's failures look like over time: repeated ones, and one workflow's last run."""

from typing import Literal

from pydantic import AwareDatetime, Field

from .diagnosis import RootCause, Verdict
from .frozen import Frozen
from .report import Pattern, Report


class FailureGroup(Frozen):
    """The failures of one kind among a workflow's last failed runs."""

    signature: str = Field(description="Of the group: the root of all that were merged into it.")
    label: str
    workflow_id: str
    pattern: Pattern
    executions: tuple[str, ...] = Field(description="Newest first, at most 10.")


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


class TimelineStep(Frozen):
    """One step of the last run. `state` is what colour it has."""

    number: int
    name: str
    action: str
    status: str
    state: Literal["good", "warning", "bad", "idle"]
    started_at: AwareDatetime | None = None
    execution_time_ms: int | None = None
    attempts: int = 0
    error: str | None = None


class TieredAdvice(Frozen):
    tier: Literal["quick", "better", "best"]
    type: str
    description: str


class DebugView(Frozen):
    """The last ended run of a workflow, step by step, and what the rules say of it. It is free."""

    workflow_id: str
    execution_id: str
    status: str
    started_at: AwareDatetime | None
    completed_at: AwareDatetime | None
    timeline: tuple[TimelineStep, ...]
    root_cause: RootCause | None = Field(description="None when the run did not fail.")
    verdict: Verdict | None
    explanation: str | None
    advice: tuple[TieredAdvice, ...] = ()
    report: Report | None = Field(description="The newest analysis of that run, if there is one.")
