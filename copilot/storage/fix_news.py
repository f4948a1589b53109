"""What has happened to fixes in a stretch of time, for the digest."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from ..types import OutcomeState
from ..types.nightly import DigestFix, FixNews
from .rollbacks import POLICY
from .tables import CHANGE, OUTCOME


def read_news(
    connection: Connection, workspace_id: str, *, since: datetime | None, until: datetime
) -> Sequence[DigestFix]:
    """What happened to fixes after *since* (None: ever) and up to *until*, the oldest first.

    A fix is listed once, with the last that happened to it in that time.
    """
    reversal = CHANGE.alias()
    wanted = (
        select(
            CHANGE.c.change_id,
            CHANGE.c.workflow_id,
            CHANGE.c.fix_type,
            CHANGE.c.applied_at,
            OUTCOME.c.state.label("judged"),
            OUTCOME.c.judged_at,
            reversal.c.applied_at.label("taken_back_at"),
            reversal.c.actor.label("taken_back_by"),
        )
        .select_from(
            CHANGE.outerjoin(OUTCOME, OUTCOME.c.change_id == CHANGE.c.change_id).outerjoin(
                reversal, reversal.c.change_id == CHANGE.c.reversed_by
            )
        )
        .where(CHANGE.c.workspace_id == workspace_id, CHANGE.c.kind == "fix")
        .where(CHANGE.c.applied_at.is_not(None))
    )
    news: list[tuple[datetime, DigestFix]] = []
    for row in connection.execute(wanted):
        events = [
            event for event in _events(row) if event[0] <= until and (not since or event[0] > since)
        ]
        if events:
            moment, state = max(events, key=lambda event: event[0])
            fix = DigestFix(
                change_id=row.change_id,
                workflow_id=row.workflow_id,
                fix_type=row.fix_type,
                state=state,
            )
            news.append((moment, fix))
    return tuple(fix for _, fix in sorted(news, key=lambda one: (one[0], one[1].change_id)))


_JUDGED: Mapping[str, FixNews] = {
    OutcomeState.REGRESSED.value: "regressed",
    OutcomeState.VERIFIED.value: "verified",
    OutcomeState.UNDECIDED.value: "undecided",
}


def _events(row: Row[*tuple[Any, ...]]) -> Iterator[tuple[datetime, FixNews]]:
    """What is known to have happened to a fix, the last of equal times first."""
    if row.taken_back_at is not None:
        yield row.taken_back_at, "rolled_back" if row.taken_back_by == POLICY else "taken_back"
    if (judged := _JUDGED.get(row.judged)) is not None:
        yield row.judged_at, judged
    yield row.applied_at, "applied"
