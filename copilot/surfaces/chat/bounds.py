"""Results made fit for a model's context: nothing hidden, and not more than it can afford to read."""

import json
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import JsonValue

from ...pipeline.sanitize import sanitize
from .results import Result

R = TypeVar("R", bound=Result)

#: Characters of a result as JSON, about a third as many tokens.
LARGEST = 24_000
MOST_NOTES = 20
#: No text is cut to fewer characters; what the tools say themselves is shorter.
SHORTEST = 300
#: Our own words, and what is filled in here.
_KEPT = ("note", "left_out")
#: Characters of a text and items of a list; texts give way before items do.
_STEPS = (
    (4_000, 50),
    (1_000, 50),
    (SHORTEST, 50),
    (SHORTEST, 20),
    (SHORTEST, 10),
    (SHORTEST, 3),
)


def bounded(result: R) -> R:
    """*result* sanitized and no longer than LARGEST; `left_out` tells what was taken away."""
    data: dict[str, JsonValue] = result.model_dump(mode="json")
    shown = data
    for length, items in _STEPS:
        shown = _shortened(data, length=length, items=items)
        if len(json.dumps(shown, ensure_ascii=False)) <= LARGEST:
            break
    return type(result).model_validate(shown)


def _shortened(data: dict[str, JsonValue], *, length: int, items: int) -> dict[str, JsonValue]:
    cut = _Cut(length, items)
    shown = {key: value if key in _KEPT else cut.value(value, key) for key, value in data.items()}
    return {**shown, "left_out": list[JsonValue](cut.told())}


@dataclass(slots=True)
class _Cut:
    """One pass with one pair of limits, and what it took away, by the place where it was."""

    length: int
    items: int
    notes: list[str] = field(default_factory=list[str])

    def value(self, value: JsonValue, place: str) -> JsonValue:
        if isinstance(value, str):
            return self._text(value, place)
        if isinstance(value, list):
            return self._list(value, place)
        if isinstance(value, dict):
            return {key: self.value(item, f"{place}.{key}") for key, item in value.items()}
        return value

    def told(self) -> list[str]:
        more = len(self.notes) - MOST_NOTES
        return [*self.notes[:MOST_NOTES], *([f"and {more} more places"] if more > 0 else [])]

    def _text(self, text: str, place: str) -> str:
        shown = sanitize(text, limit=self.length)
        if shown.cut:
            self.notes.append(f"{place}: {shown.cut:,} characters")
        if shown.hidden:
            self.notes.append(f"{place}: {shown.hidden:,} hidden characters")
        return shown.text

    def _list(self, found: list[JsonValue], place: str) -> list[JsonValue]:
        if len(found) > self.items:
            self.notes.append(f"{place}: {len(found) - self.items:,} of {len(found):,}")
        return [
            self.value(item, f"{place}[{index}]") for index, item in enumerate(found[: self.items])
        ]
