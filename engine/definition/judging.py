"""Whether a condition holds, with the values there are."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, cast

from ..errors import InvalidData, VariableNotFound
from .conditions import (
    Compared,
    Comparison,
    Condition,
    Constant,
    Exists,
    Joined,
    Length,
    Not,
    Several,
    parse_condition,
)
from .expressions import Reference, look_up


def holds(text: str, scope: Mapping[str, Any]) -> bool:
    """Whether the condition *text* is true in *scope*.

    Nothing, zero, an empty text, list or object count as false. Raises `VariableNotFound`,
    `InvalidData` for values that can't be compared, or `InvalidDefinition`.
    """
    return _truth(_value(parse_condition(text), scope))


def _value(condition: Condition, scope: Mapping[str, Any]) -> Any:
    match condition:
        case Constant(value):
            return value
        case Several(items):
            return [_value(item, scope) for item in items]
        case Reference():
            return _plain(look_up(condition, scope))
        case Length(inner):
            return _length(_value(inner, scope))
        case Exists(reference):
            return _exists(reference, scope)
        case Not(inner):
            return not _truth(_value(inner, scope))
        case Joined(by, parts):
            truths = (_truth(_value(part, scope)) for part in parts)
            return all(truths) if by == "and" else any(truths)
        case Compared(by, left, right):
            return _compare(by, _value(left, scope), _value(right, scope))


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def _exists(reference: Reference, scope: Mapping[str, Any]) -> bool:
    try:
        look_up(reference, scope)
    except VariableNotFound:
        return False
    return True


def _length(value: Any) -> int:
    if isinstance(value, str | list | tuple | Mapping):
        return len(cast("Any", value))
    raise InvalidData(f"{_kind(value)} has no length.", kind="comparison", value=_shown(value))


def _truth(value: Any) -> bool:
    plain = value is None or isinstance(
        value, bool | int | float | Decimal | str | list | tuple | Mapping
    )
    return bool(cast("object", value)) if plain else True


def _compare(by: Comparison, left: Any, right: Any) -> bool:
    match by:
        case "==" | "!=":
            same = isinstance(left, bool) == isinstance(right, bool) and left == right
            return same is (by == "==")
        case "in" | "not in":
            return _is_in(left, right) is (by == "in")
        case "<":
            return _is_less(left, right)
        case ">":
            return _is_less(right, left)
        case "<=":
            return _is_less(left, right) or left == right
        case ">=":
            return _is_less(right, left) or left == right


def _is_in(item: Any, container: Any) -> bool:
    if isinstance(container, str):
        if isinstance(item, str):
            return item in container
    elif isinstance(container, list | tuple):
        return any(_compare("==", item, _plain(one)) for one in cast("list[Any]", container))
    elif isinstance(container, Mapping):
        return any(_compare("==", item, key) for key in cast("Mapping[Any, Any]", container))
    raise _incomparable("look for", item, "in", container)


def _is_less(left: Any, right: Any) -> bool:
    if _kind(left) == _kind(right) and _kind(left) in {"a number", "text", "a date", "a time"}:
        try:
            return left < right
        except TypeError:  # one has a time zone, the other none
            raise _incomparable("compare", left, "with", right) from None
    raise _incomparable("compare", left, "with", right)


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    kinds: tuple[tuple[Any, str], ...] = (
        (bool, "true or false"),
        (int | float | Decimal, "a number"),
        (str, "text"),
        (datetime, "a time"),
        (date, "a date"),
        ((list, tuple), "a list"),
        (Mapping, "an object"),
    )
    return next((name for kind, name in kinds if isinstance(value, kind)), "a value")


def _incomparable(verb: str, left: Any, between: str, right: Any) -> InvalidData:
    return InvalidData(
        f"A condition can't {verb} {_kind(left)} {between} {_kind(right)}: "
        f"{_shown(left)} {between} {_shown(right)}.",
        kind="comparison",
        value=_shown(left),
    )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
