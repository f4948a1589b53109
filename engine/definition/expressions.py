"""`{{ step1.emails }}`: finding references in a definition and putting values in their place.

A reference is a name followed by `.key`, `[0]` or `["any text"]`. There are no operators, calls or
filters. `\\{{` stands for two plain braces. A value put in is never read for expressions again, so
data can't smuggle any in.
"""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from enum import Enum
from functools import lru_cache
from typing import Any, TypeAlias, cast

from pydantic import BaseModel, JsonValue

from ..errors import InvalidDefinition, VariableNotFound
from .suggestions import did_you_mean, near

INPUTS = "inputs"
LONGEST_EXPRESSION = 500
MOST_AVAILABLE = 50
_CACHED_LENGTH = 2000

Key: TypeAlias = str | int

_ROOT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEY = re.compile(
    r"""\.(?P<key>[A-Za-z0-9_-]+)|\[(?P<index>-?[0-9]{1,9})\]|\[(?P<quote>["'])(?P<text>[^"']+)(?P=quote)\]"""
)


@dataclasses.dataclass(frozen=True, slots=True)
class Reference:
    """A parsed expression: the step or `inputs` it starts at, and the way from there."""

    root: str
    keys: tuple[Key, ...] = ()

    def __str__(self) -> str:
        return self.name(len(self.keys))

    def name(self, depth: int) -> str:
        """How a person writes its first *depth* keys."""
        return self.root + "".join(_spelled(key) for key in self.keys[:depth])


Piece: TypeAlias = str | Reference


def resolve(value: JsonValue, scope: Mapping[str, Any]) -> Any:
    """*value* with every expression replaced by what it refers to in *scope*.

    A string that is one expression and nothing else becomes the value itself, of whatever type and
    size; one inside other text is written out as text. Raises `VariableNotFound` for a reference
    that leads nowhere and `InvalidDefinition` for braces that hold no valid expression.
    """
    if isinstance(value, str):
        return _resolve_text(value, scope) if "{{" in value else value
    if isinstance(value, list):
        return [resolve(item, scope) for item in value]
    if isinstance(value, dict):
        return {key: resolve(item, scope) for key, item in value.items()}
    return value


def references(value: JsonValue) -> frozenset[str]:
    """Every reference in *value*, spelled as `step1.emails[0]`."""
    return frozenset(str(reference) for reference in find_references(value))


