"""Why the runs of a workspace failed, in shares that sum up to 100."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from ..storage.causes import CountedKind
from ..types import RootCause
from ..types.pattern import CauseBreakdown, CauseShare

#: Kinds of failure without an analysis that the rules are asked about, the most frequent.
ASKED = 200


def break_down(
    kinds: Sequence[CountedKind],
    *,
    ask: Callable[[CountedKind], RootCause],
    workflow_id: str | None,
    since: datetime,
    until: datetime,
) -> CauseBreakdown:
    """*kinds*: the most frequent first. *ask*: what the rules say of one without an analysis."""
    counts: Counter[RootCause | None] = Counter()
    analysed = by_rules = asked = 0
    for kind in kinds:
        cause = kind.root_cause
        if cause is not None:
            analysed += kind.failures
        elif asked < ASKED:
            asked += 1
            cause = ask(kind)
            by_rules += kind.failures
        counts[cause] += kind.failures
    total = counts.total()
    shares = percentages(counts)
    ranked = sorted(counts, key=lambda cause: (-counts[cause], cause is None, str(cause)))
    return CauseBreakdown(
        workflow_id=workflow_id,
        since=since,
        until=until,
        failures=total,
        analysed=analysed,
        by_rules=by_rules,
        not_analysed=total - analysed - by_rules,
        causes=tuple(
            CauseShare(root_cause=cause, failures=counts[cause], percent=shares[cause])
            for cause in ranked
        ),
    )


def percentages(counts: Mapping[RootCause | None, int]) -> dict[RootCause | None, int]:
    """Whole percents that sum up to 100: what rounding leaves over goes to the largest rests."""
    total = sum(counts.values())
    if not total:
        return {}
    whole = {cause: count * 100 // total for cause, count in counts.items()}
    left = 100 - sum(whole.values())
    by_rest = sorted(
        counts, key=lambda cause: (-(counts[cause] * 100 % total), -counts[cause], str(cause))
    )
    for cause in by_rest[:left]:
        whole[cause] += 1
    return whole
