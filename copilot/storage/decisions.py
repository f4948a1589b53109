"""What each workspace has decided: its settings by name, as JSON text that is read elsewhere."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import Connection, delete, insert, select

from ..types.frozen import storable
from ..types.principal import Principal
from .account_tables import WORKSPACE_SETTING
from .audit import append
from .database import Database, keep_others_out


@dataclass(frozen=True, slots=True)
class Decision:
    """`value` is JSON text, as an older or a newer release may have written it."""

    value: str
    changed_by: str
    changed_by_name: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Ruling:
    """What to write: JSON text by name, None to take a decision back; `details` for the audit."""

    values: Mapping[str, str | None]
    details: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])


class Decisions:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, workspace_id: str) -> Mapping[str, Decision]:
        """What was decided, by name; what is not here has its default."""
        with self._database.read() as connection:
            return _stored(connection, workspace_id)

    def workspaces(self, name: str) -> tuple[str, ...]:
        """Those that have decided about the setting *name*, whatever it was."""
        wanted = select(WORKSPACE_SETTING.c.workspace_id).where(WORKSPACE_SETTING.c.name == name)
        with self._database.read() as connection:
            return tuple(sorted(connection.execute(wanted).scalars()))

    def change(self, by: Principal, decide: Callable[[Mapping[str, Decision]], Ruling]) -> None:
        """Write what *decide* makes of what is stored; nobody else changes it in between.

        What *decide* raises leaves everything as it was. A ruling with details is noted in the
        audit as `set_settings`.
        """
        now = self._database.now()
        with self._database.write() as connection:
            keep_others_out(connection, WORKSPACE_SETTING)
            ruling = decide(_stored(connection, by.workspace_id))
            for name, value in ruling.values.items():
                _write(connection, by, name, value, now)
            if ruling.details:
                subject = ", ".join(ruling.details)
                append(connection, by, "set_settings", subject, ruling.details, at=now)


def _stored(connection: Connection, workspace_id: str) -> Mapping[str, Decision]:
    wanted = select(WORKSPACE_SETTING).where(WORKSPACE_SETTING.c.workspace_id == workspace_id)
    return {
        row.name: Decision(row.value, row.changed_by, row.changed_by_name, row.changed_at)
        for row in connection.execute(wanted)
    }


def _write(
    connection: Connection, by: Principal, name: str, value: str | None, now: datetime
) -> None:
    same = (
        WORKSPACE_SETTING.c.workspace_id == by.workspace_id,
        WORKSPACE_SETTING.c.name == name,
    )
    connection.execute(delete(WORKSPACE_SETTING).where(*same))
    if value is None:
        return
    row = {
        "workspace_id": by.workspace_id,
        "name": name,
        "value": value,
        "changed_by": storable(by.id),
        "changed_by_name": storable(by.name),
        "changed_at": now,
    }
    connection.execute(insert(WORKSPACE_SETTING), row)