def find_references(value: JsonValue) -> Iterator[Reference]:
    """Every reference in *value*, in reading order; the same one may come twice."""
    if isinstance(value, str):
        if "{{" in value:
            yield from (piece for piece in parse(value) if isinstance(piece, Reference))
    elif isinstance(value, list):
        for item in value:
            yield from find_references(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from find_references(item)


def parse(text: str) -> tuple[Piece, ...]:
    """*text* as literal pieces and references, in order, in time linear in its length."""
    return _parse_cached(text) if len(text) <= _CACHED_LENGTH else tuple(_pieces(text))


@lru_cache(maxsize=2048)
def _parse_cached(text: str) -> tuple[Piece, ...]:
    return tuple(_pieces(text))


def _pieces(text: str) -> Iterator[Piece]:
    position = 0
    while (start := text.find("{{", position)) != -1:
        if start > position and text[start - 1] == "\\":
            yield text[position : start - 1] + "{{"
            position = start + 2
            continue
        if start > position:
            yield text[position:start]
        end = text.find("}}", start + 2, start + LONGEST_EXPRESSION)
        if end == -1:
            raise _invalid(text[start : start + 40], "has no closing '}}'")
        yield _parse_reference(text[start + 2 : end])
        position = end + 2
    if position < len(text):
        yield text[position:]


def scan_reference(text: str, position: int) -> tuple[Reference, int] | None:
    """The longest reference in *text* at *position* with the place behind it, if there is one."""
    root = _ROOT.match(text, position)
    if root is None:
        return None
    keys: list[Key] = []
    position = root.end()
    while (part := _KEY.match(text, position)) is not None:
        index = part["index"]
        keys.append(int(index) if index is not None else part["key"] or part["text"])
        position = part.end()
    return Reference(root.group(), tuple(keys)), position


def _parse_reference(inner: str) -> Reference:
    source = inner.strip()
    found = scan_reference(source, 0)
    if found is None:
        raise _invalid(f"{{{{{inner}}}}}", "does not start with the name of a step or 'inputs'")
    reference, end = found
    if end < len(source):
        raise _invalid(f"{{{{{inner}}}}}", f"can't be read from {source[end:][:20]!r} on")
    return reference


def _invalid(shown: str, why: str) -> InvalidDefinition:
    advice = "Write {{ step1.field }}, or \\{{ for two plain braces."
    return InvalidDefinition((f"the expression {shown[:60]!r} {why}. {advice}",))


def _spelled(key: Key) -> str:
    if isinstance(key, int):
        return f"[{key}]"
    return f".{key}" if re.fullmatch(r"[A-Za-z0-9_-]+", key) else f"[{json.dumps(key)}]"


def _resolve_text(text: str, scope: Mapping[str, Any]) -> Any:
    pieces = parse(text)
    if len(pieces) == 1 and isinstance(pieces[0], Reference):
        return look_up(pieces[0], scope)
    return "".join(
        piece if isinstance(piece, str) else as_text(look_up(piece, scope)) for piece in pieces
    )


_MISSING = object()


def look_up(reference: Reference, scope: Mapping[str, Any]) -> Any:
    """What *reference* leads to in *scope*. Raises `VariableNotFound`."""
    value: Any = scope.get(reference.root, _MISSING)
    if value is _MISSING:
        raise _not_found(reference, 0, list(scope))
    for depth, key in enumerate(reference.keys, start=1):
        child = _child(value, key)
        if child is _MISSING:
            raise _not_found(reference, depth, _names_in(value))
        value = child
    return value


def _child(value: Any, key: Key) -> Any:
    if isinstance(value, Mapping):
        return cast("Mapping[Any, Any]", value).get(key, _MISSING)
    if isinstance(value, list | tuple):
        items = cast("list[Any] | tuple[Any, ...]", value)
        if isinstance(key, int) and -len(items) <= key < len(items):
            return items[key]
        return _MISSING
    return getattr(value, str(key)) if key in _field_names(value) else _MISSING


def _field_names(value: Any) -> list[str]:
    """Public data fields only; methods, properties and private names are out of reach."""
    if isinstance(value, type):
        return []
    if isinstance(value, BaseModel):
        names = [*type(value).model_fields, *(value.model_extra or {})]
    elif dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
    else:
        return []
    return [name for name in names if not name.startswith("_")]


def _names_in(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [key for key in cast("Mapping[Any, Any]", value) if isinstance(key, str)]
    return _field_names(value)


def _not_found(reference: Reference, depth: int, siblings: list[str]) -> VariableNotFound:
    name = reference.name(depth)
    parent = dataclasses.replace(reference, keys=reference.keys[: max(depth - 1, 0)])
    prefix = str(parent) if depth else ""
    wanted = reference.keys[depth - 1] if depth else reference.root
    alike = near(wanted, siblings) if isinstance(wanted, str) else []
    close = [f"{prefix}{_spelled(key)}" if depth else key for key in alike]
    return VariableNotFound(
        f"Variable {name} not found" + ("." + did_you_mean(close) if close else ""),
        name=name,
        reference=str(reference),
        near=close,
        available=siblings[:MOST_AVAILABLE],
    )


def as_text(value: Any) -> str:
    """*value* as it reads inside other text: nothing for None, JSON for what has parts."""
    if isinstance(value, Enum):
        return as_text(value.value)
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _json({name: getattr(value, name) for name in _field_names(value)})
    if isinstance(value, Mapping | list | tuple):
        return _json(cast("Any", value))
    return str(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_json_default)


def _json_default(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(cast("Mapping[Any, Any]", value))
    return as_text(value)
