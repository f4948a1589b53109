"""How far fixes of each type may go in each workspace, and who has decided that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select

from ..types.frozen import storable
from ..types.learning import Level
from ..types.principal import Principal
from .audit import append
from .database import Database, Prepared, keep_others_out
from .learning_tables import AUTONOMY

_OF = Prepared(select(AUTONOMY).where(AUTONOMY.c.workspace_id == bindparam("workspace")))


@dataclass(frozen=True, slots=True)
class SetLevel:
    level: Level
    set_by: str
    set_by_name: str
    set_at: datetime


class AutonomyStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, workspace_id: str) -> Mapping[str, SetLevel]:
        """What has been set, by fix type."""
        with self._database.read() as connection:
            return _stored(connection, workspace_id)

    def set(
        self,
        by: Principal,
        fix_type: str,
        level: Level,
        *,
        check: Callable[[Mapping[str, SetLevel]], Level],
        why: str | None = None,
    ) -> bool:
        """Store *level* and note it in the audit, once *check* let what is stored now through.

        check: gives the level that counted before, or raises. False: it was that level already.
        """
        now = self._database.now()
        with self._database.write() as connection:
            keep_others_out(connection, AUTONOMY)
            stored = _stored(connection, by.workspace_id)
            before = check(stored)
            if before is level:
                return False
            key = (AUTONOMY.c.workspace_id == by.workspace_id) & (AUTONOMY.c.fix_type == fix_type)
            connection.execute(delete(AUTONOMY).where(key))
            row = {
                "workspace_id": by.workspace_id,
                "fix_type": fix_type,
                "level": level.value,
                "set_by": storable(by.id),
                "set_by_name": storable(by.name),
                "set_at": now,
            }
            connection.execute(insert(AUTONOMY), row)
            action = "promote_fixes" if level.allows(before) else "demote_fixes"
            details = {"from": before.value, "to": level.value} | ({"why": why} if why else {})
            append(connection, by, action, fix_type, details, at=now)
        return True


def _stored(connection: Connection, workspace_id: str) -> dict[str, SetLevel]:
    return {
        row.fix_type: SetLevel(Level(row.level), row.set_by, row.set_by_name, row.set_at)
        for row in _OF.all(connection, {"workspace": workspace_id})
    }
