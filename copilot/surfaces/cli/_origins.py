"""From which version a file was exported, and whether it holds what was stored since."""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from ...bootstrap import dump_workflow
from ...definitions import Pointer, Scalar, leaves
from ...service import Service
from ...types.engine import WorkflowRecord
from ...types.principal import Scope
from ._shown import line

_WRITTEN = re.compile(
    r"^# Version ([0-9]{1,9}) \(([0-9a-f]{12})\) of (.{1,300}?)\.(?: Keep .*)?\r?$", re.MULTILINE
)
#: By whom a person's versions are stored: what a fix makes is looked at elsewhere.
_STORING = frozenset({"create_workflow", "replace_workflow"})
_ENTRIES = 100
_MOST_PAGES = 10


class Origin(NamedTuple):
    """What the first line of an exported file says; nobody has looked yet whether it is true."""

    workflow_id: str
    version: int
    digest: str

    def is_of(self, stored: WorkflowRecord) -> bool:
        """Whether *stored* is the version that it speaks of."""
        return (self.version, self.digest) == (stored.version, _digest(stored))


def first_line(stored: WorkflowRecord) -> str:
    """What `origin_of` reads."""
    return (
        f"# Version {stored.version} ({_digest(stored)}) of {line(stored.workflow_id)}."
        " Keep this line for `ask-copilot run`.\n"
    )


def origin_of(text: str) -> Origin | None:
    """What *text* says of where it is from; None when it says nothing."""
    found = _WRITTEN.search(text)
    return None if found is None else Origin(line(found[3]), int(found[1]), found[2])


def holds(mine: Mapping[str, Any], *, base: Mapping[str, Any], newest: Mapping[str, Any]) -> bool:
    """Whether *mine* has, in each place that differs between *base* and *newest*, what *newest* has.

    Steps are known by their ids, so that one more before them moves nothing.
    """
    was, now, own = (_placed(one) for one in (base, newest, mine))
    return _in_order(own, was, now) and all(
        _same(own.places, now.places, place)
        for place in was.places.keys() | now.places.keys()
        if not _same(was.places, now.places, place)
    )


def drops(
    mine: Mapping[str, Any],
    *,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    newest: Mapping[str, Any],
) -> bool:
    """Whether *mine* lacks something that came between *before* and *after*, and *newest* has."""
    was, then, now, own = (_placed(one).places for one in (before, after, newest, mine))
    return any(
        _same(now, then, place) and not _same(own, then, place)
        for place in was.keys() | then.keys()
        if not _same(was, then, place)
    )


def others_who_stored(
    asked: Service, workflow_id: str, versions: Collection[int]
) -> Mapping[int, str]:
    """By version: the name of who stored it, for those of *versions* that somebody else did.

    Empty for who may not read the audit, because nothing else knows.
    """
    own = asked.principal
    if not versions or not own.may(Scope.AUDIT):
        return {}
    found: dict[int, str] = {}
    left, cursor = set(versions), None
    for _ in range(_MOST_PAGES):
        page = asked.account.audit(cursor=cursor, limit=_ENTRIES)
        for entry in page.items:
            version = entry.details.get("version")
            if entry.subject != workflow_id or entry.action not in _STORING or version not in left:
                continue
            left.discard(cast("int", version))
            if entry.actor != own.id:
                found[cast("int", version)] = entry.actor_name or entry.actor
        cursor = page.next_cursor
        if not left or cursor is None:
            break
    return found


class _Placed(NamedTuple):
    places: Mapping[Pointer, Scalar]
    steps: Sequence[str]


def _placed(definition: Mapping[str, Any]) -> _Placed:
    keyed = _keyed(dict(definition))
    return _Placed(dict(leaves(keyed)), list(_step_ids(definition)))


def _keyed(value: Any) -> Any:
    """*value* with lists of steps as objects, and with a mark for what is empty."""
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value)
        return {key: _keyed(item) for key, item in items.items()} or "{}"
    if isinstance(value, list):
        members = cast("list[Any]", value)
        ids = [_id_of(member) for member in members]
        if members and all(ids) and len(set(ids)) == len(ids):
            return {f"id {own}": _keyed(one) for own, one in zip(ids, members, strict=True)}
        return [_keyed(member) for member in members] or "[]"
    return value


def _step_ids(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value)
        if own := _id_of(items):
            yield own
        for item in items.values():
            yield from _step_ids(item)
    elif isinstance(value, list):
        for member in cast("list[Any]", value):
            yield from _step_ids(member)


def _id_of(value: Any) -> str:
    own = cast("dict[str, Any]", value).get("id") if isinstance(value, dict) else None
    return own if isinstance(own, str) else ""


def _in_order(own: _Placed, was: _Placed, now: _Placed) -> bool:
    """Whether *own* has the steps as *now* has them, if that has moved any."""
    common = set(own.steps) & set(was.steps) & set(now.steps)
    mine, before, after = ([one for one in each.steps if one in common] for each in (own, was, now))
    return before == after or mine == after


def _same(one: Mapping[Pointer, Scalar], other: Mapping[Pointer, Scalar], place: Pointer) -> bool:
    if place not in one or place not in other:
        return place not in one and place not in other
    return type(one[place]) is type(other[place]) and one[place] == other[place]


def _digest(stored: WorkflowRecord) -> str:
    return hashlib.sha256(dump_workflow(stored.workflow).encode()).hexdigest()[:12]
