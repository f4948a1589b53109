"""Changing a definition in the text that a person keeps: their comments, order and spelling stay.

The text is read into nodes that know where they stand, the differences of two definitions are
walked down these nodes, and each becomes the smallest piece of text to replace. Whoever asks reads
the result again: what could not be put right here must not go out.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any, TypeAlias, cast

import yaml
from pydantic import JsonValue

from ..definitions import PARAMETERS
from ..snapshot import canonical_yaml

Entries: TypeAlias = list[tuple[yaml.ScalarNode, yaml.Node]]
_BLOCK_STYLES = frozenset({"|", ">"})
#: What a text over several lines begins with, such as `|-  # why`.
_HEADER = re.compile(r"[|>][0-9+-]*(?P<comment>[^\r\n]*)")


class Unplaceable(Exception):
    """A difference that has no place in this text."""


@dataclass(frozen=True, slots=True)
class _Edit:
    start: int
    end: int
    text: str


def edited(text: str, old: JsonValue, new: JsonValue) -> str:
    """*text*, which says *old*, made to say *new*. Raises Unplaceable."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise Unplaceable from error
    if root is None:
        raise Unplaceable
    walk = _Walk(text)
    walk.value(root, old, new)
    return _applied(text, walk.edits)


def _applied(text: str, edits: Sequence[_Edit]) -> str:
    ending = "\r\n" if "\r\n" in text else "\n"
    pieces: list[str] = []
    done = 0
    for edit in sorted(edits, key=lambda one: one.start):
        if edit.start < done:
            raise Unplaceable
        pieces += text[done : edit.start], edit.text.replace("\n", ending)
        done = edit.end
    return "".join([*pieces, text[done:]])


