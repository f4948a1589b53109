"""`triage.level == "high" and length(emails) > 3`: conditions of branches and loops.

A condition compares references and literals; it can call nothing but `length` and `exists`, and it
runs no code. References are written as in text, with or without braces.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias, cast

from ..errors import InvalidDefinition
from .expressions import Reference, scan_reference

LONGEST_CONDITION = 500
DEEPEST = 20

Comparison: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">=", "in", "not in"]
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?)(?![A-Za-z0-9_.])
    |"(?P<double>[^"\\]*)"|'(?P<single>[^'\\]*)'
    |(?P<mark>\{\{|\}\}|==|!=|<=|>=|<|>|\(|\)|\[|\]|,)
    |(?P<word>[A-Za-z_]))""",
    re.VERBOSE,
)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CONSTANTS: Mapping[str, Any] = {"true": True, "false": False, "null": None}
_RESERVED = frozenset({"and", "or", "not", "in", *_CONSTANTS})


@dataclass(frozen=True, slots=True)
class Constant:
    """A value written in the condition."""

    value: Any


@dataclass(frozen=True, slots=True)
class Several:
    """A list written in the condition."""

    items: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class Length:
    """How many items, fields or characters there are."""

    of: "Condition"


@dataclass(frozen=True, slots=True)
class Exists:
    """Whether the reference leads somewhere."""

    reference: Reference


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    of: "Condition"


@dataclass(frozen=True, slots=True)
class Joined:
    """Several joined by `and`, or by `or`; the rest is not looked at once the answer is known."""

    by: Literal["and", "or"]
    parts: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class Compared:
    """Two values, compared."""

    by: Comparison
    left: "Condition"
    right: "Condition"


Condition: TypeAlias = Constant | Several | Reference | Length | Exists | Not | Joined | Compared


@lru_cache(maxsize=2048)
def parse_condition(text: str) -> Condition:
    """Raises `InvalidDefinition` for what is no condition."""
    if len(text) > LONGEST_CONDITION:
        raise _unreadable(text, f"is longer than {LONGEST_CONDITION} characters")
    return _Parser(text).parse()


def condition_references(text: str) -> Iterator[Reference]:
    """Every reference in the condition *text*, in reading order. Raises `InvalidDefinition`."""
    yield from _references(parse_condition(text))


def _references(condition: Condition) -> Iterator[Reference]:
    match condition:
        case Reference():
            yield condition
        case Exists(reference):
            yield reference
        case Length(inner) | Not(inner):
            yield from _references(inner)
        case Several(parts) | Joined(_, parts):
            for part in parts:
                yield from _references(part)
        case Compared(_, left, right):
            yield from _references(left)
            yield from _references(right)
        case Constant():
            return


def _unreadable(text: str, why: str) -> InvalidDefinition:
    advice = "Write one like: step1.count > 3 and step1.kind == 'order'"
    return InvalidDefinition((f"the condition {text[:60]!r} {why}. {advice}",))


class _Parser:
    """By recursive descent: or, and, not, comparison, value."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position: int = 0
        self._depth: int = 0

    def parse(self) -> Condition:
        found = self._joined()
        if self._text[self._position :].strip():
            raise self._stuck()
        return found

    def _joined(self, by: Literal["and", "or"] = "or") -> Condition:
        self._depth += 1
        if self._depth > DEEPEST * 4:
            raise _unreadable(self._text, "is nested too deeply")
        inner = self._negated if by == "and" else lambda: self._joined("and")
        parts = [inner()]
        while self._take_word(by):
            parts.append(inner())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else Joined(by, tuple(parts))

    def _negated(self) -> Condition:
        negations = 0
        while self._take_word("not"):
            negations += 1
        found = self._compared()
        return Not(found) if negations % 2 else found

    def _compared(self) -> Condition:
        left = self._operand()
        if self._take_word("in"):
            return Compared("in", left, self._operand())
        before = self._position
        if self._take_word("not"):
            if self._take_word("in"):
                return Compared("not in", left, self._operand())
            self._position = before
        mark = self._take_mark("==", "!=", "<=", ">=", "<", ">")
        return Compared(cast("Comparison", mark), left, self._operand()) if mark else left

    def _operand(self) -> Condition:
        token = _TOKEN.match(self._text, self._position)
        if token is None:
            raise self._stuck()
        if token["word"]:
            self._position = token.start("word")
            return self._named()
        self._position = token.end()
        if token["number"]:
            number = token["number"]
            return Constant(float(number) if "." in number else int(number))
        match token["mark"]:
            case None:
                return Constant(token["double"] if token["double"] is not None else token["single"])
            case "(":
                return self._closed(self._joined(), ")")
            case "[":
                return self._several()
            case "{{":
                return self._closed(self._reference(), "}}")
            case _:
                self._position = token.start("mark")
                raise self._stuck()

    def _named(self) -> Condition:
        word = _WORD.match(self._text, self._position)
        name = word.group() if word else ""
        if name in _CONSTANTS:
            self._position += len(name)
            return Constant(_CONSTANTS[name])
        if name in _RESERVED:
            raise self._stuck()
        before = self._position
        self._position += len(name)
        if name in {"length", "exists"} and self._take_mark("("):
            if name == "length":
                return Length(self._closed(self._joined(), ")"))
            braces = self._take_mark("{{")
            reference = self._reference()
            return Exists(self._closed(self._closed(reference, "}}") if braces else reference, ")"))
        self._position = before
        return self._reference()

    def _reference(self) -> Reference:
        while self._text[self._position : self._position + 1].isspace():
            self._position += 1
        found = scan_reference(self._text, self._position)
        if found is None:
            raise self._stuck()
        reference, self._position = found
        return reference

    def _several(self) -> Condition:
        items: list[Condition] = []
        while not self._take_mark("]"):
            if items and not self._take_mark(","):
                raise self._stuck()
            items.append(self._operand())
        return Several(tuple(items))

    def _closed(self, found: Any, mark: str) -> Any:
        if not self._take_mark(mark):
            raise self._stuck()
        return found

    def _take_word(self, word: str) -> bool:
        found = re.compile(rf"\s*{word}(?![A-Za-z0-9_])").match(self._text, self._position)
        if found is None:
            return False
        self._position = found.end()
        return True

    def _take_mark(self, *marks: str) -> str | None:
        token = _TOKEN.match(self._text, self._position)
        if token is None or token["mark"] not in marks:
            return None
        self._position = token.end()
        return token["mark"]

    def _stuck(self) -> InvalidDefinition:
        rest = self._text[self._position :].strip()
        why = f"can't be read from {rest[:20]!r} on" if rest else "ends too early"
        return _unreadable(self._text, why)
