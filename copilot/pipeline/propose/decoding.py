"""JSON as strictly as it can be read: no key twice, no number that is none, not deep, not large."""

import json
import math
import re
from typing import Any, NoReturn, cast

MAX_BYTES = 64_000
#: An answer has five levels; the rest is room for what a schema check can name.
MAX_DEPTH = 10

#: One without an end goes to the end of the text, so that no character is looked at twice.
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NOT_A_BRACKET = re.compile(r"[^\[\]{}]+")
_SURROGATE = re.compile("[\ud800-\udfff]")


class NotStrict(ValueError):
    """`NotStrict(problem)`: which rule was broken; says nothing of what stood there."""


def decode(text: str) -> Any:
    """The value in *text*. Raises NotStrict and nothing else."""
    check_size(text)
    if _depth(text) > MAX_DEPTH:
        raise NotStrict(f"it is nested deeper than {MAX_DEPTH} levels")
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_number
        )
    except NotStrict:
        raise
    except ValueError:  # of a number too long to be read, too
        raise NotStrict("it is not valid JSON") from None
    if any(_SURROGATE.search(one) for one in strings_of(value)):
        raise NotStrict("it contains half of a character")
    return value


def check_size(text: str) -> None:
    """Raises NotStrict for a text that is too large or that no encoding can hold."""
    if len(text) > MAX_BYTES:
        raise NotStrict(f"it is larger than {MAX_BYTES} bytes")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise NotStrict("it contains half of a character") from None
    if size > MAX_BYTES:
        raise NotStrict(f"it is larger than {MAX_BYTES} bytes")


def strings_of(value: Any, *, keys: bool = True) -> list[str]:
    """Every string in *value*, with or without keys, in the order in which they stand there."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value).items()
        parts = [part for key, one in pairs for part in ((key, one) if keys else (one,))]
    else:
        parts = cast("list[Any]", value) if isinstance(value, list) else []
    return [text for part in parts for text in strings_of(part, keys=keys)]


def _depth(text: str) -> int:
    """How deep the brackets outside strings are nested: counted before anything recurses."""
    deepest = depth = 0
    for bracket in _NOT_A_BRACKET.sub("", _STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotStrict("an object has the same key twice")
    return found


def _constant(_: str) -> NoReturn:
    raise NotStrict("it contains NaN or Infinity")


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise NotStrict("it contains a number that is too large")
    return number
