"""What each analysis cost: settled reservations beside the analyses they paid for."""

import json
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, select

from ..types.account import ReceiptEntry
from ..types.page import Page
from .cursors import read_number, write_number
from .database import Database
from .ledger import EntryKind
from .tables import ANALYSIS, LEDGER_ENTRY

_FORM = "receipt"

_RECEIPTS = (
    select(
        LEDGER_ENTRY,
        ANALYSIS.c.execution_id,
        ANALYSIS.c.analysis_id,
        ANALYSIS.c.report,
    )
    .outerjoin(
        ANALYSIS,
        (ANALYSIS.c.workspace_id == LEDGER_ENTRY.c.workspace_id)
        & (ANALYSIS.c.idempotency_key == LEDGER_ENTRY.c.key),
    )
    .where(LEDGER_ENTRY.c.kind == EntryKind.SETTLE)
    .order_by(LEDGER_ENTRY.c.id.desc())
)


class Receipts:
    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self, workspace_id: str, *, cursor: str | None = None, limit: int = 50
    ) -> Page[ReceiptEntry]:
        """*limit* receipts, the newest first, or those after *cursor*. Raises InvalidInput."""
        wanted = _RECEIPTS.where(LEDGER_ENTRY.c.workspace_id == workspace_id)
        if cursor is not None:
            wanted = wanted.where(LEDGER_ENTRY.c.id < read_number(_FORM, cursor))
        with self._database.read() as connection:
            rows = connection.execute(wanted.limit(limit + 1)).all()
        following = write_number(_FORM, rows[limit - 1].id) if len(rows) > limit else None
        return Page(items=tuple(map(_entry, rows[:limit])), next_cursor=following)


def _entry(row: Row[Any]) -> ReceiptEntry:
    return ReceiptEntry(
        key=row.key,
        execution_id=row.execution_id,
        analysis_id=row.analysis_id,
        credits=row.credits,
        cost_usd=_cost(row.report),
        reason=row.reason,
        created_at=row.created_at,
    )


def _cost(report: str | None) -> Decimal | None:
    """What the provider charged; nothing where no report came of it."""
    if report is None:
        return Decimal(0)
    cost = json.loads(report)["receipt"].get("cost_usd", "0")
    return None if cost is None else Decimal(cost)
