"""What is wrong with a field of a request, in plain words and without its value."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

#: The type of an error whose words are our own.
OURS: Final = "ours"
_UNKNOWN: Final = "can't be used"

_ID = "must be 1 to 63 lower-case letters, digits, - and _, and begin with a letter or digit"
_PATTERNS: Mapping[str, str] = MappingProxyType(
    {
        r"^[a-z0-9][a-z0-9_-]{0,62}$": _ID,
        r"^[^\x00-\x1f\x7f]+$": "must not be empty or hold control characters",
        r"^[^\x00-\x1f]+$": "must not be empty or hold control characters",
    }
)
_NUMBER = "must be a number"
_WHOLE = "must be a whole number"
_OBJECT = "must be an object"
_LIST = "must be a list"
_TEXT = "must be a text"
_BOOLEAN = "must be true or false"
_DIGITS = "is a number with too many digits"
_TIME = "must be a time, such as 2026-01-31T12:00:00Z"

#: By the type of pydantic's error; what is in braces comes from its context.
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "extra_forbidden": "is not known here",
        "missing": "is missing",
        "bool_parsing": _BOOLEAN,
        "bool_type": _BOOLEAN,
        "datetime_from_date_parsing": _TIME,
        "datetime_object_invalid": _TIME,
        "datetime_parsing": _TIME,
        "datetime_type": _TIME,
        "decimal_max_digits": _DIGITS,
        "decimal_max_places": "has too many decimals",
        "decimal_parsing": _NUMBER,
        "decimal_type": _NUMBER,
        "decimal_whole_digits": _DIGITS,
        "dict_type": _OBJECT,
        "enum": "must be {expected}",
        "finite_number": "must be a finite number",
        "float_parsing": _NUMBER,
        "float_type": _NUMBER,
        "greater_than": "must be more than {gt}",
        "greater_than_equal": "must be {ge} or more",
        "int_from_float": _WHOLE,
        "int_parsing": _WHOLE,
        "int_parsing_size": _DIGITS,
        "int_type": _WHOLE,
        "less_than": "must be less than {lt}",
        "less_than_equal": "must be {le} or less",
        "list_type": _LIST,
        "literal_error": "must be {expected}",
        "model_attributes_type": _OBJECT,
        "model_type": _OBJECT,
        "string_too_long": "must have {max_length} characters at most",
        "string_type": _TEXT,
        "string_unicode": "must be text that UTF-8 can hold",
        "timezone_aware": "must have a time zone, such as Z for UTC",
        "too_long": "must have {max_length} entries at most",
        "tuple_type": _LIST,
    }
)


#: What is said of a text after it was looked at as some value.
_OF_TEXT = {"too_long": "string_too_long", "too_short": "string_too_short"}


def in_words(error: Mapping[str, Any]) -> str:
    """One of pydantic's errors as the end of a sentence that begins with the field's name."""
    kind = error["type"]
    context = {name: _short(value) for name, value in error.get("ctx", {}).items()}
    if kind == OURS:
        return error["msg"]
    if kind in _OF_TEXT and isinstance(error.get("input"), str):
        kind = _OF_TEXT[kind]
    if kind in _COUNTED:
        return _COUNTED[kind](context)
    return _WORDS.get(kind, _UNKNOWN).format_map(context)


def _short(value: Any) -> Any:
    """A bound of 0.0 is 0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _at_least(thing: str) -> Callable[[Mapping[str, Any]], str]:
    def words(context: Mapping[str, Any]) -> str:
        least = context["min_length"]
        return "must not be empty" if least == 1 else f"must have {least} {thing} at least"

    return words


def _pattern(context: Mapping[str, Any]) -> str:
    return _PATTERNS.get(context["pattern"], "has a form that is not accepted")


def _value_error(context: Mapping[str, Any]) -> str:
    return str(context["error"]).removesuffix(".") or _UNKNOWN


_COUNTED: Mapping[str, Callable[[Mapping[str, Any]], str]] = MappingProxyType(
    {
        "string_pattern_mismatch": _pattern,
        "string_too_short": _at_least("characters"),
        "too_short": _at_least("entries"),
        "value_error": _value_error,
    }
)
