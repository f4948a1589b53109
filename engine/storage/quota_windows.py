"""How far a quota is used in its window, and from when on there is room again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, TypeAlias

import sqlalchemy as sa

from ..quota import Quota, account_key
from .quota_tables import QUOTA_USE

Span: TypeAlias = Literal["second", "minute"]
SPANS: Mapping[Span, timedelta] = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
}


class Account(NamedTuple):
    """An account of a workspace, by the name its steps use."""

    workspace_id: str
    integration: str

    @property
    def key(self) -> str:
        return account_key(self.integration)


@dataclass(frozen=True, slots=True)
class Full:
    """A limit and how much of it is used, for a call that asks for so much more.

    `resets_at` is when there is room for it; None if there never is, because the call alone is
    larger than the limit, or if a rolling window has room by now.
    """

    quota: Quota
    used: int
    asked: int
    resets_at: datetime | None


def of_account(table: sa.Table, account: Account) -> Any:
    """The rows of *account* in one of the tables that have its key."""
    return sa.and_(table.c.workspace_id == account.workspace_id, table.c.account == account.key)


def span_of(quota: Quota) -> Span:
    """How finely use has to be counted for it."""
    is_fine = quota.window == "second" or (quota.window, quota.resets) == ("minute", "rolling")
    return "second" if is_fine else "minute"


def state_of(
    connection: sa.Connection, account: Account, quota: Quota, asked: int, now: datetime
) -> Full:
    """How much is used now, and from when on there is room for *asked*."""
    span = span_of(quota)
    rolling = quota.resets == "rolling"
    begin, end = quota.bounds(now)
    if rolling:  # a span counts until all of it has left the window
        begin = now - quota.length - SPANS[span] + timedelta(microseconds=1)
    query = (
        sa.select(QUOTA_USE.c.begins_at, QUOTA_USE.c.amount)
        .where(
            of_account(QUOTA_USE, account),
            QUOTA_USE.c.unit == quota.measure,
            QUOTA_USE.c.span == span,
            QUOTA_USE.c.begins_at >= begin,
        )
        .order_by(QUOTA_USE.c.begins_at)
    )
    rows = connection.execute(query).all()
    used = sum(row.amount for row in rows)
    if asked > quota.limit:
        return Full(quota, used, asked, None)
    if rolling:
        last = _freed(rows, used + max(asked, 1) - quota.limit)
        return Full(quota, used, asked, last and last + quota.length + SPANS[span])
    return Full(quota, used, asked, end)


def _freed(rows: Sequence[Any], needed: int) -> datetime | None:
    """The span with which *needed* has left a rolling window; None if there is room already."""
    last: datetime | None = None
    for row in rows:
        if needed <= 0:
            break
        needed -= row.amount
        last = row.begins_at
    return last
