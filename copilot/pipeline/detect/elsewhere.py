"""One failure in several workflows at about the same time: which, since when, what they share."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from ...storage.run_facts import Place
from ...types.pattern import Elsewhere, SharedFact
from .window import NAMELESS

#: Failures that are no further apart are one event.
TOGETHER = timedelta(hours=1)
#: Workflows that are named.
NAMED = 20
#: What names a cause best comes first.
_KINDS = ("integration", "host", "model", "template", "field", "file", "path")


def find_elsewhere(places: Sequence[Place], workflow_id: str) -> Elsewhere | None:
    """What the workflows share that fail like *workflow_id*, about when it failed last.

    places: failures of one group in the workspace, newest first. None when it fails in this
    workflow alone.
    """
    event = _event(places, workflow_id)
    newest: dict[str, Place] = {}
    for place in event:
        newest.setdefault(place.workflow_id, place)
    if len(newest) < 2:
        return None
    since = min(place.occurred_at for place in event)
    last = max(place.occurred_at for place in event)
    shared = _shared([place.facts for place in newest.values()])
    return Elsewhere(
        workflows=tuple(sorted(newest)[:NAMED]),
        since=since,
        shared=shared,
        words=_words(len(newest), since, last, shared),
    )


def _event(places: Sequence[Place], workflow_id: str) -> list[Place]:
    """The failures around the last one of *workflow_id*, without an hour between two of them."""
    here = next(
        (index for index, place in enumerate(places) if place.workflow_id == workflow_id), None
    )
    if here is None:
        return []
    first, last = here, here
    while first and places[first - 1].occurred_at - places[first].occurred_at <= TOGETHER:
        first -= 1
    while (
        last + 1 < len(places)
        and places[last].occurred_at - places[last + 1].occurred_at <= TOGETHER
    ):
        last += 1
    return list(places[first : last + 1])


def _shared(facts: Sequence[frozenset[tuple[str, str]]]) -> tuple[SharedFact, ...]:
    """Each name once, by the best word for what it is of."""
    kinds: dict[str, str] = {}
    common = facts[0].intersection(*facts[1:])
    for kind, value in sorted(common, key=_best_first):
        if kind not in NAMELESS:
            kinds.setdefault(value, kind)
    return tuple(SharedFact(kind=kind, value=value) for value, kind in kinds.items())


def _best_first(fact: tuple[str, str]) -> tuple[int, str, str]:
    kind, value = fact
    return (_KINDS.index(kind) if kind in _KINDS else len(_KINDS), kind, value)


def _words(workflows: int, since: datetime, last: datetime, shared: Sequence[SharedFact]) -> str:
    """'3 workflows fail with it since 02:10 UTC; they share the integration 'gmail''."""
    start = since.astimezone(UTC)
    same_day = start.date() == last.astimezone(UTC).date()
    when = f"{start:%H:%M} UTC" if same_day else f"{start:%Y-%m-%d %H:%M} UTC"
    words = f"{workflows} workflows fail with it since {when}"
    if not shared:
        return words
    return f"{words}; they share the {_noun(shared[0].kind)} '{shared[0].value}'"


def _noun(kind: str) -> str:
    return "name" if kind in {"str", "name"} else kind.replace("_", " ")
