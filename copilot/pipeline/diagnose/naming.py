"""What things are called in this failure, and the knowledge base's texts with those names in."""

import re
from collections.abc import Iterable, Mapping

from pydantic import JsonValue

from knowledge_base import Entry, KnowledgeBase, Match, Observation, notation

from ...types import FixHint, RootCause

MAX_NAME = 120
CAPTURE_SPAN = 2_000
#: What has more words is a sentence, and keeps its article.
WORDS_OF_A_NAME = 4

_ARTICLE = re.compile(r"^(?:the|your|a|an|this)\s+", re.IGNORECASE)
_NO_NAMES = frozenset(
    re.findall(
        r"\S+",
        "a an and at be by can code could does error find for from has http id if in is it it's its "
        "key missing name named no not of on or reason resource status that the there this to type "
        "undefined unknown used value was which with your",
    )
)


def names_for(
    entry: Entry, reasons: Iterable[Match], seen: Observation, knowledge: KnowledgeBase
) -> dict[str, str]:
    """The names for the entry's slots: from its patterns, then its captures, then its service."""
    names: dict[str, str] = {}
    for match in reasons:
        if match.entry == entry.id:
            _take(names, match.names, entry.slots)
    for capture in entry.compiled_captures:
        found = capture.search(seen.text, 0, CAPTURE_SPAN)
        if found:
            _take(names, found.groupdict(), entry.slots)
    if entry.slots & {"service", "provider"}:
        _take(names, _service(seen, knowledge, entry.root_cause), entry.slots)
    return names


def exactly(facts: Mapping[str, str], wanted: frozenset[str]) -> dict[str, str]:
    """What the engine itself calls things, on one line and not too long."""
    lines = {name: " ".join(text.split()) for name, text in facts.items() if name in wanted}
    return {
        name: line if len(line) <= MAX_NAME else f"{line[: MAX_NAME - 1]}…"
        for name, line in lines.items()
        if line
    }


def _take(names: dict[str, str], found: Mapping[str, str | None], wanted: frozenset[str]) -> None:
    for name, value in found.items():
        text = " ".join((value or "").split()).lstrip(",;:").rstrip(".,;:")[:MAX_NAME]
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


def remedies(entry: Entry, names: Mapping[str, str]) -> tuple[FixHint, ...]:
    """The fixes of *entry* with *names* put in."""
    return tuple(
        FixHint(
            type=fix.type,
            tier=fix.tier,
            description=notation.sentence(fix.description, names),
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
