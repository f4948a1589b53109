"""What a repeated failure has cost: runs, people, tokens, credits and money, from stored facts."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from ...storage.run_facts import FailedRun
from ...types.pattern import Impact, TriggerCount

#: Triggers that are named.
TRIGGERS = 5
Amount = TypeVar("Amount", int, float, Decimal)


def sum_up(runs: Sequence[FailedRun], *, failures: int, since: datetime | None) -> Impact | None:
    """The impact of *failures* runs since *since*, of which *runs* are the newest.

    None when nothing is stored of any of them: they failed before this was kept.
    """
    if not runs:
        return None
    triggers = Counter(run.trigger for run in runs if run.trigger)
    people = {run.started_by for run in runs if run.started_by}
    oldest = min(run.occurred_at for run in runs)
    return Impact(
        runs=max(failures, len(runs)),
        summed=len(runs),
        since=oldest if since is None else min(since, oldest),
        triggers=tuple(
            TriggerCount(trigger=name, runs=count) for name, count in triggers.most_common(TRIGGERS)
        ),
        people=len(people) or None,
        tokens=_sum(runs, lambda run: run.tokens),
        credits=_sum(runs, lambda run: run.credits),
        cost_usd=_sum(runs, lambda run: run.cost_usd),
        cost_known=sum(run.cost_usd is not None for run in runs),
    )


def _sum(runs: Sequence[FailedRun], amount: Callable[[FailedRun], Amount | None]) -> Amount | None:
    known = [found for found in map(amount, runs) if found is not None]
    return sum(known[1:], known[0]) if known else None
