"""Where secrets and personal data are in a text: each rule reads the lines that have its marker."""

from collections.abc import Iterator, Sequence
from functools import cache

from . import assignments, people, structure, tokens
from .automata import Gate, Sorter, compiled, encodable, lines_where, sorter
from .spans import Finder, Span

#: Up to this length a text is given to its rules as a whole, longer ones line by line.
SHORT = 2_000

_BLOCKS = Finder(structure.BLOCK_MARKER, structure.blocks)


class Scanner:
    """Some finders behind automata made of their markers."""

    def __init__(self, finders: Sequence[Finder]) -> None:
        self._finders = finders
        self._sorter: Sorter = sorter(finder.marker for finder in finders)
        self._gate: Gate = compiled(dict.fromkeys(finder.marker for finder in finders))

    def find(self, text: str) -> list[Span]:
        text = encodable(text)
        if len(text) <= SHORT:
            return list(self._in(text))
        return list(self._in_long(text))

    def _in(self, text: str) -> Iterator[Span]:
        for index in self._sorter.Match(text) or ():
            yield from self._finders[index].find(text)

    def _in_long(self, text: str) -> Iterator[Span]:
        if self._gate.search(text) is None:
            return
        # the blocks of private keys go over many lines; everything else stands in one
        if "PRIVATE" in text or "PuTTY" in text:
            yield from structure.blocks(text)
        for start, end in lines_where(self._gate, text):
            for span in self._in(text[start:end]):
                yield span._replace(start=span.start + start, end=span.end + start)


@cache
def secrets() -> Scanner:
    """For everything that opens something, as the text alone tells."""
    return Scanner(_secret_finders())


@cache
def everything(*, phones: bool, addresses: bool) -> Scanner:
    """For secrets and personal data."""
    more = (*([people.PHONE] if phones else []), *([people.ADDRESS] if addresses else []))
    return Scanner((*_secret_finders(), *people.FINDERS, *more))


def _secret_finders() -> tuple[Finder, ...]:
    return (*tokens.finders(), _BLOCKS, *structure.FINDERS, *assignments.FINDERS)
