"""What models are told, one Markdown file each, with its version and its slots in front.

A prompt is known by `name@version`, and that name means one text for ever: `digests.yaml` has the
SHA-256 of each, and a test fails when a text changes and its version does not.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar, Literal, TypeAlias, cast

import yaml

__all__ = ["InvalidPrompt", "PromptText", "digests", "load", "parse"]

#: `line`: a sentence or two of ours, on one line. `block`: any text of ours.
SlotKind: TypeAlias = Literal["line", "block"]

LONGEST_LINE = 1000
_KINDS = frozenset({"line", "block"})
_FRONT = re.compile(r"\A---\n(.*?\n)---\n(.*)\Z", re.DOTALL)
_SLOT = re.compile(r"\{\{(\w+)\}\}")


class InvalidPrompt(Exception):
    """A prompt can't be used, or is filled with what its slots don't take; says which and why."""

    code: ClassVar[str] = "invalid_prompt"
    retryable: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class PromptText:
    """One prompt. Its slots are for text that this program wrote, never for text from outside."""

    name: str
    version: int
    slots: Mapping[str, SlotKind]
    text: str

    @property
    def ref(self) -> str:
        """'analysis@1': what is stored beside an answer."""
        return f"{self.name}@{self.version}"

    def fill(self, **values: str) -> str:
        """The text with every slot filled, in one pass: what is filled in is not looked at again.

        Raises InvalidPrompt for a slot that is missing or unknown, and for a `line` that is longer
        than LONGEST_LINE, breaks, or has a character nobody can see.
        """
        if set(values) != set(self.slots):
            wanted = ", ".join(sorted(self.slots)) or "nothing"
            raise InvalidPrompt(f"{self.ref} is filled with {wanted}, not {sorted(values)}")
        for slot, value in values.items():
            if self.slots[slot] == "line" and not _is_line(value):
                raise InvalidPrompt(f"{self.ref}: {slot} takes one short line")
        return _SLOT.sub(lambda found: values[found[1]], self.text)


def _is_line(value: str) -> bool:
    return 0 < len(value) <= LONGEST_LINE and value.isprintable()


@cache
def load(name: str) -> PromptText:
    """The prompt in `NAME.md`. Raises InvalidPrompt."""
    try:
        source = (files(__name__) / f"{name}.md").read_text(encoding="utf-8")
    except OSError as problem:
        raise InvalidPrompt(f"there is no prompt {name!r}") from problem
    return parse(name, source)


@cache
def digests() -> Mapping[str, str]:
    """SHA-256 of every text there has been, by `name@version`, as it is sent."""
    text = (files(__name__) / "digests.yaml").read_text(encoding="utf-8")
    return cast("dict[str, str]", yaml.safe_load(text))


def parse(name: str, source: str) -> PromptText:
    """A prompt from its file. Raises InvalidPrompt for anything that does not fit together."""
    found = _FRONT.match(source)
    if found is None:
        raise InvalidPrompt(f"{name}: it does not begin with front matter between lines of ---")
    front = _front(name, found[1])
    slots = cast("Mapping[str, SlotKind]", front["slots"])
    text = found[2].strip() + "\n"
    used = set(_SLOT.findall(text))
    if used != set(slots):
        raise InvalidPrompt(f"{name}: slots {sorted(slots)}, but the text uses {sorted(used)}")
    return PromptText(name, front["version"], slots, text)


def _front(name: str, source: str) -> dict[str, Any]:
    try:
        loaded: Any = yaml.safe_load(source)
    except yaml.YAMLError as problem:
        raise InvalidPrompt(f"{name}: the front matter is not YAML: {problem}") from problem
    if not isinstance(loaded, dict):
        raise InvalidPrompt(f"{name}: the front matter is not a mapping")
    front = cast("dict[str, Any]", loaded)
    if set(front) != {"name", "version", "slots"} or front["name"] != name:
        raise InvalidPrompt(f"{name}: the front matter has name (the file's), version and slots")
    version, slots = front["version"], front["slots"]
    if type(version) is not int or version < 1:
        raise InvalidPrompt(f"{name}: the version is a number from 1")
    if not isinstance(slots, dict) or not set(cast("dict[str, Any]", slots).values()) <= _KINDS:
        raise InvalidPrompt(f"{name}: each of the slots is a 'line' or a 'block'")
    return front
