"""How well fixes hold: counted by what they are and where they come from, with what people say."""

from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, Field

from .frozen import Frozen


class SuccessRate(Frozen):
    """Of the fixes that were judged, how many held; those under watch are not judged yet.

    Those that were edited or taken back before never will be. Each counts in one of the five
    numbers; the words are those of an outcome.

    `rate`, `low` and `high` are shares from 0 to 1, null until one is judged. With a probability
    of 95 % the true share lies between `low` and `high` (Wilson's interval).
    """

    name: str = Field(description="Of the fix type, root cause, entry, runtime or model.")
    verified: int
    regressed: int
    under_watch: int = Field(description="In place, and neither verified nor regressed so far.")
    undecided: int = Field(
        default=0,
        description="What they had touched was edited before they were judged, as their outcome "
        "says; taken back since or not.",
    )
    taken_back: int = Field(default=0, description="Taken back before they were judged.")
    judged: int
    rate: float | None
    low: float | None
    high: float | None


class Thumbs(Frozen):
    """What people said of analyses. `name` is a runtime or a root cause."""

    name: str
    helpful: int
    not_helpful: int


class LearningSummary(Frozen):
    """What a workspace has learned; each list has the most judged first."""

    fix_types: tuple[SuccessRate, ...] = ()
    root_causes: tuple[SuccessRate, ...] = ()
    entries: tuple[SuccessRate, ...] = Field(
        default=(), description="By the entry of the knowledge base that explained the failure."
    )
    runtimes: tuple[SuccessRate, ...] = ()
    models: tuple[SuccessRate, ...] = ()
    thumbs_by_runtime: tuple[Thumbs, ...] = ()
    thumbs_by_cause: tuple[Thumbs, ...] = ()
    not_offered: tuple[str, ...] = Field(
        default=(), description="Fix types that stay in words: too few of them held here."
    )


class Feedback(Frozen):
    """What one person thinks of one analysis."""

    analysis_id: str
    helpful: bool
    reason: str = ""
    by_name: str
    at: AwareDatetime


class Level(StrEnum):
    """How much happens without a person; each allows all that the one before it does."""

    OBSERVE = "observe"  # failures are counted
    EXPLAIN = "explain"  # and explained, without fixes
    SUGGEST = "suggest"  # with fixes to read
    APPROVE = "approve"  # that a person approves
    STANDING = "standing"  # or that a standing approval covers

    @property
    def rank(self) -> int:
        return list(Level).index(self)

    def allows(self, other: "Level") -> bool:
        return self.rank >= other.rank


class LevelSetting(Frozen):
    """The level of a fix type, or of all of them under the name `all`.

    `effective` is the lower of the two: a type goes no further than the workspace, except that
    standing approvals are for single types.
    """

    fix_type: str
    level: Level
    effective: Level
    is_default: bool = Field(description="Whether nobody has set it.")
    set_by_name: str | None = None
    set_at: AwareDatetime | None = None
    meets_floor: bool = Field(
        default=False,
        description="Whether enough of them held here for a standing approval to apply them.",
    )
    missing: tuple[str, ...] = Field(
        default=(),
        description=(
            "At the level 'standing', or where somebody has signed for the type: what is missing for "
            "fixes of it to be applied by themselves, in words with their figures."
        ),
    )


class GoldenCase(Frozen):
    """A verified fix as a folder of `fixtures/cases`, without secrets and personal data."""

    slug: str
    form: Literal["workflow", "run"] = Field(
        description="'workflow': it is carried out again; 'run': the failed run is only explained."
    )
    files: dict[str, str] = Field(description="Text by file name.")
