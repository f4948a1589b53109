"""Secrets that are whole for a reader and broken for a program, by what nobody sees between.

A zero-width space in a key, or a terminal's colour around half of it, hides it from every rule
about its form, and who copies what is shown has the key.
"""

import re
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate

from ..characters import HIDDEN, SEQUENCE
from .spans import Span

Find = Callable[[str], list[Span]]

#: These print nothing either, and still part what stands on both sides of them.
_LINE_ENDS = "\r\x0b\x0c\x85\u2028\u2029"
_UNSEEN = re.compile(f"{SEQUENCE.pattern}|(?![{_LINE_ENDS}]){HIDDEN.pattern}")
_CONTROLS = bytes({*range(0x20), 0x7F} - set(b"\t\n\r\x0b\x0c"))


def find_seen(text: str, find: Find) -> list[Span]:
    """What *find* finds in *text* as it stands, and in *text* as a reader sees it."""
    found = find(text)
    gone = [hidden.span() for hidden in _UNSEEN.finditer(text)] if _may_hide(text) else []
    return found + _without(text, gone, find) if gone else found


def _may_hide(text: str) -> bool:
    if not text.isascii():
        return True
    data = text.encode("ascii")
    return len(data.translate(None, _CONTROLS)) != len(data)


def _without(text: str, gone: list[tuple[int, int]], find: Find) -> list[Span]:
    """What *find* finds when the stretches *gone* are not there, by its place in *text*."""
    begins = [0, *(end for _, end in gone)]
    ends = [*(start for start, _ in gone), len(text)]
    pieces = [text[begin:end] for begin, end in zip(begins, ends, strict=True)]
    offsets = [0, *accumulate(map(len, pieces))]

    def place(position: int) -> int:
        piece = bisect_right(offsets, position, hi=len(pieces)) - 1
        return begins[piece] + position - offsets[piece]

    return [
        span._replace(start=place(span.start), end=place(span.end - 1) + 1)
        for span in find("".join(pieces))
    ]
