"""How a repeated failure lives: its state and turns, its rhythm, what it cost, and who shares it."""

from decimal import Decimal
from enum import StrEnum

from pydantic import AwareDatetime, Field

from .diagnosis import RootCause
from .frozen import Frozen


class PatternState(StrEnum):
    """Where a repeated failure stands; what each means exactly is in `pipeline/detect/life.py`."""

    NEW = "new"
    REPEATING = "repeating"
    WORSENING = "worsening"
    REGRESSED = "regressed"
    DISMISSED = "dismissed"
    RESOLVED = "resolved"

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to do something about it."""
        return self not in {PatternState.DISMISSED, PatternState.RESOLVED}

    @property
    def is_urgent(self) -> bool:
        """Whether it is told before those that only go on."""
        return self in {PatternState.NEW, PatternState.WORSENING, PatternState.REGRESSED}


class PatternTurn(Frozen):
    """A change of state that has happened."""

    state: PatternState = Field(description="The state from then on.")
    at: AwareDatetime
    reason: str
    by: str | None = Field(default=None, description="Name of the person; null when facts did it.")


class Dismissal(Frozen):
    """Somebody has seen it and does not want to be told, until it grows or a new version has it."""

    by: str
    by_name: str
    at: AwareDatetime
    reason: str


class PatternLife(Frozen):
    """What is stored of a repeated failure since it was first detected."""

    state: PatternState
    since: AwareDatetime = Field(description="When it came into this state.")
    detected_at: AwareDatetime
    failures: int = Field(description="Runs that have failed so.")
    passed: int = Field(description="Successful runs since it was last seen.")
    dismissal: Dismissal | None = None
    turns: tuple[PatternTurn, ...] = Field(default=(), description="Newest first, at most 20.")


class Rhythm(Frozen):
    """How this failure alternates with success in the last runs of the workflow, at most 10."""

    runs: int = Field(description="Looked at: those that failed so, and those that succeeded.")
    failed: int
    flapping: bool = Field(description="It changes four times or more between the two.")
    passed_since: int = Field(description="Successful runs since the last failure.")
    words: str | None = Field(
        default=None, description="'fails about every second run: intermittent'."
    )


class TriggerCount(Frozen):
    trigger: str
    runs: int


class Impact(Frozen):
    """What a failure has cost so far. A sum is null when it is known of no run."""

    runs: int = Field(description="Runs that have failed so.")
    summed: int = Field(description="The newest of them, at most 500, that the sums are over.")
    since: AwareDatetime = Field(description="When it was first seen.")
    triggers: tuple[TriggerCount, ...] = Field(
        default=(), description="What had started them, the most frequent first."
    )
    people: int | None = Field(default=None, description="Who had started them, counted.")
    tokens: int | None = None
    credits: float | None = None
    cost_usd: Decimal | None = None
    cost_known: int = Field(default=0, description="Runs whose cost is in `cost_usd`.")


class SharedFact(Frozen):
    """Something that all failures of a group name: ('integration', 'gmail')."""

    kind: str
    value: str


class Elsewhere(Frozen):
    """One failure in several workflows at about the same time, and what they have in common."""

    workflows: tuple[str, ...] = Field(description="By name, at most 20.")
    since: AwareDatetime
    shared: tuple[SharedFact, ...] = ()
    words: str


class CauseShare(Frozen):
    """`percent` of all causes of a breakdown sum up to 100."""

    root_cause: RootCause | None = Field(description="Null: not analysed.")
    failures: int
    percent: int


class CauseBreakdown(Frozen):
    """Why the runs of a workspace or a workflow failed, in shares. Test runs are left out."""

    workflow_id: str | None = None
    since: AwareDatetime
    until: AwareDatetime
    failures: int
    analysed: int = Field(description="Their cause is that of an analysis of this failure.")
    by_rules: int = Field(description="Not analysed: the rules were asked just now, for nothing.")
    not_analysed: int = Field(description="Of kinds too rare to be looked at now.")
    causes: tuple[CauseShare, ...] = Field(description="The most frequent first.")
