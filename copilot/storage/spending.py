"""What a workspace's analyses may cost in a day, kept by all processes that have them.

What is under way is held for, so that many at once don't each take what is left for their own.
"""

import hashlib
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection, delete, func, insert, select

from .database import Database, new_id
from .model_tables import CONSULTATION, SPEND_HOLD

_NANO = Decimal(1_000_000_000)
#: Longer than any analysis takes. What a crash has left counts no more after that.
LONGEST = timedelta(minutes=2)


class Spending:
    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def hold(self, workspace_id: str, most: Decimal, *, cap: Decimal | None) -> Generator[Decimal]:
        """What one analysis may cost, in USD, held until the end of the block, when it is stored.

        At most *most*, and what is left of *cap* for the day (UTC) beside what others hold; None:
        the day has no cap.
        """
        if cap is None:
            yield most
            return
        hold_id = new_id("hold")
        with self._database.write() as connection:
            mine = self._take(connection, workspace_id, hold_id, most, cap)
        try:
            yield mine
        finally:
            with self._database.write() as connection:
                connection.execute(delete(SPEND_HOLD).where(SPEND_HOLD.c.hold_id == hold_id))

    def _take(
        self, connection: Connection, workspace_id: str, hold_id: str, most: Decimal, cap: Decimal
    ) -> Decimal:
        now = self._database.now()
        _one_at_a_time(connection, workspace_id)
        own = SPEND_HOLD.c.workspace_id == workspace_id
        connection.execute(delete(SPEND_HOLD).where(own, SPEND_HOLD.c.until <= now))
        held = func.coalesce(func.sum(SPEND_HOLD.c.nano_usd), 0)
        taken = int(connection.execute(select(held).where(own)).scalar_one())
        left = cap - _spent(connection, workspace_id, since=_midnight(now)) - taken / _NANO
        mine = max(Decimal(0), min(most, left))
        row = {"hold_id": hold_id, "workspace_id": workspace_id, "until": now + LONGEST}
        connection.execute(insert(SPEND_HOLD), row | {"nano_usd": int(mine * _NANO)})
        return mine


def _spent(connection: Connection, workspace_id: str, *, since: datetime) -> Decimal:
    """USD, as far as the prices are known."""
    wanted = select(func.coalesce(func.sum(CONSULTATION.c.cost_nano_usd), 0)).where(
        CONSULTATION.c.workspace_id == workspace_id, CONSULTATION.c.asked_at >= since
    )
    return int(connection.execute(wanted).scalar_one()) / _NANO


def _one_at_a_time(connection: Connection, workspace_id: str) -> None:
    """Until the end of the transaction. On SQLite there is but one that writes anyway."""
    if connection.dialect.name == "postgresql":
        name = hashlib.sha256(f"ask-copilot spending {workspace_id}".encode()).digest()[:8]
        key = int.from_bytes(name, "big", signed=True)
        connection.execute(select(func.pg_advisory_xact_lock(key)))


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
