"""Entries of the knowledge base that workspaces have written, as text that is read elsewhere."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from ..errors import NotFound
from ..types.frozen import storable
from ..types.principal import Principal
from .audit import append
from .database import Database, keep_others_out, new_id
from .knowledge_tables import OWN_ENTRY


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """`content` is YAML, as an older release may have accepted it."""

    content: str
    changed_by_name: str
    changed_at: datetime


class OwnEntries:
    def __init__(self, database: Database) -> None:
        self._database = database

    def stamp(self, workspace_id: str) -> tuple[str, ...]:
        """Another one after each change; empty for a workspace without entries."""
        wanted = (
            select(OWN_ENTRY.c.stamp)
            .where(OWN_ENTRY.c.workspace_id == workspace_id)
            .order_by(OWN_ENTRY.c.entry_id)
        )
        with self._database.read() as connection:
            return tuple(connection.execute(wanted).scalars())

    def of(self, workspace_id: str) -> Mapping[str, StoredEntry]:
        """All of a workspace, by id."""
        with self._database.read() as connection:
            return _stored(connection, workspace_id)

    def put(
        self,
        by: Principal,
        entry_id: str,
        content: str,
        *,
        check: Callable[[Mapping[str, StoredEntry]], None],
    ) -> StoredEntry:
        """Store *content*, in the place of what the id had before.

        *check* is given all entries as they would be; what it raises leaves everything as it was.
        """
        entry = StoredEntry(content, storable(by.name), self._database.now())
        with self._database.write() as connection:
            keep_others_out(connection, OWN_ENTRY)
            before = _stored(connection, by.workspace_id)
            check({**before, entry_id: entry})
            connection.execute(delete(OWN_ENTRY).where(*_same(by.workspace_id, entry_id)))
            row = {
                "workspace_id": by.workspace_id,
                "entry_id": entry_id,
                "stamp": new_id("stamp"),
                "content": content,
                "changed_by": storable(by.id),
                "changed_by_name": entry.changed_by_name,
                "changed_at": entry.changed_at,
            }
            connection.execute(insert(OWN_ENTRY), row)
            details = {"replaced": entry_id in before}
            append(connection, by, "put_knowledge", entry_id, details, at=entry.changed_at)
        return entry

    def remove(
        self, by: Principal, entry_id: str, *, check: Callable[[Mapping[str, StoredEntry]], None]
    ) -> None:
        """Raises NotFound; *check* is given the entries that stay."""
        now = self._database.now()
        with self._database.write() as connection:
            keep_others_out(connection, OWN_ENTRY)
            before = dict(_stored(connection, by.workspace_id))
            if before.pop(entry_id, None) is None:
                raise NotFound("own entry")
            check(before)
            connection.execute(delete(OWN_ENTRY).where(*_same(by.workspace_id, entry_id)))
            append(connection, by, "remove_knowledge", entry_id, {}, at=now)


def _same(workspace_id: str, entry_id: str) -> tuple[ColumnElement[bool], ...]:
    return (OWN_ENTRY.c.workspace_id == workspace_id, OWN_ENTRY.c.entry_id == entry_id)


def _stored(connection: Connection, workspace_id: str) -> Mapping[str, StoredEntry]:
    wanted = (
        select(OWN_ENTRY)
        .where(OWN_ENTRY.c.workspace_id == workspace_id)
        .order_by(OWN_ENTRY.c.entry_id)
    )
    return {
        row.entry_id: StoredEntry(row.content, row.changed_by_name, row.changed_at)
        for row in connection.execute(wanted)
    }
