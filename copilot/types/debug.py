"""One run at a glance: its steps in order, what broke first, what followed, what to do."""

from typing import Literal, TypeAlias

from pydantic import AwareDatetime, Field

from .diagnosis import RootCause, Verdict
from .frozen import Frozen
from .report import Report

State: TypeAlias = Literal["good", "warning", "bad", "idle"]


class TimelineStep(Frozen):
    """One step of a run. `state` is what colour it has: it went well, it went well at last or
    waits, it failed, or it did not run."""

    number: int
    path: str = Field(default="", description="Where in the workflow; a step inside another too.")
    depth: int = Field(default=0, ge=0, description="How many steps it is inside of.")
    name: str
    action: str
    kind: str = Field(default="tool", description="tool, agent, branch, parallel, loop, approval.")
    status: str
    state: State
    started_at: AwareDatetime | None = None
    execution_time_ms: int | None = None
    attempts: int = 0
    retried: tuple[str, ...] = Field(default=(), description="Why attempts before the last failed.")
    round: int = Field(default=1, description="In which round of the run it was carried out.")
    restored: bool = Field(default=False, description="Kept from an earlier round, not run again.")
    note: str | None = Field(
        default=None, description="A fallback that stood in; what it waits for."
    )
    error: str | None = None
    part: Literal["cause", "consequence"] | None = Field(
        default=None, description="cause: failed first; consequence: failed or was left out for it."
    )


class ErrorSummary(Frozen):
    """What broke first, in a few lines."""

    headline: str
    step_number: int | None
    path: str | None = None
    action: str | None = None
    error_type: str | None = None
    code: str | None = None
    message: str
    occurred_at: AwareDatetime


class Wait(Frozen):
    """A time in which the run did nothing: for a person, or until a quota resets."""

    what: Literal["approval", "quota"]
    path: str | None = None
    name: str | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = Field(
        default=None, description="When it went on, or goes on by itself; None: nobody knows yet."
    )
    outcome: str | None = Field(default=None, description="'approved by Dana', 'waiting'.")


class EarlierRound(Frozen):
    """A round before a resume, and where it broke."""

    round: int
    step_number: int | None = None
    path: str | None = None
    name: str | None = None
    error: str | None = Field(default=None, description="None when no step of it failed.")


class TieredAdvice(Frozen):
    tier: Literal["quick", "better", "best"]
    type: str
    description: str


class DebugView(Frozen):
    """A run, step by step, and what the rules say of it. It is free."""

    workflow_id: str
    execution_id: str
    status: str
    started_at: AwareDatetime | None
    completed_at: AwareDatetime | None
    round: int = Field(default=1, description="1, then one more with each resume.")
    resume_mode: str | None = Field(default=None, description="How this round was begun.")
    earlier_rounds: tuple[EarlierRound, ...] = ()
    timeline: tuple[TimelineStep, ...]
    waits: tuple[Wait, ...] = ()
    error: ErrorSummary | None = Field(default=None, description="None when the run did not fail.")
    consequences: tuple[str, ...] = Field(
        default=(), description="Paths of the steps that failed or were left out because of it."
    )
    root_cause: RootCause | None = Field(description="None when the run did not fail.")
    verdict: Verdict | None
    explanation: str | None
    entry: str | None = Field(default=None, description="Entry of the knowledge base it is from.")
    own_entry: bool = Field(default=False, description="Whether that is this workspace's own.")
    advice: tuple[TieredAdvice, ...] = Field(default=(), description="quick, better, best.")
    report: Report | None = Field(description="The newest analysis of that run, if there is one.")
