"""The knowledge base as a source of quotas: what services allow, unless a workspace knows better."""

from collections.abc import Iterable

from engine.quota import Quota, Resets
from knowledge_base import KnowledgeBase, Limit, load

#: How a file says that a window is the time just gone by, and not one of the calendar.
_ROLLS = "hours after the first"


class KnownQuotas:
    """The limits the knowledge base has of a service; implements the engine's `QuotaSource`."""

    def __init__(self, knowledge: KnowledgeBase | None = None) -> None:
        self._knowledge = knowledge or load()

    def limits(self, workspace_id: str, integration: str) -> tuple[Quota, ...]:
        """Of the service that *integration* speaks of; of several plans the first counts.

        They are the same for every workspace.
        """
        found = self._knowledge.quota_of(integration.casefold())
        return () if found is None else tuple(map(_quota, _first_of_each(found.limits)))


def _first_of_each(limits: Iterable[Limit]) -> list[Limit]:
    """The limit that is met first over each window: the others are of other plans."""
    first: dict[str, Limit] = {}
    for limit in limits:
        first.setdefault(limit.per, limit)
    return list(first.values())


def _quota(limit: Limit) -> Quota:
    resets: Resets = "rolling" if _ROLLS in (limit.resets or "") else "midnight"
    return Quota(
        name=f"{limit.what}/{limit.per}",
        limit=limit.amount,
        unit=limit.what,
        window=limit.per,
        resets=resets,
        source=limit.source,
        date=limit.seen,
    )
