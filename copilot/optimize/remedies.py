"""How a suggestion is carried out: the first of its fixes that exists and fits the definition."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from ..errors import InvalidFix, UnknownName
from ..fixes import Change, parse
from ..snapshot import Snapshot
from .draft import Draft

#: Gives the snapshot as a fix makes it; raises InvalidFix where it may not be offered.
Checked: TypeAlias = Callable[[Change, Snapshot], Snapshot]


@dataclass(frozen=True, slots=True)
class Remedy:
    """A fix and what it makes of the definition."""

    fix: Change
    changed: Snapshot


def remedy_for(draft: Draft, base: Snapshot, check: Checked) -> Remedy | None:
    """None where it has to be done by hand: no such type, no effect here, or out of its reach."""
    for data in draft.fixes:
        try:
            fix = parse(data)
            return Remedy(fix, check(fix, base))
        except (InvalidFix, UnknownName):
            continue
    return None
