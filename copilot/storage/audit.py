"""Who did what: rows that are only ever added, read back newest first."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

from pydantic import JsonValue
from sqlalchemy import Connection, Row, insert, select

from ..errors import InvalidInput
from ..types.account import AuditEntry
from ..types.frozen import storable
from ..types.page import Page
from ..types.principal import Principal, PrincipalKind
from .account_tables import AUDIT
from .cursors import read_number, write_number
from .database import Database

LARGEST_PAGE = 200
_LIST = "audit"

Details: TypeAlias = Mapping[str, JsonValue]


class AuditTrail:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, by: Principal, action: str, subject: str, details: Details | None = None) -> None:
        """Note that *by* did *action* to the thing whose id is *subject*, in their workspace.

        For what is stored elsewhere; what this store keeps is noted in the transaction that
        changes it, with `append`.
        """
        with self._database.write() as connection:
            append(connection, by, action, subject, details or {}, at=self._database.now())

    def page(
        self, workspace_id: str, *, cursor: str | None = None, limit: int = 50
    ) -> Page[AuditEntry]:
        """*limit* (1 to 200) entries, the newest first, or those after *cursor*.

        Entries that are added meanwhile change nothing in the pages that follow. Raises
        InvalidInput for a limit out of bounds and a cursor that no page gave.
        """
        if not 1 <= limit <= LARGEST_PAGE:
            raise InvalidInput("limit", f"must be from 1 to {LARGEST_PAGE}.", "")
        wanted = select(AUDIT).where(AUDIT.c.workspace_id == workspace_id)
        if cursor is not None:
            wanted = wanted.where(AUDIT.c.id < read_number(_LIST, cursor))
        with self._database.read() as connection:
            # one more than is shown, to know whether a page follows
            rows = connection.execute(wanted.order_by(AUDIT.c.id.desc()).limit(limit + 1)).all()
        following = write_number(_LIST, rows[limit - 1].id) if len(rows) > limit else None
        return Page(items=tuple(_entry(row) for row in rows[:limit]), next_cursor=following)


def append(
    connection: Connection,
    by: Principal,
    action: str,
    subject: str,
    details: Details,
    *,
    at: datetime,
) -> None:
    """Note it inside the caller's transaction, so that it is there if and only if it happened."""
    row = {
        "workspace_id": by.workspace_id,
        "at": at,
        "actor": storable(by.id),
        "actor_kind": by.kind.value,
        "action": action,
        "subject": storable(subject),
        "details": json.dumps(dict(details)),
    }
    connection.execute(insert(AUDIT), row)


def _entry(row: Row[*tuple[Any, ...]]) -> AuditEntry:
    return AuditEntry(
        entry_id=row.id,
        at=row.at,
        actor=row.actor,
        actor_kind=PrincipalKind(row.actor_kind),
        action=row.action,
        subject=row.subject,
        details=json.loads(row.details),
    )