@dataclass(slots=True)
class _Walk:
    """Goes down two definitions and the nodes of the first one, and notes what to replace."""

    text: str
    edits: list[_Edit] = field(default_factory=list[_Edit])

    def value(self, node: yaml.Node, old: JsonValue, new: JsonValue) -> None:
        if old == new:
            return
        if isinstance(node, yaml.MappingNode) and isinstance(old, dict) and isinstance(new, dict):
            self._mapping(node, old, new)
        elif (
            isinstance(node, yaml.SequenceNode)
            and isinstance(old, list)
            and isinstance(new, list)
            and len(_items(node)) == len(old)
        ):
            self._sequence(node, old, new)
        elif isinstance(node, yaml.ScalarNode) and not isinstance(new, dict | list):
            self._scalar(node, new)
        elif _is_flow(node):
            self._put(node, _flow(new))
        else:
            raise Unplaceable

    def _mapping(
        self, node: yaml.MappingNode, old: Mapping[str, JsonValue], new: Mapping[str, JsonValue]
    ) -> None:
        added: dict[str, JsonValue] = {}
        for key in dict.fromkeys((*old, *new)):
            entry = _entry(node, key)
            if old.get(key) == new.get(key) and (key in old) == (key in new):
                continue
            if entry is None and key in new:
                added[key] = new[key]
            elif entry is not None and key not in new:
                self._remove(node, *entry)
            elif entry is not None:
                self._entry(node, entry, old.get(key), new[key])
        if added:
            self._add(node, added)

    def _entry(
        self,
        holder: yaml.MappingNode,
        entry: tuple[yaml.ScalarNode, yaml.Node],
        old: JsonValue,
        new: JsonValue,
    ) -> None:
        key, value = entry
        before = len(self.edits)
        try:
            self.value(value, old, new)
        except Unplaceable:
            del self.edits[before:]
            if _is_flow(holder):
                raise
            block = _indented(canonical_yaml({key.value: new}), _column(key))
            self.edits.append(_Edit(_start(key), self._end(value), block.strip()))

    def _add(self, node: yaml.MappingNode, added: Mapping[str, JsonValue]) -> None:
        entries = _entries(node)
        if _is_flow(node):
            said = ", ".join(f"{json.dumps(key)}: {_flow(value)}" for key, value in added.items())
            place = self._end(entries[-1][1]) if entries else _start(node) + 1
            self.edits.append(_Edit(place, place, f", {said}" if entries else said))
            return
        column = _column(entries[0][0])
        self._after(self._end(entries[-1][1]), _indented(canonical_yaml(dict(added)), column))

    def _remove(self, holder: yaml.MappingNode, key: yaml.ScalarNode, value: yaml.Node) -> None:
        start = self._line(_start(key))
        if _is_flow(holder) or self.text[start : _start(key)].strip():
            raise Unplaceable
        self.edits.append(_Edit(start, self._line_after(self._end(value)), ""))

    def _sequence(
        self, node: yaml.SequenceNode, old: list[JsonValue], new: list[JsonValue]
    ) -> None:
        if _is_flow(node) and len(old) != len(new):
            self._put(node, _flow(new))
            return
        if not new:
            raise Unplaceable  # a block without items says nothing, not an empty list
        items = _items(node)
        told = [[_identity(one) for one in side] for side in (old, new)]
        matcher = SequenceMatcher(None, *told, autojunk=False)
        for _, first, last, new_first, new_last in matcher.get_opcodes():
            if last - first == new_last - new_first:
                for index in range(last - first):
                    self._item(
                        node, items[first + index], old[first + index], new[new_first + index]
                    )
                continue
            block = "".join(
                _indented(canonical_yaml([one]), _column(node)) for one in new[new_first:new_last]
            )
            self._replace_items(items, first, last, block, column=_column(node))

    def _item(
        self, holder: yaml.SequenceNode, node: yaml.Node, old: JsonValue, new: JsonValue
    ) -> None:
        before = len(self.edits)
        try:
            self.value(node, old, new)
        except Unplaceable:
            del self.edits[before:]
            if _is_flow(holder):
                raise
            block = _indented(canonical_yaml([new]), _column(holder)).strip().removeprefix("- ")
            self.edits.append(_Edit(_start(node), self._end(node), block))

    def _replace_items(
        self, items: Sequence[yaml.Node], first: int, last: int, block: str, *, column: int
    ) -> None:
        if first < last:
            start, end = (
                self._line(_start(items[first])),
                self._line_after(self._end(items[last - 1])),
            )
            self.edits.append(_Edit(start, end, block))
        elif first:
            end = self._end(items[first - 1])
            self._after(self._with_comments_below(end, deeper_than=column), block)
        else:
            start = self._line(_start(items[0])) if items else -1
            if start < 0 or self.text[start : _start(items[0])].strip(" -"):
                raise Unplaceable
            start = self._with_comments_above(start)
            self.edits.append(_Edit(start, start, block))

    def _with_comments_above(self, line: int) -> int:
        """The first of the lines of comments right over *line*: they are about what is below."""
        while line and self.text[self._line(line - 1) : line].lstrip().startswith("#"):
            line = self._line(line - 1)
        return line

    def _with_comments_below(self, place: int, *, deeper_than: int) -> int:
        """The last of the lines of comments under *place* that stand *deeper_than* a column."""
        while (start := self._line_after(place)) < len(self.text):
            said = self.text[start : self._line_after(start)].rstrip("\r\n")
            depth = len(said) - len(said.lstrip())
            if not said.lstrip().startswith("#") or depth <= deeper_than:
                break
            place = start
        return place

    def _scalar(self, node: yaml.ScalarNode, new: JsonValue) -> None:
        if node.style in _BLOCK_STYLES:
            self._block_text(node, new)
        elif not isinstance(new, str):
            self._put(node, json.dumps(new))
        elif "\n" in new and node.style != '"':
            raise Unplaceable
        else:
            self._put(node, self._spelled(node, new))

    def _spelled(self, node: yaml.ScalarNode, new: str) -> str:
        """In the quotes that were there, or without any where it may stand without."""
        if node.style == "'":
            return "'" + new.replace("'", "''") + "'"
        if node.style == '"' or any(char in new for char in ",[]{}"):
            return json.dumps(new, ensure_ascii=False)
        return canonical_yaml([new]).removeprefix("- ").removesuffix("\n").replace("\n ", "")

    def _block_text(self, node: yaml.ScalarNode, new: JsonValue) -> None:
        """A text over several lines, with the indentation it has."""
        if not isinstance(new, str) or new != new.lstrip() or new.endswith("\n\n") or not new:
            raise Unplaceable
        end = self._end(node)
        lines = self.text[_start(node) : end].splitlines()[1:]
        indent = next(
            (line[: len(line) - len(line.lstrip())] for line in lines if line.strip()), ""
        )
        if not indent:
            raise Unplaceable
        header = _HEADER.match(self.text, _start(node))
        if header is None:
            raise Unplaceable  # a tag or an anchor stands before it
        mark = "|" if new.endswith("\n") else "|-"
        body = (f"{indent}{line}" if line else "" for line in new.removesuffix("\n").split("\n"))
        self.edits.append(_Edit(_start(node), end, "\n".join([mark + header["comment"], *body])))

    def _put(self, node: yaml.Node, text: str) -> None:
        self.edits.append(_Edit(_start(node), _node_end(node), text))

    def _after(self, place: int, block: str) -> None:
        """*block* on lines of its own, behind the line of *place* with whatever follows there."""
        if self.text.find("\n", place) < 0:
            self.edits.append(
                _Edit(len(self.text), len(self.text), "\n" + block.removesuffix("\n"))
            )
            return
        start = self._line_after(place)
        self.edits.append(_Edit(start, start, block))

    def _end(self, node: yaml.Node) -> int:
        """Where what *node* says ends: a block's own mark stands behind the comments after it."""
        if isinstance(node, yaml.ScalarNode):
            end = _node_end(node)
            if node.style in _BLOCK_STYLES:
                return _start(node) + len(self.text[_start(node) : end].rstrip())
            return end
        if _is_flow(node):
            return _node_end(node)
        children = list(_children(node))
        return self._end(children[-1]) if children else _node_end(node)

    def _line(self, place: int) -> int:
        return self.text.rfind("\n", 0, place) + 1

    def _line_after(self, place: int) -> int:
        end = self.text.find("\n", place)
        return len(self.text) if end < 0 else end + 1


