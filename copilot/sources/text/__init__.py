"""Failures in text that was pasted as it is: one file a format, found by what it says.

A format is a public module here, with `TITLE`, `recognise` and `read` (`TextFormat`), and with its
samples beside it in `samples/<format>.yaml`. A text may hold another: the step of a build prints
the output of its tests. So the output of what failed is read again, by the other formats. And texts
of several programs may stand one after the other: a format that says where its failures stand
(`Found.lines`) leaves the rest of the text to others.
"""

import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from types import MappingProxyType
from typing import cast

from ...registry import discover
from ._bounds import LARGEST, Pasted, fetch, pasted, unstamped
from ._found import Found, TextFormat, Unit

__all__ = [
    "FORMATS",
    "LARGEST",
    "Counted",
    "Found",
    "Pasted",
    "Reading",
    "TextFormat",
    "Unit",
    "failures_in",
    "fetch",
    "pasted",
]

FORMATS: Mapping[str, TextFormat] = MappingProxyType(
    cast("dict[str, TextFormat]", dict(discover(sys.modules[__name__])))
)
#: Formats inside formats: a build's step, its tests, a traceback.
_DEEPEST = 3
#: Kinds of failure that are told; identical ones are one kind.
MOST_FAILURES = 100


@dataclass(frozen=True, slots=True)
class Counted:
    """A failure and how often it stands in the text."""

    failure: Found
    times: int = 1


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text says has failed.

    formats: those its failures are written in, in the order of their place; empty without any.
    failures: the first one first, at most MOST_FAILURES. more: kinds of failure beyond those.
    """

    formats: tuple[str, ...] = ()
    failures: tuple[Counted, ...] = ()
    more: int = 0


def failures_in(text: str) -> Reading:
    """The formats of *text* and the failures in it.

    Identical failures of one unit are one, counted. What says nothing, such as an exit code, is
    left out where another failure says more.
    """
    formats, found = _read(text, except_for=frozenset(), depth=0)
    said = [one for one in found if not one.weak] or found
    first: dict[tuple[str | None, str | None, str], Found] = {}
    times = Counter[tuple[str | None, str | None, str]]()
    for one in said:
        key = (one.step, one.error_type, one.message)
        first.setdefault(key, one)
        times[key] += 1
    kinds = [Counted(one, times[key]) for key, one in islice(first.items(), MOST_FAILURES)]
    return Reading(formats, tuple(kinds), max(0, len(first) - MOST_FAILURES))


def _read(
    text: str, *, except_for: frozenset[str], depth: int
) -> tuple[tuple[str, ...], list[Found]]:
    """Failures of the surest format, and of the others that have a part of the text to themselves."""
    bare = unstamped(text)
    read: dict[str, list[Found]] = {}
    taken: list[range] = []
    for name in _likely(bare, except_for):
        if read and name == "plain":
            break
        told = FORMATS[name].read(text) or (FORMATS[name].read(bare) if bare != text else [])
        found = [inner for one in told for inner in _with_inside(one, except_for | {name}, depth)]
        places = [one.lines for one in found if one.lines is not None]
        if len(places) < len(found):
            if not read:
                return (name,), found
            continue
        own = _apart(found, taken)
        if own:
            read[name] = own
            taken = sorted([*taken, *places], key=lambda place: place.start)
    if len(read) < 2:
        return tuple(read), [one for found in read.values() for one in found]
    names = sorted(read, key=lambda name: min(map(_start, read[name])))
    return tuple(names), sorted((one for name in names for one in read[name]), key=_start)


def _start(found: Found) -> int:
    return found.lines.start if found.lines is not None else 0


def _apart(found: Sequence[Found], taken: Sequence[range]) -> list[Found]:
    """Those of *found* that share no line with what surer formats have taken, sorted by start."""
    ends = list(accumulate((place.stop for place in taken), max))
    starts = [place.start for place in taken]
    own: list[Found] = []
    for one in found:
        if one.lines is None:
            continue
        before = bisect_left(starts, one.lines.stop)  # those that begin before it ends
        if before == 0 or ends[before - 1] <= one.lines.start:
            own.append(one)
    return own


def _likely(bare: str, except_for: frozenset[str]) -> Iterator[str]:
    """Names of the formats that know a text without the times of its log; the surest first."""
    scores = {name: one.recognise(bare) for name, one in FORMATS.items() if name not in except_for}
    yield from sorted((name for name, score in scores.items() if score), key=lambda n: -scores[n])


def _with_inside(found: Found, except_for: frozenset[str], depth: int) -> Sequence[Found]:
    """*found* in the words of what its unit printed, where those say more."""
    if found.inside is None or depth >= _DEEPEST:
        return [found]
    formats, inner = _read(found.inside, except_for=except_for, depth=depth + 1)
    if not inner or (formats == ("plain",) and not found.weak):
        return [found]
    return [
        replace(
            one,
            lines=None,
            unit=one.unit or found.unit,
            step=" > ".join(filter(None, (found.step, one.step))) or None,
        )
        for one in inner
    ]
