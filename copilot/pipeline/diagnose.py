"""From an error to its root cause, by the rules of the knowledge base alone.

The strongest reason wins: a documented code before an exception's class, a class before an HTTP
status, a status before words; the message before the traceback, and what follows "caused by"
before the rest. Where nothing speaks, or reasons of equal weak weight contradict each other, the
answer is `unknown`, without a fix.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from copilot.types import Diagnosis, Evidence, FixHint, RootCause, Verdict
from knowledge_base import (
    Entry,
    KnowledgeBase,
    Match,
    Observation,
    OwnCode,
    notation,
    observe,
)

CONFIRMED = 80
LIKELY = 30
CODE_WEIGHT = 100
MAX_EVIDENCE = 4
MAX_WORDS = 160
MAX_NAME = 120
CAPTURE_SPAN = 2_000
#: What has more words is a sentence, and keeps its article.
WORDS_OF_A_NAME = 4
CONTEXT = 30

_ARTICLE = re.compile(r"^(?:the|your|a|an|this)\s+", re.IGNORECASE)
_NO_NAMES = frozenset(
    re.findall(
        r"\S+",
        "a an and at be by can code could does error find for from has http id if in is it it's its "
        "key missing name named no not of on or reason resource status that the there this to type "
        "undefined unknown used value was which with your",
    )
)


@dataclass(frozen=True, slots=True)
class _Choice:
    """The entry that explains the failure, why, and how sure that is."""

    entry: Entry
    weight: int
    reasons: tuple[Match, ...]


def diagnose(
    *,
    message: str,
    error_type: str | None = None,
    traceback: str | None = None,
    step_action: str | None = None,
    code: str | None = None,
    details: Mapping[str, JsonValue] | None = None,
    knowledge: KnowledgeBase,
) -> Diagnosis:
    """Name the root cause of one error. Total on any text; reads at most 24 KB of each part.

    `code` is the stable code of our own engine: one the knowledge base knows settles the class.
    `details` are the facts beside it, above all `kind` and `name` of what the error is about.
    """
    seen = observe(
        message=message, error_type=error_type, traceback=traceback, step_action=step_action
    )
    matches = knowledge.matches(seen)
    facts = {key: value for key, value in (details or {}).items() if isinstance(value, str)}
    own = knowledge.for_code(code, facts.get("kind") or step_action) if code else None
    choice = _by_code(own, matches, knowledge) if own else _strongest(matches, knowledge)
    if choice is None:
        return _inconclusive(knowledge, matches, seen)
    names: dict[str, str] = {}
    if own is not None:
        known = facts if own.slot is None else {**facts, own.slot: facts.get("name", "")}
        names |= _exactly(known, choice.entry.slots)
    _find_names(names, choice, seen, knowledge)
    return Diagnosis(
        root_cause=RootCause(choice.entry.root_cause),
        verdict=_verdict(choice),
        explanation=_sentence(choice.entry.explanation, names),
        evidence=_evidence(choice.reasons, seen, code if choice.weight == CODE_WEIGHT else None),
        entry=choice.entry.id,
        captures=names,
        retry_helps=choice.entry.retry_helps,
        fixes=_fixes(choice.entry, names),
    )


def _by_code(own: OwnCode, matches: Sequence[Match], knowledge: KnowledgeBase) -> _Choice:
    """The class our engine's code means, told by the most specific entry the text supports.

    Where the engine names the thing itself, its words are its own and need no second reading.
    """
    entry = own.entry
    agreeing = [match for match in matches if match.root_cause == entry.root_cause]
    if own.exact:
        agreeing = [match for match in agreeing if match.entry == entry.id]
    elif entry.id == entry.root_cause and agreeing:
        entry = knowledge.entries[max(agreeing, key=_strength).entry]
    return _Choice(entry, CODE_WEIGHT, tuple(agreeing))


def _verdict(choice: _Choice) -> Verdict:
    if choice.entry.root_cause == RootCause.UNKNOWN:
        return Verdict.INCONCLUSIVE
    return Verdict.CONFIRMED if choice.weight >= CONFIRMED else Verdict.LIKELY


def _strength(match: Match) -> tuple[int, bool, int]:
    return match.weight, match.entry != match.root_cause, -match.position


def _strongest(matches: Sequence[Match], knowledge: KnowledgeBase) -> _Choice | None:
    if not matches:
        return None
    best = max(matches, key=_strength)
    if best.weight < LIKELY or _contradicted(best, matches):
        return None
    reasons = [match for match in matches if match.root_cause == best.root_cause]
    return _Choice(
        knowledge.entries[best.entry],
        min(best.weight, CODE_WEIGHT - 1),
        tuple(sorted(reasons, key=_strength, reverse=True)),
    )


def _contradicted(best: Match, matches: Iterable[Match]) -> bool:
    """Whether another class has an equally weak reason."""
    return best.weight < CONFIRMED // 2 and any(
        match.weight == best.weight and match.root_cause != best.root_cause for match in matches
    )


def _inconclusive(
    knowledge: KnowledgeBase, matches: Sequence[Match], seen: Observation
) -> Diagnosis:
    entry = knowledge.entries[RootCause.UNKNOWN]
    return Diagnosis(
        root_cause=RootCause.UNKNOWN,
        verdict=Verdict.INCONCLUSIVE,
        explanation=notation.fill(entry.explanation, {}),
        evidence=_evidence(sorted(matches, key=_strength, reverse=True), seen, None),
        retry_helps=entry.retry_helps,
    )


def _evidence(
    reasons: Iterable[Match], seen: Observation, code: str | None
) -> tuple[Evidence, ...]:
    first = [Evidence(source="code", text=code)] if code else []
    found = [_as_evidence(match, seen) for match in reasons]
    return telling([*first, *found])[:MAX_EVIDENCE]


def telling(found: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """What speaks for it, without words that stand in longer ones beside them.

    Of two that differ in capitals alone the one with capitals stays: it is how the error says it.
    """
    longest_first = sorted(found, key=lambda one: (-len(one.text), one.text.islower()))
    kept: list[Evidence] = []
    for one in longest_first:
        if not any(_is_within(one, other) for other in kept):
            kept.append(one)
    return tuple(dict.fromkeys(one for one in found if one in kept))


def _is_within(one: Evidence, other: Evidence) -> bool:
    return one.source == other.source and one.text.casefold() in other.text.casefold()


def _as_evidence(match: Match, seen: Observation) -> Evidence:
    if match.position < 0 or seen.message_end < match.position < seen.type_end:
        return Evidence(source="error_type", text=seen.error_type[:MAX_WORDS], entry=match.entry)
    source = "traceback" if match.position > seen.message_end else "message"
    text = _in_context(match, seen) if match.text.isdigit() else match.text
    return Evidence(source=source, text=text[:MAX_WORDS], entry=match.entry)


def _in_context(match: Match, seen: Observation) -> str:
    """A number with the words around it: alone it would tell a person nothing."""
    start = max(match.position - CONTEXT, 0)
    end = match.position + len(match.text) + CONTEXT
    words = seen.text[start:end].split()
    cut = slice(1 if start else 0, -1 if end < len(seen.text) else None)
    return " ".join(words[cut]) or match.text


def _find_names(
    names: dict[str, str], choice: _Choice, seen: Observation, knowledge: KnowledgeBase
) -> None:
    """The names for the entry's slots: from its patterns, then its captures, then its service."""
    entry = choice.entry
    for match in choice.reasons:
        if match.entry == entry.id:
            _take(names, match.names, entry.slots)
    for capture in entry.compiled_captures:
        found = capture.search(seen.text, 0, CAPTURE_SPAN)
        if found:
            _take(names, found.groupdict(), entry.slots)
    if entry.slots & {"service", "provider"}:
        _take(names, _service(seen, knowledge, entry.root_cause), entry.slots)


