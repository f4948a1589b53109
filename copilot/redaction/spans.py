"""A stretch of text that goes, and how stretches that overlap become one."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

KNOWN, TOKEN, LOOSE_TOKEN, STRUCTURE, PERSON = range(5)


class Span(NamedTuple):
    """From *start* to before *end*. rank: which finding names the kind where several overlap."""

    start: int
    end: int
    kind: str
    rank: int


@dataclass(frozen=True, slots=True)
class Finder:
    """Some rules and where they could find something.

    marker: an expression of RE2 that matches in every line in which *find* finds anything.
    """

    marker: str
    find: Callable[[str], Iterator[Span]]


def merged(spans: Iterable[Span], kept: Iterable[tuple[int, int]] = ()) -> list[Span]:
    """In order and apart. What touches a stretch in *kept* ends before it or begins after it.

    Overlapping secrets become one under the name of the surest; a person's data that overlaps a
    secret is no finding of its own.
    """
    found = sorted(spans)
    secrets = _united(span for span in found if span.rank != PERSON)
    people = _united(span for span in found if span.rank == PERSON)
    if secrets and people:
        people = _apart(people, secrets)
    result = sorted(secrets + people)
    kept = list(kept)
    return _cut(result, kept) if kept else result


def _united(spans: Iterable[Span]) -> list[Span]:
    united: list[Span] = []
    for span in spans:
        if united and span.start < united[-1].end:
            last = united[-1]
            surest = span if span.rank < last.rank else last
            united[-1] = Span(last.start, max(last.end, span.end), surest.kind, surest.rank)
        else:
            united.append(span)
    return united


def _apart(spans: list[Span], others: list[Span]) -> list[Span]:
    """Those of *spans* that overlap none of *others*; both in order and united."""
    free: list[Span] = []
    index = 0
    for span in spans:
        while index < len(others) and others[index].end <= span.start:
            index += 1
        if index == len(others) or others[index].start >= span.end:
            free.append(span)
    return free


def _cut(spans: list[Span], kept: list[tuple[int, int]]) -> list[Span]:
    """The spans without what is kept; a kept stretch that lies inside a span goes with it."""
    left: list[Span] = []
    index = 0
    for span in spans:
        while index < len(kept) and kept[index][1] <= span.start:
            index += 1
        start, end = span.start, span.end
        if index < len(kept) and kept[index][0] <= start:
            start = kept[index][1]
        last = index
        while last < len(kept) and kept[last][1] < end:
            last += 1
        if last < len(kept) and kept[last][0] < end:
            end = kept[last][0]
        if start < end:
            left.append(span._replace(start=start, end=end))
    return left


def blanked(text: str, kept: Sequence[tuple[int, int]]) -> str:
    """*text*, character by character, in which no placeholder reads like a secret's name."""
    pieces: list[str] = []
    position = 0
    for start, end in kept:
        pieces += (text[position:start], "[[", "_" * (end - start - 4), "]]")
        position = end
    return "".join(pieces) + text[position:]


def written(text: str, spans: Sequence[Span], write: Callable[[Span, str], str]) -> str:
    """*text* with what *write* says in the place of each of *spans*."""
    pieces: list[str] = []
    position = 0
    for span in spans:
        pieces += (text[position : span.start], write(span, text[span.start : span.end]))
        position = span.end
    return "".join(pieces) + text[position:]
