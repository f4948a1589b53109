"""Many expressions looked for in one pass of RE2, in time linear in the text.

The rules themselves are precise and slow; most text holds nothing for them. So automata made of all
their markers look at everything, and a rule looks at the lines in which its marker is.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import Any, Protocol, cast

from ..characters import SURROGATE

_MEMORY = 128 << 20
#: Characters that are asked about at once where something has been found.
PIECES = (16_000, 2_000)


class Found(Protocol):
    def start(self) -> int: ...
    def end(self) -> int: ...
    def span(self) -> tuple[int, int]: ...
    def group(self) -> str: ...


class Gate(Protocol):
    """One automaton that finds any of its expressions."""

    def search(self, text: str) -> Found | None: ...
    def finditer(self, text: str) -> Iterator[Found]: ...


class Sorter(Protocol):
    """One automaton that tells which of its expressions are in a text, by their index."""

    def Match(self, text: str) -> Sequence[int]: ...  # noqa: N802 - RE2's own name


@cache
def _re2() -> Any:
    """RE2, which takes a while to load and has no types."""
    return import_module("re2")


def compiled(patterns: Iterable[str]) -> Gate:
    """A gate for *patterns*, in RE2's syntax."""
    return cast("Gate", _re2().compile("|".join(patterns), _options()))


def sorter(patterns: Iterable[str]) -> Sorter:
    """A sorter of *patterns*, in RE2's syntax."""
    made = _re2().Set.SearchSet(_options())
    for pattern in patterns:
        made.Add(pattern)
    made.Compile()
    return cast("Sorter", made)


def _options() -> Any:
    options = _re2().Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    options.never_capture = True
    return options


def encodable(text: str) -> str:
    """*text* as RE2 can read it, character by character: half a character becomes U+FFFD."""
    return text if text.isascii() else SURROGATE.sub("\ufffd", text)


def lines_where(gate: Gate, text: str) -> Iterator[tuple[int, int]]:
    """The lines near which *gate* finds something, in order.

    Asked about smaller and smaller pieces: where RE2 has found something it goes
    back to see where that began, which takes longer than to look at a piece again.
    """
    for start, end in _pieces(text, 0, len(text), PIECES[0]):
        if gate.search(text[start:end]) is not None:
            for first, last in _pieces(text, start, end, PIECES[1]):
                if gate.search(text[first:last]) is not None:
                    yield from _pieces(text, first, last, 0)


def _pieces(text: str, start: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    """Whole lines from *start* to *end*, together as few characters over *size* as they can be."""
    while start < end:
        piece_end = _line_end(text, start + size)
        yield start, piece_end
        start = piece_end


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end + 1