def _exactly(facts: Mapping[str, str], wanted: frozenset[str]) -> dict[str, str]:
    """What the engine itself calls things, on one line and not too long."""
    lines = {name: " ".join(text.split()) for name, text in facts.items() if name in wanted}
    return {
        name: line if len(line) <= MAX_NAME else f"{line[: MAX_NAME - 1]}…"
        for name, line in lines.items()
        if line
    }


def _take(names: dict[str, str], found: Mapping[str, str | None], wanted: frozenset[str]) -> None:
    for name, value in found.items():
        text = " ".join((value or "").split()).strip(".,;:")[:MAX_NAME]
        if text.count(" ") < WORDS_OF_A_NAME:
            text = _ARTICLE.sub("", text)
        if text and name in wanted and text.lower() not in _NO_NAMES:
            names.setdefault(name, text)


def _service(seen: Observation, knowledge: KnowledgeBase, root_cause: str) -> dict[str, str]:
    """The service spoken of, with its published quota where one is known."""
    names: dict[str, str] = {}
    spoken = f"{seen.lower[:CAPTURE_SPAN]} {seen.error_type.lower()} {seen.action}"
    provider = knowledge.provider_of(spoken)
    if provider:
        names["provider"] = provider.name
    quota = knowledge.quota_of(spoken)
    if quota:
        limit = quota.met(daily=root_cause == RootCause.QUOTA_EXHAUSTED)
        names |= {"service": quota.service, "period": limit.period, "limit": limit.text}
        if limit.resets:
            names["resets"] = limit.when_full
    return names


def _sentence(text: str, names: Mapping[str, str]) -> str:
    filled = notation.fill(text, names)
    return filled[:1].upper() + filled[1:]


def _fixes(entry: Entry, names: Mapping[str, str]) -> tuple[FixHint, ...]:
    return tuple(
        FixHint(
            type=fix.type,
            tier=fix.tier,
            description=_sentence(fix.description, names),
            parameters=_parameters(fix.parameters, names),
        )
        for fix in entry.fixes
    )


def _parameters(
    parameters: Mapping[str, JsonValue], names: Mapping[str, str]
) -> dict[str, JsonValue]:
    """Parameters with their names put in; one whose name was not found is left out."""
    filled: dict[str, JsonValue] = {}
    for key, value in parameters.items():
        if not isinstance(value, str):
            filled[key] = value
        elif notation.slots(value) <= names.keys():
            filled[key] = notation.fill(f"[{value}|]", names) if notation.slots(value) else value
    return filled
