"""Which existing names somebody may have meant by one that does not exist."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import cast

MOST_COMPARED = 300
LONGEST_NAME = 60
MOST_CANDIDATES = 3
#: From this closeness on a name may be a slip for another.
CLOSE = 0.6
_SURE = 0.8

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_]+")
_NUMBER = re.compile(r"[0-9]{1,9}")

_KIND_OF_CODE = {
    "template_not_found": "template",
    "field_not_found": "field",
    "variable_not_found": "variable",
}


@dataclass(frozen=True, slots=True)
class MissingName:
    """A name an error says is not there, and what is there instead.

    `kind` is 'template', 'field', 'variable' or what the engine calls the resource ('range',
    'sheet', 'file', …). `near` are the engine's own guesses, best first.
    """

    kind: str
    name: str
    available: tuple[str, ...] = ()
    near: tuple[str, ...] = ()


def missing_name(code: str | None, details: Mapping[str, object]) -> MissingName | None:
    """Read the facts beside an error; None when they name nothing that is missing."""
    name = details.get("name")
    kind = details.get("kind") or _KIND_OF_CODE.get(code or "")
    if not (isinstance(name, str) and name and isinstance(kind, str)):
        return None
    return MissingName(
        kind, name, available=_texts(details.get("available")), near=_texts(details.get("near"))
    )


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        return ()
    items = cast("list[object] | tuple[object, ...]", value)
    return tuple(item for item in items if isinstance(item, str) and item)


def close_names(missing: MissingName, available: Iterable[str]) -> tuple[str, ...]:
    """What was meant by a missing name: the engine's own guesses, then those of `candidates`.

    The names available beside a variable are its siblings: `emails` for `step1.emials`. They are
    compared and given back accordingly.
    """
    prefix = "".join(missing.name.rpartition(".")[:2]) if missing.kind == "variable" else ""
    guessed = candidates(missing.name.removeprefix(prefix), available)
    found = dict.fromkeys((*missing.near, *(f"{prefix}{name}" for name in guessed)))
    return tuple(found)[:MOST_CANDIDATES]


def candidates(
    name: str, available: Iterable[str], *, most: int = MOST_CANDIDATES
) -> tuple[str, ...]:
    """Names in *available* that *name* may have been meant to be, the likeliest first.

    Case, punctuation and the way words are joined make no difference; then shared words and
    typing slips count, then how near the numbers in them are, then the given order. At most 300
    names and 60 characters of each are looked at, so that no list makes this slow.
    """
    scored = [
        (-round(score, 3), _number_distance(name, other), position, other)
        for position, other in enumerate(_first_distinct(available))
        if (score := closeness(name, other)) >= CLOSE
    ]
    return tuple(other for _, _, _, other in sorted(scored)[:most])


def _first_distinct(available: Iterable[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for name in available:
        if len(found) == MOST_COMPARED:
            break
        found.setdefault(name)
    return tuple(found)


def closeness(name: str, other: str) -> float:
    """From 0 to 1; 1 when they differ in case, punctuation or the joining of words only."""
    name, other = name[:LONGEST_NAME], other[:LONGEST_NAME]
    one = words_of(name) or (name.casefold(),)
    two = words_of(other) or (other.casefold(),)
    if one == two:
        return 1.0
    folded, folded_other = " ".join(one), " ".join(two)
    slips = SequenceMatcher(None, folded, folded_other, autojunk=False).ratio()
    common = sum(min(one.count(word), two.count(word)) for word in set(one))
    shared = 2 * common / (len(one) + len(two)) if one and two else 0.0
    return min(max(slips, shared), 0.999)


def is_slip(name: str, other: str) -> bool:
    """Whether *other* is surely what was meant: a letter or two off, and the same numbers.

    'Outbound v2' is no slip for 'Outbound v3' (somebody counted on), nor 'boss email' for 'email'.
    """
    if _NUMBER.findall(name) != _NUMBER.findall(other):
        return False
    close = closeness(name, other)
    swapped = sorted(name.casefold()) == sorted(other.casefold())
    return close >= _SURE or (swapped and close >= CLOSE)


def words_of(name: str) -> tuple[str, ...]:
    """The words a name is made of, in lower case: 'maxCost-usd 2' has max, cost, usd and 2."""
    return tuple(word.casefold() for word in _WORD.findall(name))


def _number_distance(name: str, other: str) -> int:
    one = [int(digits) for digits in _NUMBER.findall(name[:LONGEST_NAME])]
    two = [int(digits) for digits in _NUMBER.findall(other[:LONGEST_NAME])]
    if len(one) != len(two):
        return 10**9
    return sum(abs(left - right) for left, right in zip(one, two, strict=True))
