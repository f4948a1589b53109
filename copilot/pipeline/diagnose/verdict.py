"""How sure a diagnosis is: computed from what speaks for it and against it.

Confirmed takes a strong sign, and more than one of them: two that stand in different places, or
one documented code or phrase that means a single thing. What is a symptom of many causes, such as
a timeout, takes two of different kinds, and a code where no exact kind of failure is known. A sign of another cause that is about as strong lowers
confirmed to likely.
"""

from knowledge_base import Match, Observation

from ...types import RootCause, Verdict
from .choice import STRONG, Choice, Sign, sign

#: One sign this strong needs no second one: it means one thing only.
UNMISTAKABLE = 90
#: A symptom's strongest sign has to be this strong.
CLEAR = 84
#: A sign of another cause that comes as near as this contradicts.
CONTRADICTS = 8
#: Signs that count as a second one.
SPEAKS = 40

#: What is seen, and has many causes: that it happened is sure before why is.
SYMPTOMS = frozenset(
    {
        RootCause.TIMEOUT,
        RootCause.NETWORK_ERROR,
        RootCause.UPSTREAM_ERROR,
        RootCause.MISSING_RESOURCE,
        RootCause.MISSING_FIELD,
        RootCause.MISSING_STEP_OUTPUT,
        RootCause.INVALID_DATA,
        RootCause.SERIALIZATION_ERROR,
    }
)
_CALLED: dict[Sign, str] = {
    "code": "a documented code",
    "class": "the class of the error",
    "status": "the status",
    "trace": "the traceback",
    "words": "the words of the message",
}


def judged(choice: Choice, seen: Observation) -> tuple[Verdict, str]:
    """The verdict and, in one sentence, its grounds."""
    if choice.entry.root_cause == RootCause.UNKNOWN:
        return Verdict.INCONCLUSIVE, "Nothing in the error tells one cause from another."
    if choice.settled:
        return Verdict.CONFIRMED, "The engine's own code names the cause."
    if doubt := _doubt(choice):
        return Verdict.LIKELY, doubt
    return _weighed(choice, _kinds(choice, seen))


def _doubt(choice: Choice) -> str | None:
    """What forbids to be sure, whatever else speaks for it."""
    if not choice.entry.decides:
        return "The same is seen with other causes."
    if choice.weight < STRONG:
        return "No single sign is strong enough to be sure."
    if against := _contradicting(choice):
        told = against.root_cause.replace("_", " ")
        return f"Signs of another cause ({told}) are about as strong."
    return None


def _weighed(choice: Choice, kinds: list[Sign]) -> tuple[Verdict, str]:
    if choice.entry.root_cause in SYMPTOMS:
        if choice.weight >= CLEAR and len(kinds) > 1 and _is_exact(choice, kinds):
            return Verdict.CONFIRMED, _agree(kinds)
        return Verdict.LIKELY, "This is what was seen; too little tells why."
    if len(kinds) > 1:
        return Verdict.CONFIRMED, _agree(kinds)
    if choice.weight >= UNMISTAKABLE:
        return Verdict.CONFIRMED, f"{_CALLED[kinds[0]].capitalize()} can mean nothing else."
    if len({match.position for match in choice.reasons}) > 1:
        return Verdict.CONFIRMED, "Two places in the error say the same."
    return Verdict.LIKELY, "Only one sign speaks for it."


def _is_exact(choice: Choice, kinds: list[Sign]) -> bool:
    """Whether a kind of failure more exact than the root cause is meant, or a code names it."""
    return choice.entry.id != choice.entry.root_cause or not {"code", "status"}.isdisjoint(kinds)


def _contradicting(choice: Choice) -> Match | None:
    strongest = next(iter(choice.rivals), None)
    if strongest is None or choice.weight - strongest.weight >= CONTRADICTS:
        return None
    return strongest


def _kinds(choice: Choice, seen: Observation) -> list[Sign]:
    """The kinds of signs that agree, the strongest first; a word said twice is one sign."""
    kinds: dict[str, Sign] = {}
    for match in choice.reasons:
        if match.weight >= SPEAKS:
            kinds.setdefault(match.text.casefold(), sign(match, seen))
    return list(dict.fromkeys(kinds.values()))


def _agree(kinds: list[Sign]) -> str:
    first, second = (_CALLED[kind] for kind in kinds[:2])
    return f"{first.capitalize()} and {second} agree."
