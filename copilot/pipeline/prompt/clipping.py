"""A text cut to a length, its beginning and its end kept, and how much is missing said."""

import re
from dataclasses import dataclass

#: What stands where something was cut out.
CUT = "\n[...cut...]\n"
_HEAD_PERCENT = 60
_PLACEHOLDER = re.compile(r"\[\[[\w.-]{1,64}:\d{1,9}\]\]")


@dataclass(frozen=True, slots=True)
class Clipped:
    text: str
    dropped_bytes: int = 0


def clip(text: str, most: int) -> Clipped:
    """*text* in at most *most* bytes of UTF-8 and the mark CUT: 60 % its head, 40 % its tail.

    No character is cut in two, and no placeholder such as `[[email:1]]`; with 0 nothing is left.
    """
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= most:
        return Clipped(text)
    if most <= 0:
        return Clipped("", len(data))
    head = _forwards(data, most * _HEAD_PERCENT // 100)
    tail = _backwards(data, len(data) - (most - most * _HEAD_PERCENT // 100))
    head, tail = _whole_placeholders(data, head, tail)
    kept = (data[:head], data[tail:])
    begin, end = (part.decode("utf-8", "surrogatepass") for part in kept)
    return Clipped("".join((begin, CUT, end)), tail - head)


def _forwards(data: bytes, place: int) -> int:
    """*place*, or the beginning of the character it is inside of."""
    while place > 0 and data[place] & 0xC0 == 0x80:
        place -= 1
    return place


def _backwards(data: bytes, place: int) -> int:
    """*place*, or the beginning of the next character."""
    while place < len(data) and data[place] & 0xC0 == 0x80:
        place += 1
    return place


#: Longer than any placeholder.
_REACH = 100


def _whole_placeholders(data: bytes, head: int, tail: int) -> tuple[int, int]:
    for start, end in _placeholders(data, head):
        head = start if start < head < end else head
    for start, end in _placeholders(data, tail):
        tail = end if start < tail < end else tail
    return head, tail


def _placeholders(data: bytes, place: int) -> list[tuple[int, int]]:
    """Where placeholders near *place* begin and end."""
    begin = max(0, place - _REACH)
    near = data[begin : place + _REACH].decode("latin-1")
    return [(begin + found.start(), begin + found.end()) for found in _PLACEHOLDER.finditer(near)]