def _identity(item: JsonValue) -> str:
    """What an item of a list stays known by when it is changed: a step by its id."""
    known = item.get("id") if isinstance(item, dict) else None
    return json.dumps(item if known is None else {"id": known}, sort_keys=True)


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        yield from (value for _, value in _entries(node))
    elif isinstance(node, yaml.SequenceNode):
        yield from _items(node)


def _entries(node: yaml.MappingNode) -> Entries:
    return cast("Entries", node.value)


def _items(node: yaml.SequenceNode) -> list[yaml.Node]:
    return cast("list[yaml.Node]", node.value)


def _entry(node: yaml.MappingNode, name: str) -> tuple[yaml.ScalarNode, yaml.Node] | None:
    """The entry called *name*; parameters may have their other name."""
    names = PARAMETERS if name in PARAMETERS else (name,)
    return next((entry for entry in _entries(node) if entry[0].value in names), None)


def _is_flow(node: yaml.Node) -> bool:
    return bool(getattr(node, "flow_style", False))


def _start(node: yaml.Node) -> int:
    return cast("Any", node.start_mark).index


def _node_end(node: yaml.Node) -> int:
    return cast("Any", node.end_mark).index


def _column(node: yaml.Node) -> int:
    return cast("Any", node.start_mark).column


def _indented(block: str, column: int) -> str:
    return "".join(
        f"{' ' * column}{line}" if line.strip() else line
        for line in block.splitlines(keepends=True)
    )


def _flow(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False)
