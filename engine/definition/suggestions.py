"""Likely meant names, for messages about names that do not exist."""

import difflib
from collections.abc import Iterable

MOST_CANDIDATES = 500
LONGEST_NAME = 100


def near(name: str, candidates: Iterable[str], *, most: int = 3) -> list[str]:
    """Up to *most* candidates that look like *name*, best first; capitals make no difference.

    Only the first 500 candidates and 100 characters count, so that no name makes this slow.
    """
    by_folded: dict[str, str] = {}
    for candidate in candidates:
        if len(by_folded) == MOST_CANDIDATES:
            break
        by_folded.setdefault(candidate[:LONGEST_NAME].casefold(), candidate)
    found = difflib.get_close_matches(name[:LONGEST_NAME].casefold(), by_folded, n=most, cutoff=0.6)
    return [by_folded[folded] for folded in found]


def did_you_mean(names: Iterable[str]) -> str:
    """'' for no names, else ' Did you mean a or b?' to put behind a sentence."""
    listed = list(names)
    if not listed:
        return ""
    *others, last = listed
    return f" Did you mean {', '.join(others) + ' or ' if others else ''}{last}?"
