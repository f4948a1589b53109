"""Which entry explains a failure: the strongest reason wins, and says why the others lost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from knowledge_base import Entry, KnowledgeBase, Match, Observation, OwnCode

from ...types import RootCause

#: From here on a reason is strong: a documented code, or words that mean one thing only.
STRONG = 80
LIKELY = 30
CODE_WEIGHT = 100
MOST_ALTERNATIVES = 3
#: A rival has to speak this loud to be mentioned at all.
HEARD = 40
#: What the words of the first error of a chain weigh more than those around it.
OF_THE_ROOT = 16
LONGEST_ROOT = 300

Sign: TypeAlias = Literal["code", "class", "status", "trace", "words"]
_CODES = ("code", "value", "sqlstate", "errno", "os", "smtp")


@dataclass(frozen=True, slots=True)
class Choice:
    """The entry that explains the failure, why, and how sure that is.

    settled: the stable code of our own engine says so. rivals: the best reason of every other
    root cause, the strongest first.
    """

    entry: Entry
    weight: int
    reasons: tuple[Match, ...]
    rivals: tuple[Match, ...] = ()
    settled: bool = False


def choose(
    matches: Sequence[Match], own: OwnCode | None, knowledge: KnowledgeBase
) -> Choice | None:
    """None when nothing speaks, or reasons of equal weak weight contradict each other."""
    if own is not None:
        return _by_code(own, matches, knowledge)
    if not matches:
        return None
    best = max(matches, key=strength)
    if best.weight < LIKELY or _contradicted(best, matches):
        return None
    reasons = [match for match in matches if match.root_cause == best.root_cause]
    return Choice(
        knowledge.entries[best.entry],
        min(best.weight, CODE_WEIGHT - 1),
        tuple(sorted(reasons, key=strength, reverse=True)),
        rivals(matches, best.root_cause),
    )


def strength(match: Match) -> tuple[int, bool, int]:
    """What reasons are ranked by: weight, then the specific entry, then the earlier words."""
    return match.weight, match.entry != match.root_cause, -match.position


def rivals(matches: Iterable[Match], root_cause: str | None) -> tuple[Match, ...]:
    """The best reason of each root cause but *root_cause* and `unknown`, the strongest first.

    Without an answer every sign counts, else those that are not faint.
    """
    best: dict[str, Match] = {}
    for match in sorted(matches, key=strength, reverse=True):
        faint = root_cause is not None and match.weight < HEARD
        if not faint and match.root_cause not in (root_cause, RootCause.UNKNOWN):
            best.setdefault(match.root_cause, match)
    return tuple(best.values())[:MOST_ALTERNATIVES]


def sign(match: Match, seen: Observation) -> Sign:
    """What kind of observation *match* is made of."""
    if match.position < 0 or seen.message_end < match.position < seen.type_end:
        return "class"
    if match.position > seen.message_end:
        return "trace"
    for part in match.text.lower().split(" … "):
        if any(f"{kind}:{part}" in seen.facts for kind in _CODES):
            return "code"
        if f"status:{part}" in seen.facts:
            return "status"
    return "words"


def at_the_root(matches: Iterable[Match], seen: Observation, root: str) -> list[Match]:
    """*matches*, where those of the error that started a chain weigh more than those around it.

    root: that error, class and words, as it stands in the traceback; empty where there is none.
    """
    start = seen.text.find(root[:LONGEST_ROOT], seen.type_end) if root else -1
    if start < 0:
        return list(matches)
    end = start + len(root)
    return [
        replace(match, weight=min(100, match.weight + OF_THE_ROOT))
        if start <= match.position < end
        else match
        for match in matches
    ]


def _by_code(own: OwnCode, matches: Sequence[Match], knowledge: KnowledgeBase) -> Choice:
    """The class our engine's code means, told by the most specific entry the text supports.

    Where the engine names the thing itself, its words are its own and need no second reading.
    """
    entry = own.entry
    agreeing = [match for match in matches if match.root_cause == entry.root_cause]
    if own.exact:
        agreeing = [match for match in agreeing if match.entry == entry.id]
    elif entry.id == entry.root_cause and agreeing:
        entry = knowledge.entries[max(agreeing, key=strength).entry]
    others = tuple(match for match in rivals(matches, entry.root_cause) if match.weight >= STRONG)
    return Choice(entry, CODE_WEIGHT, tuple(agreeing), others, settled=True)


def _contradicted(best: Match, matches: Iterable[Match]) -> bool:
    """Whether another class has an equally weak reason."""
    return best.weight < STRONG // 2 and any(
        match.weight == best.weight and match.root_cause != best.root_cause for match in matches
    )


def why_not(rival: Match, choice: Choice | None, seen: Observation) -> str:
    """In plain words why *rival* is not the answer."""
    if choice is None:
        return "its signs are too weak, or another root cause has signs that are just as weak"
    if choice.settled:
        return "the engine's own code settles it"
    best = choice.reasons[0]
    its, winner = sign(rival, seen), sign(best, seen)
    if its == "trace" and winner != "trace":
        return "its words stand only in the traceback"
    if its == "trace":
        return "its words stand further from the first error of the traceback"
    if its != winner and (reason := _LOSES.get((its, winner))):
        return reason
    if rival.weight == best.weight and rival.position > best.position:
        return "its words come later in the message"
    if rival.entry == rival.root_cause and choice.entry.id != choice.entry.root_cause:
        return "it is a general kind, and a more exact one fits"
    return "its signs fit other failures as well"


_LOSES: dict[tuple[Sign, Sign], str] = {
    ("status", "code"): "a status alone weighs less than the provider's own code",
    ("status", "words"): "a status alone weighs less than words that mean one thing",
    ("status", "class"): "a status alone weighs less than the class of the error",
    ("status", "trace"): "a status alone weighs less than the error that started it",
    ("class", "code"): "the class of the error says less than the provider's own code",
    ("class", "words"): "the class of the error says less than its words",
    ("class", "status"): "the class of the error says less than the status",
    ("class", "trace"): "the class of the error says less than the error that started it",
    ("words", "code"): "words alone weigh less than a documented code",
    ("words", "class"): "its words weigh less than the class of the error",
    ("words", "status"): "its words weigh less than the status",
    ("words", "trace"): "its words stand around the error that started it",
    ("code", "words"): "its code is a general one, and the words say what it is about",
    ("code", "class"): "its code is a general one, and the class of the error says more",
}
