"""When interpreters were given a run: each reads templates and documents once, as it begins."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from .event_tables import EVENT

#: A round begins, or goes on after a pause or in another process.
_KINDS = ("execution_started", "execution_resumed")


def takeovers(connection: sa.Connection, execution_id: str) -> tuple[datetime, ...]:
    """Of all rounds, the first one first; never later than what was read then."""
    query = sa.select(EVENT.c.at).where(
        EVENT.c.execution_id == execution_id, EVENT.c.kind.in_(_KINDS)
    )
    return tuple(sorted(row.at for row in connection.execute(query)))


def newest(moments: Sequence[datetime], *, until: datetime | None) -> datetime | None:
    """The last of *moments* that is not after *until*; None if there is none."""
    behind = 0 if until is None else bisect_right(moments, until)
    return moments[behind - 1] if behind else None
