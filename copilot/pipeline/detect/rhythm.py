"""How a failure alternates with success: every time, now and then, or not any more."""

from collections.abc import Sequence
from itertools import pairwise

from ...storage.run_facts import Ending
from ...types.pattern import Rhythm

#: Last runs that are looked at: those that failed so, and those that succeeded.
LOOKED_AT = 10
#: Changes between failure and success with which it is called intermittent.
CHANGES = 4
#: Failures in a row with which it is said to fail every time.
EVERY_TIME = 3
_ORDINALS = {2: "second", 3: "third", 4: "fourth", 5: "fifth"}


def rhythm_of(endings: Sequence[Ending], root: str, *, needed: int) -> Rhythm | None:
    """The rhythm of *root* in *endings*, newest last, whose signatures are roots.

    needed: successful runs in a row with which it counts as over. None when the last runs do not
    have it, or when it is not known how they ended.
    """
    failed = [one.signature == root for one in endings if one.signature in {root, None}]
    failed = failed[-LOOKED_AT:]
    count = sum(failed)
    if not count:
        return None
    changes = sum(one is not other for one, other in pairwise(failed))
    passed_since = failed[::-1].index(True)
    flapping = changes >= CHANGES
    return Rhythm(
        runs=len(failed),
        failed=count,
        flapping=flapping,
        passed_since=passed_since,
        words=_words(len(failed), count, passed_since, flapping=flapping, needed=needed),
    )


def _words(runs: int, failed: int, passed: int, *, flapping: bool, needed: int) -> str | None:
    if passed >= needed:
        return f"has recovered: the last {_runs(passed)} succeeded"
    if flapping:
        share = round(runs / failed)
        if share in _ORDINALS:
            return f"fails about every {_ORDINALS[share]} run: intermittent"
        return f"fails in {failed} of the last {runs} runs: intermittent"
    if passed:
        return f"the last {_runs(passed)} succeeded; {needed} in a row make it resolved"
    if failed == runs and failed >= EVERY_TIME:
        return f"fails every time: in all of the last {runs} runs"
    return None


def _runs(count: int) -> str:
    return "run" if count == 1 else f"{count} runs"
