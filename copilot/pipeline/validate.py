"""Whether a fix may be offered: it fits, keeps within its reach, and leaves a valid workflow."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from pydantic import JsonValue

from ..errors import InvalidFix
from ..fixes import ACTIONS, FIXES, Ceilings, Change, Difference, Fix, differences, parse, type_of
from ..registry import pick
from ..snapshot import Snapshot

Problems: TypeAlias = Callable[[Snapshot], Sequence[str]]
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class FixPolicy:
    """What a workspace has decided about fixes.

    refused: types it does not want offered at all. ceilings: how far the others may go.
    """

    refused: frozenset[str] = frozenset()
    ceilings: Ceilings = field(default_factory=Ceilings)

    def __post_init__(self) -> None:
        for name in self.refused:
            pick({**FIXES, **ACTIONS}, name, kind="fix type")

    @property
    def as_data(self) -> list[JsonValue]:
        """Equal when it allows the same."""
        return [*sorted(self.refused), self.ceilings.as_data]


ANY_FIX = FixPolicy()


def allow(fix: Fix, policy: FixPolicy) -> None:
    """Raises `InvalidFix` for a type that the workspace does not want."""
    name = type_of(fix)
    if name in policy.refused:
        raise InvalidFix(name, "this workspace does not want fixes of this type.")


def validate(
    fix: Change, snapshot: Snapshot, *, problems: Problems, policy: FixPolicy = ANY_FIX
) -> Snapshot:
    """The snapshot as *fix* would make it.

    Trusts no layer before it: the fields are checked again, the type's `apply` works on a copy,
    and what it did is compared from outside with what its type may do. A definition may keep the
    problems it has; it may not get new ones. Raises `InvalidFix` with the reason.
    """
    name = type_of(fix)
    checked = parse(fix.model_dump(mode="json", warnings="none"))
    allow(fix, policy)
    changed = checked.apply(snapshot.model_copy(deep=True))
    if not differences(snapshot, changed):
        raise InvalidFix(name, "it would change nothing.")
    if beyond := checked.reach.beyond(snapshot, changed):
        raise InvalidFix(name, f"it would {_named(beyond)}, which this type may not do.")
    if too_far := next(policy.ceilings.broken(snapshot, changed), None):
        raise InvalidFix(name, f"{too_far}.")
    found = problems(changed)
    known = set(problems(snapshot)) if found else set[str]()
    new = [problem for problem in found if problem not in known]
    if new:
        raise InvalidFix(name, f"the workflow would not be valid any more: {'; '.join(new[:3])}")
    return changed


def _named(found: Sequence[Difference]) -> str:
    shown = ", ".join(str(difference) for difference in found[:_MOST_NAMED])
    rest = len(found) - _MOST_NAMED
    return f"{shown} and {rest} more" if rest > 0 else shown
