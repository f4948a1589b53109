"""What a prompt is made of before anybody looks into it: pieces of outside text, in sections."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias, cast

from pydantic import JsonValue

from ...untrusted import Untrusted

Section: TypeAlias = Literal[
    "execution_data", "agent_configuration", "workspace_context", "findings", "knowledge", "history"
]
#: In the order in which they are told, with their part of the room.
SECTIONS: Mapping[Section, int] = MappingProxyType(
    {
        "execution_data": 45,
        "agent_configuration": 20,
        "workspace_context": 12,
        "findings": 12,
        "knowledge": 4,
        "history": 7,
    }
)

_MOST_NESTED = 24
_MOST_LEAVES = 400
_PLAIN = frozenset({"true", "false", "null"})


@dataclass(frozen=True, slots=True)
class Piece:
    """One thing to tell. weight: its part of its section's room, and how late it is left out."""

    section: Section
    text: Untrusted
    weight: int = 1


def piece(
    section: Section, source: str, text: str | None, *, path: str = "", weight: int = 1
) -> Iterator[Piece]:
    """A piece, or none where there is no text. source: a word of ours, never one from outside."""
    if text:
        yield Piece(section, Untrusted(text, source=source, path=path), weight)


def plain(value: JsonValue, *, at: str = "") -> str:
    """Data with a line for each value, after its pointer: `/to/0: ann@example.com`.

    Texts stand as they are, so that what is secret in them is found; only one that reads like
    another kind of value is put in quotes. at: the pointer to *value* itself.
    """
    lines: list[str] = []
    for pointer, leaf in _leaves(value, at, _MOST_NESTED):
        if len(lines) == _MOST_LEAVES:
            lines.append("...")
            break
        lines.append(f"{pointer}: {scalar(leaf)}" if pointer else scalar(leaf))
    return "\n".join(lines)


def listed(known: Mapping[str, JsonValue]) -> str | None:
    """`plain` of what there is in *known*, None when there is nothing."""
    there: dict[str, JsonValue] = {name: value for name, value in known.items() if value}
    return plain(there) if there else None


def scalar(value: JsonValue) -> str:
    """One value as text: a text as it is, unless it reads like a number, true, false or null."""
    if isinstance(value, str):
        return f'"{value}"' if value in _PLAIN or _is_number(value) else value
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _is_number(text: str) -> bool:
    return text[:40].strip().lstrip("-").replace(".", "", 1).isdigit()


def _leaves(value: JsonValue, pointer: str, depth: int) -> Iterator[tuple[str, JsonValue]]:
    if not isinstance(value, dict | list) or not value:
        yield pointer, "(empty)" if isinstance(value, dict | list) else value
        return
    if depth == 0:
        yield pointer, "..."
        return
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in cast("Iterator[tuple[str | int, JsonValue]]", items):
        name = str(key).replace("~", "~0").replace("/", "~1")
        yield from _leaves(item, f"{pointer}/{name}", depth - 1)
