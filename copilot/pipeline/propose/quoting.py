"""Whether the words a model quotes were in its prompt, and where in the run they stand."""

import re
from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from ...types import ErrorRecord, Evidence, RunRecord
from ...types.prompt import Prompt, PromptItem
from ...types.proposal import ProposedQuote
from ..diagnose.evidence import MAX_WORDS, verify
from ..sanitize import one_line, sanitize
from .remedies import Restorer

#: Fewer characters than this stand everywhere; a whole item may be as short as it is.
SHORTEST_QUOTE = 8
_LONGEST_ITEM = 1_000_000
_MOST_TEXTS = 500
#: Of a longer text only the beginning is searched for words with other blanks between them.
_MOST_SEARCHED = 50_000
#: Items whose source begins so are errors of the run: 'error.message', 'step_error.details'.
_ERRORS = frozenset({"error", "run_error", "step_error"})


def verified(quote: ProposedQuote, prompt: Prompt, run: RunRecord) -> Evidence | None:
    """*quote* as evidence where it was in the item it names; None where it was not.

    It has a pointer where the item is the run's error and the words stand there to the character.
    """
    item = next((one for one in prompt.items if one.number == quote.item), None)
    if item is None:
        return None
    words = _spaced(quote.quote)
    whole = _spaced(Restorer(prompt.restored).text(item.text))
    if not words or words not in whole or (len(words) < SHORTEST_QUOTE and words != whole):
        return None
    if item.source.partition(".")[0] in _ERRORS:
        return _pointed(_clipped(words), item, run) or Evidence(
            source="message", text=one_line(words)
        )
    return Evidence(source="workspace", text=one_line(words))


def _spaced(text: str) -> str:
    """As the prompt had it, every blank a single space."""
    return " ".join(sanitize(text, limit=_LONGEST_ITEM).text.split())


def _clipped(words: str) -> str:
    """As long as evidence is, whole words."""
    return words if len(words) <= MAX_WORDS else words[:MAX_WORDS].rpartition(" ")[0]


def _pointed(words: str, item: PromptItem, run: RunRecord) -> Evidence | None:
    for step, field, text in _texts(item, run):
        for start, end in _places(words, text):
            there = text[start:end]
            if one_line(there) != there:  # it can't be shown as it stands
                continue
            name = field.partition(".")[0]
            evidence = Evidence.model_validate(
                {"source": name, "text": there, "step": step, "field": field}
                | {"start": start, "end": end}
            )
            if verify(evidence, run):
                return evidence
    return None


def _places(words: str, text: str) -> Iterator[tuple[int, int]]:
    """Where *words* stand in *text* to the character, else where they do with other blanks."""
    if not words:
        return
    if (start := text.find(words)) >= 0:
        yield start, start + len(words)
        return
    pattern = re.compile(r"\s+".join(map(re.escape, words.split(" "))))
    yield from (found.span() for found in pattern.finditer(text[:_MOST_SEARCHED]))


def _texts(item: PromptItem, run: RunRecord) -> Iterator[tuple[str | None, str, str]]:
    """Every text of the run's errors with its step and field, what *item* is about first."""
    errors: list[tuple[str | None, ErrorRecord | None]] = [(None, run.error)]
    errors += [(step.path, step.error) for step in run.steps]
    found = [
        (step, field, text)
        for step, error in errors
        if error is not None
        for field, text in _fields(error)
    ][:_MOST_TEXTS]
    return iter(sorted(found, key=lambda one: _distance(item, *one[:2])))


def _distance(item: PromptItem, step: str | None, field: str) -> tuple[bool, bool]:
    """Small where *item* speaks of this field and this step."""
    about = item.source.partition(".")[2]
    name = "type" if field == "error_type" else field.partition(".")[0]
    return (name != about, (step or "") != item.path)


def _fields(error: ErrorRecord) -> Iterator[tuple[str, str]]:
    yield "message", error.message
    for field, text in (
        ("error_type", error.type),
        ("traceback", error.traceback),
        ("code", error.code),
    ):
        if text:
            yield field, text
    yield from _details(error.details)


def _details(details: Mapping[str, JsonValue]) -> Iterator[tuple[str, str]]:
    waiting: list[tuple[str, JsonValue]] = [("details", dict(details))]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, str):
            yield place, value
        elif isinstance(value, dict):
            waiting += [(f"{place}.{key}", one) for key, one in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{place}.{index}", one) for index, one in enumerate(value)]
