"""Where a fix writes, and what of that keeps it from being written with nobody asked."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pydantic import JsonValue

from ..errors import InvalidFix, NotFound
from ..fixes import ACTIONS, ALIASES, Change, Difference, differences, parse_any
from ..pipeline.apply import is_as_left, touched_resources
from ..snapshot import Snapshot
from ..storage.changes import ChangeRecord
from ..storage.past_fixes import PastFix
from ..types import OutcomeState, Report, SuggestedFix
from .parts import Parts

ANOTHER_FIRST = "another fix comes first"
FIRST_FAILED = "the fix that came first has failed here before"
TAKEN_OUT = "a fix of this place was taken back or edited here before"
NOT_HELD = "a fix of this place did not hold here before"
#: From the root of a snapshot; a step by its id, which it keeps when others come before it.
Place: TypeAlias = tuple[str, ...]
Names: TypeAlias = tuple[tuple[str, str], ...]
_WRITTEN = frozenset({"definition", "resources"})


def places(before: Snapshot, after: Snapshot) -> frozenset[Place]:
    """Everything that *after* has otherwise than *before*."""
    data = before.model_dump(mode="json")
    written = (one for one in differences(before, after) if one.pointer[0] in _WRITTEN)
    return frozenset(_by_ids(one, data) for one in written)


def meet(some: Collection[Place], others: Collection[Place]) -> bool:
    """Whether any of *some* is one of *others*, is inside it, or has it inside."""
    return any(one[: len(two)] == two[: len(one)] for one in some for two in others)


def is_change(fix: SuggestedFix) -> bool:
    """Whether it has a diff, be it for reading only."""
    return fix.preview is not None and ALIASES.get(fix.type, fix.type) not in ACTIONS


class StandingPlaces:
    """The places of the fixes of one report, in the workflow as *base* has it."""

    def __init__(self, parts: Parts, report: Report, base: Snapshot) -> None:
        self._parts = parts
        self._report = report
        self._base = base

    def why_not(self, fix: SuggestedFix) -> Iterator[str]:
        """What of the places of *fix* leaves it to people."""
        wanted = self._places_of(fix)
        if fix.fix_id is None or wanted is None:
            return  # it can't be applied as things are, which is told elsewhere
        rivals = sum(self._is_rival(one, fix, wanted) for one in self._report.suggested_fixes)
        if rivals:
            yield f"{rivals + 1} fixes are possible for this place: a person chooses"
        names = self._parts.store.past_fixes.names_behind(self._base.workspace_id, fix.fix_id)
        if (why := self._since(wanted, names)) is not None:
            yield why

    def _is_rival(self, one: SuggestedFix, fix: SuggestedFix, wanted: frozenset[Place]) -> bool:
        if one is fix or not is_change(one):
            return False
        own = self._places_of(one)
        if own is not None:
            return meet(own, wanted)
        return one.fix_id is None and bool(_replaced(one.preview) & _replaced(fix.preview))

    def _places_of(self, fix: SuggestedFix) -> frozenset[Place] | None:
        """None for what is no change of the workflow as it is, or for reading only."""
        if fix.fix_id is None:
            return None
        try:
            stored = self._parts.store.analyses.fix(self._base.workspace_id, fix.fix_id)
            change = parse_any(stored.fix)
            if not isinstance(change, Change):
                return None
            return places(self._base, change.apply(self._base))
        except (InvalidFix, NotFound):
            return None

    def _since(self, wanted: frozenset[Place], names: Names | None) -> str | None:
        """Why an earlier fix of one of these places leaves it to people, if one does."""
        earlier = self._earlier(wanted)
        if not earlier:
            return None
        also = {name for one in earlier for _, name in one.resources}
        base = self._base
        now = self._parts.target.snapshot(base.workspace_id, base.workflow_id, also=also)
        found = (_why(place, earlier, now, names) for place in sorted(wanted))
        return next((why for why in found if why is not None), None)

    def _earlier(self, wanted: frozenset[Place]) -> Sequence["_Earlier"]:
        """What was applied to any of these places, by anybody, the newest first."""
        store, base = self._parts.store, self._base
        past = store.past_fixes.of(base.workspace_id, base.workflow_id)
        made = [store.changes.get(base.workspace_id, one.watch.change_id) for one in past]
        found = [
            _Earlier(one, change, places(change.before, change.after))
            for one, change in zip(past, made, strict=True)
        ]
        return [one for one in found if meet(one.places, wanted)]


@dataclass(frozen=True, slots=True)
class _Earlier:
    past: PastFix
    made: ChangeRecord
    places: frozenset[Place]

    @property
    def resources(self) -> Sequence[tuple[str, str]]:
        return touched_resources(self.made.before, self.made.after)

    def why(self, found: Snapshot, since: int | None, names: Names | None) -> str | None:
        """What became of it; None where it stands, and is in *found* as it was left.

        since: the version in which a later fix, that was made of *found*, has built on it.
        """
        if not self.past.is_applied or self._is_edited(since):
            return TAKEN_OUT
        if not is_as_left(self.made.before, self.made.after, found):
            return TAKEN_OUT
        regressed = self.past.watch.state is OutcomeState.REGRESSED
        return NOT_HELD if regressed and not self.past.held_for_others(names) else None

    def _is_edited(self, since: int | None) -> bool:
        """Whether somebody has edited it, and not only a later fix."""
        edit = self.past.watch.edit
        if edit is None:
            return False
        return since is None or edit.version is None or edit.version < since


def _why(
    place: Place, earlier: Sequence[_Earlier], now: Snapshot, names: Names | None
) -> str | None:
    """Of one place: the newest stands there as it was left, each before it as the next found it."""
    found, since = now, None
    for one in earlier:
        if not meet(one.places, {place}):
            continue
        if (why := one.why(found, since, names)) is not None:
            return why
        found, since = one.made.before, one.past.watch.version
    return None


def _by_ids(one: Difference, data: JsonValue) -> Place:
    """Its pointer, with the ids of list members that have one in the place of their numbers."""
    found: list[str] = []
    for part in one.pointer:
        data = _member(data, part)
        found.append(_id(data) or part)
    return (*found[:-1], _id(one.new) or found[-1]) if one.is_step else tuple(found)


def _member(data: JsonValue, part: str) -> JsonValue:
    if isinstance(data, dict):
        return data.get(part)
    if isinstance(data, list) and part.isdecimal() and int(part) < len(data):
        return data[int(part)]
    return None


def _id(data: JsonValue) -> str | None:
    own = data.get("id") if isinstance(data, dict) else None
    return own if isinstance(own, str) else None


def _replaced(diff: str | None) -> frozenset[str]:
    """The lines that it takes out: of a fix for reading only there is no more."""
    lines = (diff or "").splitlines()
    return frozenset(line for line in lines if line.startswith("-") and line[:4] != "--- ")
