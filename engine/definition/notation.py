"""Definitions as text: YAML or JSON read into plain data with line numbers, and written back.

YAML has surprises that a person who writes a workflow does not expect, so only plain `true`, `false`,
`null` and numbers as JSON writes them mean something; every other unquoted scalar is the text it
looks like (`no`, `12:30:45`, `2026-01-31`, `007`). Keys are always text. Anchors, aliases and tags are
refused, and so are duplicate keys, NaN and infinity.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, cast

import yaml
from pydantic import JsonValue

from .problems import Path, Problems

LARGEST_TEXT = 1_000_000
DEEPEST = 64
LONGEST_NUMBER = 300
_LINED_DEPTH = 36  # places deeper than this get the line of what they are in

_CONSTANTS: dict[str, JsonValue] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_OTHER_BREAKS = re.compile("[\r\x85\u2028\u2029\ufeff]")
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Unreadable(Exception):
    """The text can't be read any further; the reason is among the problems already."""


def read(text: str, problems: Problems) -> tuple[JsonValue, dict[Path, int]]:
    """The data in *text* and the line of each place in it.

    Notes what it finds in *problems*; raises `Unreadable` when nothing can be made of the rest.
    """
    _check_size(text, problems)
    if text.lstrip()[:1] in ("{", "["):
        try:
            return _read_json(text, problems), {}
        except json.JSONDecodeError as error:
            if problems.source.endswith(".json"):
                _give_up(problems, f"not valid JSON: {error.msg}", line=error.lineno)
    return _Reader(text, problems).read()


def _check_size(text: str, problems: Problems) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        _give_up(problems, "the text holds half a character (a lone surrogate)")
    else:
        if size > LARGEST_TEXT:
            _give_up(problems, f"the text is larger than {LARGEST_TEXT:,} bytes")


def _give_up(problems: Problems, text: str, *, path: Path = (), line: int | None = None) -> None:
    problems.add(path, text, line=line)
    raise Unreadable


def _read_json(text: str, problems: Problems) -> JsonValue:
    def unique(pairs: list[tuple[str, JsonValue]]) -> JsonValue:
        found: dict[str, JsonValue] = {}
        for key, value in pairs:
            if key in found:
                problems.add((), f"the key {key[:60]!r} is there twice")
            found[key] = value
        return found

    try:
        return json.loads(text, object_pairs_hook=unique)
    except RecursionError:
        _give_up(problems, f"nested deeper than {DEEPEST} levels")
    except json.JSONDecodeError:
        raise
    except ValueError:  # Python refuses integers of thousands of digits
        _give_up(problems, f"a number has more than {LONGEST_NUMBER} digits")
    return None


