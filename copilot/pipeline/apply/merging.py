"""Taking a change out of a definition that has been edited since, part by part.

The parts are the fields of each mapping, and the members of a list by their `id`, where each has one:
steps, above all. Any other list is one part.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, TypeAlias, TypeGuard, cast


class _Absence(Enum):
    ABSENT = "absent"


_ABSENT = _Absence.ABSENT
_Part: TypeAlias = Any
_Fields: TypeAlias = Mapping[str, Any]
_Three: TypeAlias = tuple[_Part, _Part, _Part]


class EditedSince(Exception):
    """What the change touched is not as it left it any more.

    `EditedSince(why)`: in sentences, where that is not the workflow.
    """


def without_change(before: _Fields, after: _Fields, current: _Fields) -> dict[str, Any]:
    """*current* with what differs between *before* and *after* as it was before.

    Raises EditedSince when one of these parts has been edited.
    """
    return _fields(before, after, current)


def _part(before: _Part, after: _Part, current: _Part) -> _Part:
    if before == after:
        return current
    if current == after:
        return before
    three = before, after, current
    if _are_mappings(three):
        return _fields(*three)
    if _have_ids(three):
        return _members(*three)
    raise EditedSince


def _fields(before: _Fields, after: _Fields, current: _Fields) -> dict[str, Any]:
    """In the order of *current*; what comes back stands at the end."""
    names = dict.fromkeys((*current, *before, *after))
    merged = {
        name: _part(before.get(name, _ABSENT), after.get(name, _ABSENT), current.get(name, _ABSENT))
        for name in names
    }
    return {name: part for name, part in merged.items() if part is not _ABSENT}


def _members(
    before: Sequence[_Fields], after: Sequence[_Fields], current: Sequence[_Fields]
) -> list[Any]:
    """Each by its id, in the order of *current*.

    The order is a part itself: where the change moved, added or removed members, those that it left
    have to stand as it left them.
    """
    old, new, now = _by_id(before), _by_id(after), _by_id(current)
    left = _fields(old, new, now)
    if [*old] == [*new]:
        return [*left.values()]
    if [name for name in now if name in new] != [*new]:
        raise EditedSince
    return [left[name] for name in _placed([*old], [*now], left)]


def _placed(old: Sequence[str], now: Sequence[str], left: Collection[str]) -> list[str]:
    """*left* in the order of *old*; what was added since stands behind what it stands behind now."""
    order = [name for name in old if name in left]
    for place, name in enumerate(now):
        if name not in order and name in left:
            ahead = next((one for one in reversed(now[:place]) if one in order), None)
            order.insert(0 if ahead is None else order.index(ahead) + 1, name)
    return order


def _by_id(members: Iterable[_Fields]) -> dict[str, _Fields]:
    return {member["id"]: member for member in members}


def _are_mappings(three: _Three) -> TypeGuard[tuple[_Fields, _Fields, _Fields]]:
    return all(isinstance(part, Mapping) for part in three)


def _have_ids(
    three: _Three,
) -> TypeGuard[tuple[Sequence[_Fields], Sequence[_Fields], Sequence[_Fields]]]:
    return all(isinstance(part, list) and _are_named(cast("list[Any]", part)) for part in three)


def _are_named(members: Sequence[Any]) -> bool:
    names = [_id(member) for member in members]
    return all(isinstance(name, str) for name in names) and len(set(names)) == len(names)


def _id(member: Any) -> Any:
    return cast("_Fields", member).get("id") if isinstance(member, Mapping) else None
