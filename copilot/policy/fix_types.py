"""Lists of fix types as a setting has them: names with commas between."""

from functools import lru_cache

from ..fixes import ACTIONS, ALIASES, FIXES
from ..names import candidates

IN_WORDS = "names of fix types with commas between, in at most 1000 characters"


@lru_cache(maxsize=256)
def listed(text: str) -> frozenset[str]:
    """The types that *text* names, an older name as the type it stands for.

    Raises ValueError, which tells the name that is none and what may be meant.
    """
    return frozenset(_known(part.strip(" ")) for part in text.split(",")) if text else frozenset()


def _known(name: str) -> str:
    found = ALIASES.get(name, name)
    if found in FIXES or found in ACTIONS:
        return found
    types = (*FIXES, *ACTIONS)
    near = ", ".join(candidates(name, types) or sorted(types))
    raise ValueError(f"{name[:60]!r} is no fix type; there is {near}")
