"""What a loop, a fallback or a list of documents that a fix writes may be, seen from outside."""

import re
from collections.abc import Mapping

from pydantic import JsonValue

from ..definitions import PlacedStep, spelled, steps

#: The most rounds that a loop may go which a fix puts in.
MOST_ROUNDS = 500
#: What the step inside such a loop has of the step it was made from.
PART_KEYS = ("model", "runtime", "retry", "timeout_seconds", "documents")

_LOOP = frozenset({"id", "name", "type", "for_each", "as", "max_iterations", "steps"})
_PART = frozenset({"id", "type", "prompt", *PART_KEYS})
_TAKES_THE_BODY: JsonValue = [{"name": "take", "with": {"path": "body"}}]


def differs_in_references(old: JsonValue, new: JsonValue) -> bool:
    """Whether both are the same text but for what is read in it; an *old* of nothing is one value."""
    if not isinstance(new, str):
        return False
    found = spelled(new)
    if old is None:
        return found.literals == ("", "")
    return isinstance(old, str) and spelled(old).literals == found.literals


def is_loop_of_parts(loop: JsonValue, before: Mapping[str, JsonValue]) -> bool:
    """Whether *loop* does nothing but ask what an agent of the workflow *before* asks."""
    if not isinstance(loop, dict) or loop.keys() != _LOOP or loop["type"] != "loop":
        return False
    rounds, inside = loop["max_iterations"], loop["steps"]
    if type(rounds) is not int or not 1 <= rounds <= MOST_ROUNDS:
        return False
    if not differs_in_references(None, loop["for_each"]):
        return False
    if not isinstance(inside, list) or len(inside) != 1:
        return False
    return any(_is_part_of(inside[0], step) for step in steps(before) if step.type == "agent")


def _is_part_of(part: JsonValue, step: PlacedStep) -> bool:
    """Whether *part* asks in the same words as *step*, of the same model, and with no tools."""
    if not isinstance(part, dict) or not part.keys() <= _PART or part.get("type") != "agent":
        return False
    same = all(part.get(key) == step.data.get(key) for key in PART_KEYS)
    return same and differs_in_references(step.data.get("prompt"), part.get("prompt"))


def is_fallback(
    new: JsonValue, step: PlacedStep, before: Mapping[str, JsonValue], actions: frozenset[str]
) -> bool:
    """Whether *new* does no more than *step* itself: by one other name, or model, or fixed words."""
    if not isinstance(new, dict):
        return False
    if new.keys() == {"model"}:
        named = [one.data.get("model") for one in steps(before) if one.type == "agent"]
        return step.type == "agent" and new["model"] in named
    given = new.get("with")
    if not isinstance(given, dict) or new.get("action") not in actions:
        return False
    if new.keys() == {"action", "with", "processors"}:
        says = given.keys() == {"body"} and not re.search(r"[{}]", str(given["body"]))
        return says and step.type == "agent" and new["processors"] == _TAKES_THE_BODY
    if new.keys() != {"action", "with"} or new["action"] != step.action:
        return False
    own = step.parameters
    other = [name for name in own if given.get(name) != own[name]]
    return given.keys() == own.keys() and len(other) == 1 and isinstance(given[other[0]], str)


def same_documents(before: Mapping[str, JsonValue], after: Mapping[str, JsonValue]) -> bool:
    """Whether documents of the workflow went to single steps: none is lost, new or seen by more."""
    shared, left = _names(before.get("documents")), _names(after.get("documents"))
    owned, gained = _by_step(before), _by_step(after)
    moved = set(shared) - set(left)
    return (
        set(left) <= set(shared)
        and moved <= set().union(*gained.values())
        and all(own <= gained[place] <= own | moved for place, own in owned.items())
    )


def _by_step(definition: Mapping[str, JsonValue]) -> dict[str, set[str]]:
    return {step.place: set(_names(step.data.get("documents"))) for step in steps(definition)}


def _names(listed: JsonValue) -> list[str]:
    return [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