class _Reader:
    """Builds plain data from YAML events, so that nothing is expanded before it is checked."""

    def __init__(self, text: str, problems: Problems) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=_Loader)
        self._problems = problems
        self._lines: dict[Path, int] = {}

    def read(self) -> tuple[JsonValue, dict[Path, int]]:
        try:
            return self._document(), self._lines
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else None
            _give_up(self._problems, f"not valid YAML: {error.problem}", line=line)
        except yaml.YAMLError as error:
            _give_up(self._problems, f"not valid YAML: {str(error).splitlines()[0]}")
        return None, {}

    def _document(self) -> JsonValue:
        event = self._next(yaml.StreamStartEvent)
        if isinstance(event, yaml.StreamEndEvent):
            _give_up(self._problems, "the text is empty")
        data = self._node(next(self._events), ())
        extra = self._next(yaml.DocumentEndEvent)
        if not isinstance(extra, yaml.StreamEndEvent):
            self._problems.add((), "holds more than one document", line=_line(extra))
        return data

    def _next(self, skipped: type[yaml.Event]) -> Any:
        event = next(self._events)
        return next(self._events) if isinstance(event, skipped) else event

    def _node(self, event: Any, path: Path) -> JsonValue:
        if len(path) <= _LINED_DEPTH:
            self._lines.setdefault(path, _line(event))
        if isinstance(event, yaml.AliasEvent):
            self._refuse(event, path, f"the alias *{event.anchor} is not allowed: write it out")
            return None
        if event.anchor is not None:
            self._refuse(event, path, f"the anchor &{event.anchor} is not allowed")
        if event.tag is not None:
            self._refuse(event, path, f"the tag {event.tag[:60]} is not allowed")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        if len(path) >= DEEPEST:
            line = _line(event)
            _give_up(self._problems, f"nested deeper than {DEEPEST} levels", path=path, line=line)
        is_list = isinstance(event, yaml.SequenceStartEvent)
        return self._sequence(path) if is_list else self._mapping(path)

    def _sequence(self, path: Path) -> JsonValue:
        items: list[JsonValue] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> JsonValue:
        found: dict[str, JsonValue] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, path)
            if key in found:
                self._refuse(event, path, f"the key {key[:60]!r} is there twice")
            self._lines[(*path, key)] = _line(event)
            found[key] = self._node(next(self._events), (*path, key))
        return found

    def _key(self, event: Any, path: Path) -> str:
        if isinstance(event, yaml.ScalarEvent):
            if event.anchor is not None or event.tag is not None:
                self._refuse(event, path, "anchors and tags are not allowed")
            return event.value
        problem = "a key must be plain text. Put an expression in quotes: '{{ step1.field }}'"
        _give_up(self._problems, problem, path=path, line=_line(event))
        return ""

    def _scalar(self, event: yaml.ScalarEvent, path: Path) -> JsonValue:
        text = event.value
        if event.style:  # quoted, or a block
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _NOT_FINITE.fullmatch(text):
            self._refuse(event, path, f"{text} is not a number that can be used")
            return None
        if len(text) > LONGEST_NUMBER or (number := _NUMBER.fullmatch(text)) is None:
            return text
        return int(text) if number[2] is None and number[3] is None else float(text)

    def _refuse(self, event: Any, path: Path, text: str) -> None:
        self._problems.add(path, text, line=_line(event))


def _line(event: Any) -> int:
    return event.start_mark.line + 1


def check_plain(value: Any, problems: Problems, path: Path = ()) -> bool:
    """Note everything in *value* that JSON can't hold, and whether there was nothing."""
    before = len(problems.found)
    _check_plain(value, problems, path)
    return len(problems.found) == before


def _check_plain(value: Any, problems: Problems, path: Path) -> None:
    if len(path) > DEEPEST:
        problems.add(path[:DEEPEST], f"nested deeper than {DEEPEST} levels")
    elif isinstance(value, dict):
        for key, item in cast("dict[Any, Any]", value).items():
            if not isinstance(key, str) or not _is_text(key):
                problems.add(path, f"the key {str(key)[:60]!a} is not plain text")
            else:
                _check_plain(item, problems, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[Any]", value)):
            _check_plain(item, problems, (*path, index))
    elif (reason := _unusable(value)) is not None:
        problems.add(path, reason)


def _unusable(value: Any) -> str | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        if "\0" in value:
            return "holds a NUL character, which no database stores"
        return None if _is_text(value) else "holds half a character (a lone surrogate)"
    if isinstance(value, int):
        too_long = abs(value) >= 10**LONGEST_NUMBER
        return f"a number has more than {LONGEST_NUMBER} digits" if too_long else None
    if isinstance(value, float):
        return None if math.isfinite(value) else "NaN and infinity can't be used"
    return f"a value of type {type(value).__name__} can't be part of a definition"


def _is_text(text: str) -> bool:
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Dumper(yaml.SafeDumper):
    """Text with line breaks as a block, so that a diff of instructions reads line by line."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text_node(_dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    if _OTHER_BREAKS.search(text):  # PyYAML writes these as they are, and reads them as breaks
        style = '"'
    return yaml.ScalarNode("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text_node)
# Beside what YAML 1.1 quotes already: text that `read` would take for a number.
cast("Any", _Dumper).add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, list("-0123456789"))


def write(data: JsonValue) -> str:
    """*data* as the one YAML spelling of it: key order kept, block text, width 88."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=88, indent=2)
