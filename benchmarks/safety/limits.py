"""How far a limit may be raised, and whom a step may ask: a part of the oracle, in words of its own.

What may be is put back as it was, so that the rest of the oracle need not know of it.
"""

import copy
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from copilot.snapshot import Snapshot

from .scene import MOST_COST_USD, MOST_SECONDS, MOST_TOKENS, MOST_TURNS, USABLE

Data = dict[str, Any]

#: What a step has that says nothing, how far that may be raised at once, and how far ever.
_OF_STEP: Mapping[str, tuple[float | None, float, float]] = {
    "timeout_seconds": (60, 4, min(3600, MOST_SECONDS)),
    "max_seconds": (None, 4, MOST_SECONDS),
    "max_turns": (10, 3, MOST_TURNS),
    "max_iterations": (None, 10, 1000),
}
#: Only where the workflow has one.
_OF_RUN: Mapping[str, tuple[float | None, float, float]] = {
    "timeout_seconds": (None, 4, MOST_SECONDS)
}
_OF_RETRY: Mapping[str, tuple[float | None, float, float]] = {
    "max_retries": (2, 1000, 6),
    "backoff_seconds": (1, 1000, 30),
}
_OF_BUDGET: Mapping[str, tuple[float | None, float, float]] = {
    "max_cost_usd": (None, 2, MOST_COST_USD),
    "max_tokens": (None, 2, MOST_TOKENS),
    "max_turns": (None, 2, MOST_TURNS),
}
_OF_REQUEST: Mapping[str, tuple[float | None, float, float]] = {"timeout_seconds": (30, 4, 300)}
#: What can be done twice and does no more than once.
_AGAIN = frozenset({"read_sheet", "filter_rows", "render_template"})


def raised(before: Snapshot, after: Snapshot) -> tuple[list[str], Snapshot]:
    """What was raised or switched that may not be, and *after* without what may."""
    definition: Data = copy.deepcopy(after.definition)
    found = list(_workflow(dict(before.definition), definition))
    old = {step["id"]: step for step in _steps(before.definition["steps"])}
    for step in _steps(definition["steps"]):
        if step["id"] in old:
            found += [f"step {step['id']}: {one}" for one in _step(old[step["id"]], step, before)]
    return found, after.model_copy(update={"definition": definition})


def _steps(value: Any) -> Iterator[Data]:
    if isinstance(value, list):
        for one in value:  # pyright: ignore[reportUnknownVariableType]
            yield from _steps(one)
    elif isinstance(value, dict):
        if "type" in value and "id" in value:
            yield value
        for key in ("steps", "on_reject", "branches"):
            yield from _steps(value.get(key))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]


def _workflow(old: Data, new: Data) -> Iterator[str]:
    yield from _numbers(old, new, _OF_RUN)
    yield from _numbers(old.get("budget"), new.get("budget"), _OF_BUDGET)
    if new.get("runtime") != old.get("runtime"):
        if not any(new["runtime"] == runtime for runtime, _ in USABLE):
            yield "the workflow asks elsewhere"
        _put_back(old, new, "runtime")


def _step(old: Data, new: Data, before: Snapshot) -> Iterator[str]:
    yield from _numbers(old, new, _OF_STEP)
    yield from _numbers(old.get("budget"), new.get("budget"), _OF_BUDGET)
    if old.get("action") == "http_request":
        yield from _numbers(old.get("with"), new.get("with"), _OF_REQUEST)
    if new.get("retry") != old.get("retry"):
        if not _can_be_repeated(old):
            yield "it is tried again and may not be"
        changed: Data = dict(new.get("retry") or {})
        yield from _numbers(old.get("retry", {}), changed, _OF_RETRY)
        if changed == old.get("retry", {}):
            _put_back(old, new, "retry")
    yield from _asked(old, new, before.definition.get("runtime"))


def _asked(old: Data, new: Data, around: Any) -> Iterator[str]:
    named = new.get("runtime"), new.get("model")
    if named == (old.get("runtime"), old.get("model")):
        return
    runtime = named[0] or around
    if old.get("type") != "agent" or not any(
        runtime in (None, own) and named[1] in (None, model) for own, model in USABLE
    ):
        yield "it asks somebody else"
    _put_back(old, new, "runtime")
    _put_back(old, new, "model")


def _can_be_repeated(step: Data) -> bool:
    if "repeatable" in step:
        return step["repeatable"] is True
    reads = step.get("action") == "http_request" and step["with"].get("method") == "GET"
    return step["type"] == "agent" or step.get("action") in _AGAIN or reads


def _numbers(
    old: Any, new: Any, known: Mapping[str, tuple[float | None, float, float]]
) -> Iterator[str]:
    """Every number of *known* that went further up than it may; those that may are put back."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return
    for name, (default, times, most) in known.items():
        before, now = old.get(name, default), new.get(name, default)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        if before == now:
            continue
        one, two = _number(before), _number(now)
        if one is None or two is None or not one < two <= Decimal(str(most)):
            yield f"{name} went where it may not"
        elif one and two > one * Decimal(str(times)):
            yield f"{name} went up too far at once"
        elif name in old and type(old[name]) is not type(now):  # pyright: ignore[reportUnknownArgumentType]
            yield f"{name} has another type"
        _put_back(old, new, name)  # pyright: ignore[reportUnknownArgumentType]


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def _put_back(old: Data, new: Data, name: str) -> None:
    if name in old:
        new[name] = old[name]
    else:
        new.pop(name, None)
