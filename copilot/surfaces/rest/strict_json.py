"""JSON as clients may send it: UTF-8, finite numbers, no name twice, and not nested without end."""

import json
import math
import re
from typing import Any, NoReturn

DEEPEST = 64
#: A string that is never closed runs to the end, so that no text is looked at twice.
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[{\]}]', re.DOTALL)


class InvalidJson(ValueError):
    """`InvalidJson(problem)`, in words that repeat nothing of what was sent."""


def check(body: bytes) -> None:
    """Raises InvalidJson for what another reader could read in another way, or not at all."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidJson("It is not text in UTF-8.") from None
    if _too_deep(text):
        raise InvalidJson(f"It is nested deeper than {DEEPEST} levels.")
    try:
        json.loads(text, object_pairs_hook=_object, parse_constant=_no_number, parse_float=_finite)
    except InvalidJson:
        raise
    except ValueError:  # also an integer of more digits than Python reads
        raise InvalidJson("The body is not JSON.") from None


def _too_deep(text: str) -> bool:
    """Told before it is parsed, which would use a stack frame a level."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return False
    depth = 0
    for found in _TOKEN.finditer(text):
        match found[0]:
            case "[" | "{":
                depth += 1
                if depth > DEEPEST:
                    return True
            case "]" | "}":
                depth -= 1
            case _:
                pass
    return False


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise InvalidJson("An object has the same name twice.")
    return made


def _no_number(_constant: str) -> NoReturn:
    raise InvalidJson("NaN and Infinity are no JSON.")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise InvalidJson("A number is larger than a double can hold.")
    return number
