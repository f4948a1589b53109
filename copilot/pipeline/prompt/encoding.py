r"""Outside text as one line of JSON that can't be mistaken for anything of ours, and back.

What could open a tag, a fence, a heading, a link, an image, a rule or the turn of a speaker is
written as `\u` escapes, as is every character that prints nothing or breaks a line. Nothing is lost:
any reader of JSON gives the text back. This is the only module that puts revealed text into another.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

#: Who is said to speak, as chat formats mark it: 'system:', 'Human :'.
ROLES = ("system", "assistant", "human", "user", "developer", "model", "tool", "function")
#: Signs of tags, fences, headings and their look-alikes of other scripts.
SIGNS = "<>&|`#~＜＞｜＆＃｀～﹤﹥〈〉‹›«»⟨⟩《》"  # noqa: RUF001 look-alikes are what is meant

_SPECIAL = re.compile(
    rf"(?i:{'|'.join(ROLES)})(?=[ \t]*[:\uff1a\ufe55])"
    r"|\[(?=/?(?i:INST|SYS|SYSTEM|TOOL|AVAILABLE|USER|ASSISTANT))|!(?=\[)|\](?=[(\[:])"
    r"|([-=_*])\1\1+"
    rf'|["\\{re.escape(SIGNS)}]|[^\x20-\x7e]'
)
_SHORT: Mapping[str, str] = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
#: Of a run such as '-----' every third sign is escaped, so that no three stand together.
_EVERY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one line of data says, before it is written. section and source are words of ours."""

    section: str
    source: str
    path: str
    text: str
    hidden: int = 0
    dropped_bytes: int = 0


def encode(text: str) -> str:
    """*text* as a JSON string, quotes and all. Takes any string, in linear time."""
    return f'"{_SPECIAL.sub(_escaped, text)}"'


def _escaped(found: re.Match[str]) -> str:
    text = found.group()
    if text in _SHORT:
        return _SHORT[text]
    if found.group(1):
        return "".join(
            _code(sign) if place % _EVERY == _EVERY - 1 else sign for place, sign in enumerate(text)
        )
    if len(text) == 1 and text not in SIGNS and not text.isascii() and text.isprintable():
        return text
    return _code(text[0]) + text[1:]


def _code(char: str) -> str:
    number = ord(char)
    if number <= 0xFFFF:
        return f"\\u{number:04x}"
    number -= 0x10000
    return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"


def body(line: Line) -> str:
    """One line of data without its mark."""
    path = f',"path":{encode(line.path)}' if line.path else ""
    hidden = f',"hidden":{line.hidden}' if line.hidden else ""
    dropped = f',"dropped_bytes":{line.dropped_bytes}' if line.dropped_bytes else ""
    return (
        f'{{"section":{encode(line.section)},"src":{encode(line.source)}'
        f'{path}{hidden}{dropped},"text":{encode(line.text)}}}'
    )


def head(facts: Mapping[str, JsonValue]) -> str:
    """The header without its mark: facts of ours, keys in order."""
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def framed(header: str, bodies: list[str], *, boundary: str, canary: str) -> str:
    """The whole message: a header line, a line each for *bodies*, an end line."""
    marked = [f"<d:{boundary} {number}>{one}" for number, one in enumerate(bodies)]
    return "\n".join([f"<h:{boundary} {canary}>{header}", *marked, f"<e:{boundary}>"])


def decode(message: str) -> list[dict[str, JsonValue]]:
    """The data lines of a message that `framed` wrote. Raises ValueError for any other text."""
    first, *lines, last = message.split("\n")
    opened = re.match(r"<h:(\w+) \w+>", first)
    if opened is None or last != f"<e:{opened[1]}>":
        raise ValueError("no header, or no end")
    found: list[dict[str, JsonValue]] = []
    for number, line in enumerate(lines):
        mark = f"<d:{opened[1]} {number}>"
        if not line.startswith(mark):
            raise ValueError(f"line {number + 1} does not begin with {mark}")
        found.append(json.loads(line.removeprefix(mark)))
    return found
