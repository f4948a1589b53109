"""What ties the entries of an audit together: each has the digest of the one before it.

The entries of a workspace form one chain, in the order of their ids. Whoever changes, removes or
adds one in the middle breaks it there; whoever writes it anew from there on ends at another head
than the one that was taken out before.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, String, bindparam, select, type_coerce, update

from ..types.audit import AuditHead
from .account_tables import AUDIT, AUDIT_HEAD
from .database import Prepared, insert_new

#: What the first entry of a chain has in place of the digest of one before it.
NOTHING_BEFORE = ""
_AT_ONCE = 500
#: As it is stored: a time that somebody has spoilt must not stop the reading.
_AT = type_coerce(AUDIT.c.at, String)
_READ = select(
    *(column for column in AUDIT.c if column.name not in {"at", "workspace_id"}), _AT.label("at")
)


_NAMES = tuple(_READ.selected_columns.keys())
_HEAD_OF = AUDIT_HEAD.c.workspace_id == bindparam("workspace")
_HELD = Prepared(select(AUDIT_HEAD).where(_HEAD_OF).with_for_update())
_MOVE = Prepared(
    update(AUDIT_HEAD)
    .where(_HEAD_OF)
    .values(
        entry_id=bindparam("last"),
        digest=bindparam("its_digest"),
        at=bindparam("its_moment"),
        entries=bindparam("count"),
    )
)


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as the chain sees it. `problem`: why it is not the one that belongs here."""

    entry_id: int
    digest: str
    problem: str | None


def entry_digest(workspace_id: str, entry: Mapping[str, Any]) -> str:
    """SHA-256 over an entry and the digest of the one before, as canonical JSON.

    `details` counts as the text that is stored. Raises ValueError and TypeError for values that no
    entry has. It never changes: chains that are stored were made with it.
    """
    at = entry["at"]
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    said = {
        "entry_id": entry["id"],
        "workspace_id": workspace_id,
        "at": moment.isoformat(timespec="microseconds"),
        "previous": entry["previous"],
    } | {
        name: entry[name]
        for name in ("actor", "actor_name", "actor_kind", "action", "subject", "details")
    }
    text = json.dumps(said, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def hold_head(connection: Connection, workspace_id: str) -> Any:
    """The row of the workspace's head; nobody else adds an entry until the transaction ends."""
    fresh = {"workspace_id": workspace_id, "entry_id": None, "digest": NOTHING_BEFORE}
    fresh |= {"entries": 0, "at": None}
    while (row := _HELD.first(connection, {"workspace": workspace_id})) is None:
        insert_new(connection, AUDIT_HEAD, fresh)  # it may be cleared away before it is held
    return row


def move_head(connection: Connection, before: Any, entry: Mapping[str, Any], digest: str) -> None:
    """The head is *entry* from now on; *before* is what `hold_head` gave."""
    moved = {
        "workspace": before.workspace_id,
        "last": entry["id"],
        "its_digest": digest,
        "its_moment": entry["at"],
        "count": before.entries + 1,
    }
    _MOVE.run(connection, moved)


def stored_head(connection: Connection, workspace_id: str) -> AuditHead:
    """Where the chain ends by what is noted; without entries it has no end."""
    wanted = select(AUDIT_HEAD).where(AUDIT_HEAD.c.workspace_id == workspace_id)
    row = connection.execute(wanted).one_or_none()
    if row is None:
        return AuditHead(workspace_id=workspace_id)
    return AuditHead(
        workspace_id=workspace_id,
        entry_id=row.entry_id,
        digest=row.digest,
        at=row.at,
        entries=row.entries,
    )


def links(
    connection: Connection, workspace_id: str, *, after: int = 0, previous: str = NOTHING_BEFORE
) -> Iterator[Link]:
    """The entries behind *after*, whose digest is *previous*, each held against the one before."""
    last = after
    while True:
        wanted = (
            _READ.where(AUDIT.c.workspace_id == workspace_id, AUDIT.c.id > last)
            .order_by(AUDIT.c.id)
            .limit(_AT_ONCE)
        )
        rows = [dict(zip(_NAMES, row, strict=True)) for row in connection.execute(wanted)]
        for row in rows:
            last, digest = row["id"], row["digest"]
            yield Link(last, digest, _problem(workspace_id, row, previous))
            previous = digest
        if len(rows) < _AT_ONCE:
            return


def _problem(workspace_id: str, row: Mapping[str, Any], previous: str) -> str | None:
    try:
        digest = entry_digest(workspace_id, row)
    except (ValueError, TypeError):
        return "It holds what no entry has."
    if digest != row["digest"]:
        return "It is not as it was written."
    if row["previous"] != previous:
        return "It does not follow on the entry before it: one is missing, added, or another."
    return None
