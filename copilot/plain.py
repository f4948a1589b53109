"""What a change will change, in plain words: a sentence for each difference."""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from pydantic import JsonValue

from .characters import escape_hidden
from .definitions import PARAMETERS, STEP_LISTS, PlacedStep, Pointer, steps
from .fixes import Difference, differences
from .snapshot import Snapshot

MOST_SENTENCES = 50
MOST_IN_BRIEF = 2
LONGEST_VALUE = 120
_KINDS: Mapping[str, str] = {
    "template": "Template",
    "custom_field": "Custom field",
    "integration": "Integration",
    "document": "Document",
}


def plain(base: Snapshot, changed: Snapshot) -> tuple[str, ...]:
    """One sentence a difference, at most 50; a last one counts what is left."""
    found = [
        difference
        for difference in differences(base, changed)
        if difference.pointer[0] in {"definition", "resources"}
    ]
    told = [escape_hidden(_sentence(one, base)) for one in found[:MOST_SENTENCES]]
    left = len(found) - MOST_SENTENCES
    return (*told, f"And {left} more changes.") if left > 0 else tuple(told)


def in_brief(told: Sequence[str]) -> tuple[str, str]:
    """The first two sentences, and the words that count the others; all are in the diff."""
    more = len(told) - MOST_IN_BRIEF
    return " ".join(told[:MOST_IN_BRIEF]), f" And {more} more, in the diff." if more > 0 else ""


def _sentence(one: Difference, base: Snapshot) -> str:
    where, rest = _place(one, base)
    if one.pointer[0] == "resources" and not rest:
        return f"{where} is {_done(one)}."
    if one.is_step:
        return _new_step(one.new, where)
    if _is_whole_step(one):
        return f"{where} is removed."
    return f"{where}: {_what(one, rest)}."


def _what(one: Difference, rest: Pointer) -> str:
    name = _spoken(rest) or "it"
    if one.operation == "add":
        return f"{name} is added: {_value(one.new)}"
    if one.operation == "remove":
        return f"{name} is removed; it was {_value(one.old)}"
    return f"{name} becomes {_value(one.new)} instead of {_value(one.old)}"


def _place(one: Difference, base: Snapshot) -> tuple[str, Pointer]:
    """What it is in, as people call it, and the way from there."""
    if one.pointer[0] == "resources":
        kind, name = one.pointer[1:3]
        return f"{_KINDS.get(kind, kind)} {name!r}", one.pointer[3:]
    pointer = one.pointer[1:]
    around = _innermost(base, pointer)
    if around is None:
        return "In the workflow", pointer
    if pointer == around.pointer:
        return f"Step {around.title!r}", ()
    return f"In step {around.title!r}", pointer[len(around.pointer) :]


def _innermost(base: Snapshot, pointer: Pointer) -> PlacedStep | None:
    found = [one for one in steps(base.definition) if pointer[: len(one.pointer)] == one.pointer]
    return max(found, key=lambda one: len(one.pointer), default=None)


def _done(one: Difference) -> str:
    if one.operation == "change":
        return "replaced"
    return "created" if one.operation == "add" else "deleted"


def _is_whole_step(one: Difference) -> bool:
    return one.operation == "remove" and one.pointer[-2:-1] in {(name,) for name in STEP_LISTS}


def _new_step(step: JsonValue, where: str) -> str:
    data = step if isinstance(step, dict) else {}
    title = data.get("name") or data.get("id")
    does = data.get("action") or data.get("type") or "step"
    inside = f", {where[0].lower()}{where[1:]}" if where.startswith("In step") else ""
    return f"A new step {title!r} is put in ({does}){inside}."


def _spoken(rest: Pointer) -> str:
    """`with` and `parameters` are only where a step keeps what it is given."""
    return " > ".join(part for part in rest if part not in PARAMETERS).replace("_", " ")


def _value(value: JsonValue) -> str:
    text = repr(value) if isinstance(value, str) else "".join(_spelled(value))
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def _spelled(value: JsonValue) -> Iterator[str]:
    if value is None:
        yield "nothing"
    elif isinstance(value, bool):
        yield "yes" if value else "no"
    elif isinstance(value, int | float):
        yield f"{value:g}" if isinstance(value, float) else str(value)
    elif isinstance(value, list):
        yield ", ".join(_value(item) for item in cast("list[JsonValue]", value)) or "an empty list"
    elif isinstance(value, dict):
        items = cast("dict[str, JsonValue]", value).items()
        yield ", ".join(f"{key} {_value(item)}" for key, item in items) or "nothing"
    else:
        yield repr(value)
