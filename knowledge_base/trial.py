"""Trying entries out: whether their own examples hold, and what speaks for what in one text."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from knowledge_base import KnowledgeBase
from knowledge_base.entry import Example
from knowledge_base.matching import TRACEBACK_PENALTY, Match
from knowledge_base.observation import Observation, observe


class Named(Protocol):
    """As much of a diagnosis as is asked for here."""

    @property
    def root_cause(self) -> str: ...

    @property
    def entry(self) -> str | None: ...


Diagnose = Callable[[Example], Named]


@dataclass(frozen=True, slots=True)
class Broken:
    """An example that does not hold. `field` is where it stands in its entry."""

    entry: str
    field: str
    message: str
    problem: str

    def __str__(self) -> str:
        return f"{self.entry}: {self.field}: {self.problem}: {self.message[:120]!r}"


@dataclass(frozen=True, slots=True)
class Trial:
    """How many examples were tried, and those that do not hold."""

    entries: int
    examples: int
    broken: tuple[Broken, ...]


def try_examples(
    knowledge: KnowledgeBase, diagnose: Diagnose, *, only: Iterable[str] | None = None
) -> Trial:
    """Whether each example is, or is not, what its entry says. *only*: names of entries."""
    names = sorted(knowledge.entries if only is None else only)
    broken: list[Broken] = []
    tried = 0
    for name in names:
        entry = knowledge.entries[name]
        if entry.status == "deprecated":
            continue
        for number, example in enumerate(entry.examples.match):
            tried += 1
            problem = _match_problem(knowledge, name, example, diagnose)
            if problem:
                broken.append(Broken(name, f"examples.match.{number}", example.message, problem))
        for number, example in enumerate(entry.examples.no_match):
            tried += 1
            if name in _matching(knowledge, example):
                place = f"examples.no_match.{number}"
                broken.append(Broken(name, place, example.message, "a pattern matches it"))
    return Trial(len(names), tried, tuple(broken))


def _match_problem(
    knowledge: KnowledgeBase, name: str, example: Example, diagnose: Diagnose
) -> str | None:
    entry = knowledge.entries[name]
    if entry.patterns and name not in _matching(knowledge, example):
        return "no pattern matches it"
    found = diagnose(example)
    if found.root_cause != entry.root_cause:
        by = f" by {found.entry}" if found.entry else ""
        return f"it is {found.root_cause}{by}, not {entry.root_cause}"
    return None


def _matching(knowledge: KnowledgeBase, example: Example) -> set[str]:
    return {match.entry for match in knowledge.matches(observed(example))}


def observed(example: Example) -> Observation:
    return observe(
        message=example.message,
        error_type=example.error_type,
        traceback=example.traceback,
        step_action=example.step_action,
    )


@dataclass(frozen=True, slots=True)
class Reason:
    """One pattern or code that matched, where, and why it did or did not decide."""

    entry: str
    root_cause: str
    weight: int
    text: str
    place: str
    won: bool
    why: str


def reasons(
    knowledge: KnowledgeBase, example: Example, *, chosen: str | None, root_cause: str
) -> tuple[Reason, ...]:
    """Everything that speaks about *example*, the strongest first, as it was decided.

    chosen, root_cause: what the diagnosis has named.
    """
    seen = observed(example)
    matches = sorted(knowledge.matches(seen), key=lambda one: (-one.weight, one.position))
    best = next((one for one in matches if one.entry == chosen), None)
    return tuple(
        Reason(
            entry=match.entry,
            root_cause=match.root_cause,
            weight=match.weight,
            text=match.text,
            place=_place(match, seen),
            won=match is best,
            why=_why(match, best, root_cause),
        )
        for match in matches
    )


def _place(match: Match, seen: Observation) -> str:
    if match.position < 0 or seen.message_end < match.position < seen.type_end:
        return "class of the exception"
    if match.position > seen.message_end:
        return f"traceback (counts {TRACEBACK_PENALTY} less)"
    return f"message, character {match.position + 1}"


def _why(match: Match, best: Match | None, root_cause: str) -> str:
    if match is best:
        return "decided"
    if best is None:
        if root_cause == "unknown":
            return "too weak, or contradicted by another as weak"
        return "something else decided"
    if match.root_cause == best.root_cause:
        return "says the same"
    if match.weight < best.weight:
        return f"weighs {match.weight}, and {best.entry} weighs {best.weight}"
    if match.weight > best.weight:
        return f"weighs more, and {best.entry} decides: it is nearer to the root, or a code says so"
    return f"weighs the same as {best.entry}, and is more general or stands behind it"
