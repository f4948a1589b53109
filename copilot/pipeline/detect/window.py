"""Whether a failure is one of many: the same group again and again in the last failed runs."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ...storage.failures import Sighting
from ...types import Pattern, RootCause
from .advice import ADVICE

#: Variable parts that happen to be equal rather than name something.
NAMELESS = frozenset({"time", "duration", "size", "object"})
#: Variable parts that people know a thing by.
NAMES = frozenset({"name", "str", "path", "host"})
#: How many of the names that differ are listed.
LISTED = 3


def detect(
    current: Sighting,
    recent: Iterable[Sighting],
    *,
    root_cause: RootCause,
    captures: Mapping[str, str] | None = None,
    threshold: int = 5,
    window: int = 10,
) -> Pattern:
    """A pattern when *threshold* of the last *window* failed runs share the group of *current*.

    recent: failed runs of the workflow, newest first, with *current* or without it. Runs in test
    mode don't count, *current* included. captures: names the diagnosis found in the error; the
    recommendation uses the first that every member shares.
    """
    failed = _last(current, recent, window)
    members = [seen for seen in failed if seen.root == current.root]
    times = [seen.occurred_at for seen in members]
    is_pattern = len(members) >= threshold
    shared = _shared(members)
    return Pattern(
        is_pattern=is_pattern,
        error_message=current.label,
        failure_count=len(members),
        window=len(failed),
        first_occurred=min(times, default=None),
        last_occurred=max(times, default=None),
        shared_entities=shared if is_pattern else (),
        recommendation=(
            _recommendation(root_cause, members, shared, captures or {}) if is_pattern else None
        ),
        warning=_warning(len(members)) if is_pattern else None,
    )


def _last(current: Sighting, recent: Iterable[Sighting], window: int) -> list[Sighting]:
    """The window: each run once, the current one for sure, test runs never."""
    others = [seen for seen in recent if seen.execution_id != current.execution_id]
    runs = [seen for seen in (current, *others) if not seen.test_mode]
    return runs[:window]


def _shared(members: Sequence[Sighting]) -> tuple[str, ...]:
    """Names that every member has, in the order of the first."""
    if not members:
        return ()
    common = set(members[0].entities).intersection(*(seen.entities for seen in members[1:]))
    named = [
        value
        for kind, value in members[0].entities
        if (kind, value) in common and kind not in NAMELESS
    ]
    return tuple(dict.fromkeys(named))


def _recommendation(
    root_cause: RootCause,
    members: Sequence[Sighting],
    shared: Sequence[str],
    captures: Mapping[str, str],
) -> str:
    with_name, without = ADVICE[root_cause]
    named = [slot for slot in captures if slot != "file"]
    own = {value for _, value in members[0].entities}
    # the file that a missing thing was looked for in is there: it is nothing to wait for
    if not any(captures[slot] in own for slot in named):
        named = list(captures)
    name = next((captures[slot] for slot in named if captures[slot] in shared), None)
    if name is not None:
        return with_name.format(name=name)
    return f"{without}{_differing(members, shared)}"


def _differing(members: Sequence[Sighting], shared: Sequence[str]) -> str:
    """The names seen most, where the members don't agree on one."""
    seen = Counter(
        value
        for member in members
        for value in dict.fromkeys(value for kind, value in member.entities if kind in NAMES)
        if value not in shared
    )
    if not seen:
        return ""
    listed = ", ".join(f"'{value}' ({count})" for value, count in seen.most_common(LISTED))
    return f"; seen most: {listed}"


def _warning(count: int) -> str:
    return f"This agent has failed {count} times with the same error."
