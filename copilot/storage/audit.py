"""Who did what: rows that are only ever added, read back newest first, and chained together."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

from pydantic import JsonValue
from sqlalchemy import Connection, Row, bindparam, insert, select, update

from ..errors import InvalidInput
from ..types.account import AuditEntry
from ..types.audit import AuditHead, AuditVerification
from ..types.frozen import storable
from ..types.page import Page
from ..types.principal import Principal, PrincipalKind
from .account_tables import AUDIT
from .audit_chain import entry_digest, hold_head, move_head, stored_head
from .audit_verification import verify
from .cursors import read_number, write_number
from .database import Database, Prepared

LARGEST_PAGE = 200
_LIST = "audit"
_INSERT = Prepared(
    insert(AUDIT).returning(AUDIT.c.id),
    columns=[column.name for column in AUDIT.c if column is not AUDIT.c.id],
)
_SEAL = Prepared(
    update(AUDIT).where(AUDIT.c.id == bindparam("entry")).values(digest=bindparam("its_digest"))
)

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
        InvalidInput for a limit out of bounds, and InvalidCursor.
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

    def head(self, workspace_id: str) -> AuditHead:
        """Where the audit ends; kept elsewhere, it shows later that nothing before it changed."""
        with self._database.read() as connection:
            return stored_head(connection, workspace_id)

    def verify(self, workspace_id: str, *, against: AuditHead | None = None) -> AuditVerification:
        """Look through the whole chain, and for the head that *against* is, up to the first break.

        What is added meanwhile is looked at too. Raises InvalidInput for the head of another
        workspace.
        """
        if against is not None and against.workspace_id != workspace_id:
            raise InvalidInput("head", "is that of another workspace.", "")
        with self._database.read() as connection:
            return verify(connection, workspace_id, against)


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
        "actor_name": storable(by.name),
        "actor_kind": by.kind.value,
        "action": action,
        "subject": storable(subject),
        "details": json.dumps(dict(details)),
    }
    before = hold_head(connection, by.workspace_id)
    row |= {"previous": before.digest, "digest": ""}
    row["id"] = _INSERT.first(connection, row).id
    digest = entry_digest(by.workspace_id, row)
    _SEAL.run(connection, {"entry": row["id"], "its_digest": digest})
    move_head(connection, before, row, digest)


def _entry(row: Row[*tuple[Any, ...]]) -> AuditEntry:
    return AuditEntry(
        entry_id=row.id,
        at=row.at,
        actor=row.actor,
        actor_name=row.actor_name,
        actor_kind=PrincipalKind(row.actor_kind),
        action=row.action,
        subject=row.subject,
        details=json.loads(row.details),
        digest=row.digest,
    )
