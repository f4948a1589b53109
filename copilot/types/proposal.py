"""What a model answers about a failure, and what is left of it once it was held against the facts."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..fixes import Change, type_of
from .diagnosis import Alternative, Evidence, FixHint, RootCause, Verdict

Tier: TypeAlias = Literal["quick", "better", "best"]

#: The type of a remedy that a person carries out, by its words.
IN_WORDS = "manual"


@dataclass(frozen=True, slots=True)
class ProposedQuote:
    """Words a model says stand in the prompt's item of this number. Nobody has looked yet."""

    item: int
    quote: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedFix:
    """A remedy in a model's words, with the fix where one could be read from it.

    The fix has the form of its type and nothing more: whether it fits the workflow and keeps
    within its reach is for `pipeline/validate.py` to say.
    """

    description: str
    tier: Tier
    fix: Change | None = None

    @property
    def hint(self) -> FixHint:
        if self.fix is None:
            return FixHint(type=IN_WORDS, description=self.description, tier=self.tier)
        return FixHint(
            type=type_of(self.fix),
            description=self.description,
            tier=self.tier,
            parameters=self.fix.model_dump(mode="json", exclude={"type"}, exclude_none=True),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A model's answer in the right form. Its texts are not fit to be shown yet.

    unread_fixes: how many were meant as a fix and could only be kept in words, or not at all.
    """

    explanation: str
    root_cause: RootCause
    evidence: tuple[ProposedQuote, ...] = ()
    fixes: tuple[ProposedFix, ...] = ()
    missing: tuple[str, ...] = ()
    suspicious: bool = False
    unread_fixes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A proposal held against the rules and the run; every text is fit to be shown.

    disagreement: what the model thought where the rules' answer stands, in one sentence.
    dropped_quotes: how many quotes stand nowhere in what the model was given.
    hidden_characters: how many that can't be seen were taken out of its words.
    """

    root_cause: RootCause
    verdict: Verdict
    explanation: str
    evidence: tuple[Evidence, ...]
    alternatives: tuple[Alternative, ...]
    grounds: str
    collect: tuple[str, ...]
    fixes: tuple[ProposedFix, ...]
    disagreement: str | None
    suspicious: bool
    unread_fixes: int
    dropped_quotes: int
    hidden_characters: int = 0
