"""A diff side by side, for pages: per part that differs, old and new lines next to each other."""

from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import islice, zip_longest

from pydantic import JsonValue

from ..characters import escape_hidden
from ..snapshot import Snapshot, canonical_yaml
from ..types import Side, SideLine

#: Equal lines around each change.
AROUND = 3
MOST_PARTS = 20
MOST_LINES = 400
LONGEST_LINE = 500


def sides(base: Snapshot, changed: Snapshot) -> tuple[Side, ...]:
    """Every part that differs, in the order of their names, cut where there is much of it.

    The unified diff is what is approved, and whole; this is for looking at it.
    """
    before, after = base.parts(), changed.parts()
    names = sorted(
        name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    )
    return tuple(_side(name, before.get(name), after.get(name)) for name in names[:MOST_PARTS])


def _side(name: str, old: dict[str, JsonValue] | None, new: dict[str, JsonValue] | None) -> Side:
    rows = _rows(_lines(old), _lines(new))
    shown = tuple(islice(rows, MOST_LINES))
    return Side(
        part=_shown(name),
        state="added" if old is None else "removed" if new is None else "changed",
        lines=shown,
        cut=next(rows, None) is not None,
    )


def _lines(part: dict[str, JsonValue] | None) -> list[str]:
    return [] if part is None else canonical_yaml(part).removesuffix("\n").split("\n")


def _rows(old: list[str], new: list[str]) -> Iterator[SideLine]:
    for group in SequenceMatcher(None, old, new).get_grouped_opcodes(AROUND):
        for _, first, last, new_first, new_last in group:
            pairs = zip_longest(range(first, last), range(new_first, new_last))
            for old_index, new_index in pairs:
                yield _row(old, old_index, new, new_index)


def _row(old: list[str], old_index: int | None, new: list[str], new_index: int | None) -> SideLine:
    before = None if old_index is None else old[old_index]
    after = None if new_index is None else new[new_index]
    return SideLine(
        kind="added"
        if before is None
        else "removed"
        if after is None
        else "equal"
        if before == after
        else "changed",
        old_number=None if old_index is None else old_index + 1,
        old=None if before is None else _shown(before),
        new_number=None if new_index is None else new_index + 1,
        new=None if after is None else _shown(after),
    )


def _shown(line: str) -> str:
    safe = escape_hidden(line)
    return safe if len(safe) <= LONGEST_LINE else f"{safe[: LONGEST_LINE - 1]}…"
