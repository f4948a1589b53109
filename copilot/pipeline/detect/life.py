"""The life of a repeated failure: new, repeating, worsening, dismissed, resolved, regressed.

A failure of one group in one workflow becomes a pattern when it is over the workspace's threshold
for the first time. From then on each failed and each successful run may turn it:

new         over the threshold for the first time, and not seen again since
repeating   seen again, at no higher rate
worsening   seen again, at a higher rate than before; see `rising`
regressed   seen again after it was resolved; it stays so until it is worsening, resolved or dismissed
dismissed   a person does not want to be told. That ends when it has failed half as often again as
            by then, or in a newer version of the workflow; another failure is another pattern
resolved    as many successful runs in a row without it as verify a fix, or a fix that was made for it
            is verified, or none of the last failed runs has it
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Protocol

from ...storage.failures import Sighting
from ...storage.patterns import Dismissed, StoredPattern, Turn
from ...types.pattern import PatternState

#: A half of the window has at least this part more of it than the other when it is worsening.
STEEP = 0.4
#: Times between failures that it takes to compare a newer and an older half of them.
LEAST_GAPS = 4


class Seen(Protocol):
    """A failed run of the window."""

    @property
    def root(self) -> str: ...

    @property
    def occurred_at(self) -> datetime: ...


def rising(window: Sequence[Seen], root: str) -> str | None:
    """Why the rate of *root* has grown within *window* (newest first), None when it has not.

    It has when the newer half of the failed runs has more of it than the older half, by two and by
    two fifths of a half at least; or when it comes at least twice as fast in the newer half of the
    times between its failures as in the older half.
    """
    half = len(window) // 2
    newer = sum(seen.root == root for seen in window[:half])
    older = sum(seen.root == root for seen in window[len(window) - half :])
    if newer - older >= max(2.0, STEEP * half):
        return f"{newer} of the newer {half} failed runs against {older} of the older {half}"
    times = sorted(seen.occurred_at for seen in window if seen.root == root)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    if len(gaps) < LEAST_GAPS:
        return None
    before, since = _mean(gaps[: len(gaps) // 2]), _mean(gaps[-(len(gaps) // 2) :])
    if not before or since * 2 > before:
        return None
    return f"it comes every {_length(since)}, and came every {_length(before)} before"


def after_failure(
    one: StoredPattern, window: Sequence[Seen], root: str, *, version: int | None
) -> StoredPattern:
    """*one* after a further failure, the first of *window*. It is counted already."""
    at = window[0].occurred_at
    why = rising(window, root)
    if one.dismissed is not None:
        again = _not_dismissed_any_more(one, version)
        if again is None:
            still = "it came back, and is dismissed still"
            return _to(one, PatternState.DISMISSED, at, still)
        one = replace(one, dismissed=None)
        if one.state is PatternState.DISMISSED:
            state = PatternState.WORSENING if why else PatternState.REPEATING
            return _to(one, state, at, f"not dismissed any more: {again}")
    if one.state is PatternState.RESOLVED:
        return _to(one, PatternState.REGRESSED, at, "it came back after it was resolved")
    if why is not None:
        return _to(one, PatternState.WORSENING, at, why)
    if one.state is PatternState.REGRESSED:
        return one
    steady = "its rate does not grow any more"
    seen = "it was seen again"
    return _to(
        one,
        PatternState.REPEATING,
        at,
        steady if one.state is PatternState.WORSENING else seen,
    )


def stand_with(
    known: StoredPattern | None, seen: Sighting, *, is_pattern: bool
) -> PatternState | None:
    """Where a pattern stands with the failure *seen*, which may not have been counted yet."""
    if known is None:
        return PatternState.NEW if is_pattern else None
    if seen.test_mode or seen.occurred_at <= known.last_occurred:
        return known.state
    match known.state:
        case PatternState.NEW:
            return PatternState.REPEATING
        case PatternState.RESOLVED:
            return PatternState.REGRESSED
        case _:
            return known.state


def after_success(one: StoredPattern, *, needed: int, at: datetime) -> StoredPattern:
    """*one* after a further successful run of the workflow; *needed* of them resolve it."""
    one = replace(one, passed=one.passed + 1)
    if one.passed < needed:
        return one
    runs = "1 run has" if one.passed == 1 else f"{one.passed} runs have"
    return resolve(one, at=at, reason=f"{runs} succeeded since it was last seen")


def resolve(one: StoredPattern, *, at: datetime, reason: str) -> StoredPattern:
    return _to(one, PatternState.RESOLVED, at, reason)


def dismiss(
    one: StoredPattern, *, by: str, by_name: str, reason: str, version: int | None, at: datetime
) -> StoredPattern:
    """*version*: the newest of the workflow; only a newer one brings it back."""
    versions = [known for known in (version, one.workflow_version) if known is not None]
    dismissed = Dismissed(
        by=by,
        by_name=by_name,
        at=at,
        reason=reason,
        failures=one.failures,
        version=max(versions, default=None),
    )
    turn = Turn(PatternState.DISMISSED, at, reason or "no reason given", by_name)
    return replace(one, dismissed=dismissed).turned(turn)


def reopen(one: StoredPattern, *, by_name: str, reason: str, at: datetime) -> StoredPattern:
    """What is not dismissed stays as it is."""
    if one.state is not PatternState.DISMISSED:
        return replace(one, dismissed=None)
    turn = Turn(PatternState.REPEATING, at, reason or "reopened", by_name)
    return replace(one, dismissed=None).turned(turn)


def _not_dismissed_any_more(one: StoredPattern, version: int | None) -> str | None:
    known = one.dismissed
    if known is None:
        return None
    if version is not None and known.version is not None and version > known.version:
        return f"version {version} of the workflow still has it"
    if one.failures * 2 >= known.failures * 3:
        return f"{one.failures} runs have failed so, {known.failures} when it was dismissed"
    return None


def _to(one: StoredPattern, state: PatternState, at: datetime, reason: str) -> StoredPattern:
    """A turn, unless it stands there already."""
    return one if one.state is state else one.turned(Turn(state, at, reason))


def _mean(gaps: Sequence[timedelta]) -> timedelta:
    return sum(gaps, timedelta()) / len(gaps)


def _length(time: timedelta) -> str:
    seconds = time.total_seconds()
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
