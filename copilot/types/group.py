"""Which failures count as one, why, and what people have said about it."""

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from .frozen import Frozen


class RuleKind(StrEnum):
    SPLIT = "split"
    MERGE = "merge"
    IGNORE = "ignore"


class GroupRule(Frozen):
    """What a person decided about groups. It stands above what is found automatically."""

    rule_id: str
    kind: RuleKind
    signature: str
    other: str | None = Field(description="The other signature of a split or a merge.")
    reason: str
    made_by: str = Field(description="Id of the person.")
    made_by_name: str
    made_at: AwareDatetime


class GroupAlias(Frozen):
    """A merge that was found automatically."""

    signature: str
    root: str = Field(description="The group it became part of then.")
    reason: str
    created_at: AwareDatetime
    in_force: bool = Field(description="False where a person's rule keeps the two apart.")


class GroupMember(Frozen):
    """One signature of a group; `text` is the newest error of it, in one line."""

    signature: str
    label: str
    text: str
    failures: int


class Difference(Frozen):
    """A part in which the failures of a group differ, with its most frequent values."""

    part: str = Field(description="'template', or what kind of value it is.")
    values: tuple[tuple[str, int], ...] = Field(description="Most frequent first, at most 5.")
    others: int = Field(description="Further values that are not listed.")


class Likeness(Frozen):
    """What the failures of a group share, what they don't, and both in a sentence."""

    sentence: str
    exception: str | None
    words: tuple[str, ...]
    differences: tuple[Difference, ...]
    looked_at: int = Field(description="Failures that were compared, the newest.")


class GroupSummary(Frozen):
    """One kind of failure in a workspace. `signature` is the group's: the one seen first."""

    signature: str
    label: str
    failures: int
    workflows: Annotated[tuple[str, ...], Field(description="Most failures first, at most 20.")]
    first_occurred: AwareDatetime
    last_occurred: AwareDatetime
    signatures: int = Field(description="Signatures of the group among these failures.")
    ignored: bool = Field(description="A person has said that it counts in no pattern.")


class GroupDetail(GroupSummary):
    """A group with its reasons: why it is one, what was merged, and what people said."""

    likeness: Likeness
    members: tuple[GroupMember, ...] = Field(description="First seen first, at most 50.")
    aliases: tuple[GroupAlias, ...] = Field(description="Oldest first, at most 200.")
    rules: tuple[GroupRule, ...] = Field(description="Oldest first, at most 200.")
