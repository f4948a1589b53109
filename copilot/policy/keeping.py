"""Expressions whose matches stay unmasked in the key of a failure: checked before they are stored.

They run over texts from outside, so one that could take long on any text is refused: nothing in
it may repeat without an upper bound, and the ways in which it can match from one place are counted.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

MOST = 5
LONGEST = 500
#: Ways in which all repeats and alternatives of one expression can match from one place.
MOST_WAYS = 200
IN_WORDS = f"at most {MOST} regular expressions with blanks between (\\s stands for a blank)"

_SIGN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?[a-zA-Z]?<?[=!:]?|\{\d*,?\d*\}|.", re.S)
_BOUNDED = re.compile(r"\{(\d{1,4})(?:(,)(\d{0,4}))?\}")
_GROUPS = frozenset({"(?:", "(?P<"})
_BACKWARDS = re.compile(r"\\[1-9]")


def expressions(text: str) -> tuple[str, ...]:
    """Those that a setting names, each checked. Raises ValueError, which names the one and why."""
    found = tuple(text.split())
    if len(found) > MOST:
        raise ValueError(f"there are {len(found)}; write {IN_WORDS}")
    for one in found:
        _check(one)
    return found


@lru_cache(maxsize=256)
def kept(text: str) -> tuple[str, ...]:
    """`expressions` of a text that has been checked."""
    return expressions(text)


def _check(source: str) -> None:
    try:
        pattern = re.compile(source)
    except re.error as problem:
        raise ValueError(f"{source!r} is no regular expression: {problem}") from None
    if pattern.search("") is not None:
        raise ValueError(f"{source!r} matches an empty text; say what it must contain")
    ways = _ways(source)
    if ways > MOST_WAYS:
        advice = f"at most {MOST_WAYS} are allowed: lower the upper bounds"
        raise ValueError(f"{source!r} can match in {ways:,} ways from one place; {advice}")


def _ways(source: str) -> int:
    """How many there are, or more. Raises ValueError for what has no bound or looks around."""
    ways, before = 1, ""
    for sign in _signs(source):
        if sign in {"*", "+"}:
            raise ValueError(f"{source!r} repeats without a bound; write {{1,40}} for {sign!r}")
        if sign.startswith("(?") and sign not in _GROUPS:
            raise ValueError(f"{source!r} has {sign!r}, which is not allowed; use (?:…) or (…)")
        if _BACKWARDS.match(sign):
            raise ValueError(f"{source!r} refers back with {sign!r}, which is not allowed")
        repeats = _repeats(sign, source)
        if repeats is not None and before == ")" and sign != "?":
            raise ValueError(f"{source!r} repeats a group; spell it out")
        ways *= repeats or (2 if sign == "|" else 1)
        before = sign
    return ways


def _signs(source: str) -> Sequence[str]:
    return _SIGN.findall(source)


def _repeats(sign: str, source: str) -> int | None:
    """Between how many counts a repeat can choose; None for a sign that is none."""
    if sign == "?":
        return 2
    bounded = _BOUNDED.fullmatch(sign)
    if bounded is None:
        return None
    least, comma, most = bounded.groups()
    if comma and not most:
        raise ValueError(f"{source!r} repeats without an upper bound; write {{{least},40}}")
    return int(most) - int(least) + 1 if comma else 1
