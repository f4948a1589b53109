"""A workflow's own limit brought under the known limit of the service that refused it."""

import re
from collections.abc import Iterator

import knowledge_base
from knowledge_base import Limit

from ...names import words_of
from .scene import Scene, shown
from .suggestion import Suggestion, suggestion

_PERIODS = {
    "second": "second",
    "minute": "minute",
    "hour": "hour",
    "hourly": "hour",
    "day": "day",
    "daily": "day",
    "week": "week",
    "weekly": "week",
    "month": "month",
    "monthly": "month",
}
#: A limit for one run keeps a workflow within these; within a second only the pace counts.
_LONG = frozenset({"day", "week", "month"})


def lowered_limits(scene: Scene) -> Iterator[Suggestion]:
    """Every upper limit of the workflow that lets a run exceed the quota, lowered to it.

    Only where an agent, who follows the restrictions, is or feeds the failed step.
    """
    limit = _quota(scene)
    restrictions = scene.snapshot.definition.get("restrictions")
    if limit is None or not isinstance(restrictions, dict) or not scene.follows_instructions:
        return
    for name, value in restrictions.items():
        if type(value) is not int or value <= limit.amount or not _counts_the_same(name, limit):
            continue
        description = (
            f"Lower the restriction {shown(name)} from {value:,} to {limit.amount:,}, what"
            f" {scene.diagnosis.captures['service']} allows ({limit.text})"
        )
        data = {
            "type": "adjust_restrictions",
            "name": name,
            "old": value,
            "value": limit.amount,
        }
        if found := suggestion(scene, data, description, best=True):
            yield found


def _quota(scene: Scene) -> Limit | None:
    names = scene.diagnosis.captures
    if "service" not in names or "limit" not in names:
        return None
    return knowledge_base.load().limit_named(names["service"], names["limit"])


def _counts_the_same(name: str, limit: Limit) -> bool:
    """Whether a restriction called *name* counts what *limit* counts, over the same time."""
    words = set(words_of(name))
    counted = {limit.what, limit.of or limit.what}
    period = next((_PERIODS[word] for word in words if word in _PERIODS), None)
    same_time = period == limit.per if period else limit.per in _LONG
    return same_time and any({thing, re.sub("s$", "", thing)} & words for thing in counted)
