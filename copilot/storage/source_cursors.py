"""How far the sources of runs have been read, one number for a workspace and a source."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, bindparam, select, update

from .database import Prepared, insert_new
from .tables import SOURCE_CURSOR

_CURSOR = Prepared(
    select(SOURCE_CURSOR.c.cursor).where(
        SOURCE_CURSOR.c.workspace_id == bindparam("workspace"),
        SOURCE_CURSOR.c.source == bindparam("source_name"),
    )
)


def read_cursor(connection: Connection, workspace_id: str, source: str) -> int:
    """0 before the first time."""
    row = _CURSOR.first(connection, {"workspace": workspace_id, "source_name": source})
    return 0 if row is None else row.cursor


def hold_cursor(connection: Connection, workspace_id: str, source: str, *, now: datetime) -> int:
    """How far *source* has been read; nobody else moves it until this transaction ends."""
    place = {"workspace_id": workspace_id, "source": source}
    insert_new(connection, SOURCE_CURSOR, {**place, "cursor": 0, "updated_at": now})
    held = select(SOURCE_CURSOR.c.cursor).where(*_place(workspace_id, source)).with_for_update()
    return connection.execute(held).scalar_one()


def move_cursor(
    connection: Connection, workspace_id: str, source: str, cursor: int, *, now: datetime
) -> None:
    """`Failures.advance` inside the caller's transaction."""
    place = {"workspace_id": workspace_id, "source": source}
    further = (
        update(SOURCE_CURSOR)
        .where(*_place(workspace_id, source), SOURCE_CURSOR.c.cursor < cursor)
        .values(cursor=cursor, updated_at=now)
    )
    start = {**place, "cursor": cursor, "updated_at": now}
    if not insert_new(connection, SOURCE_CURSOR, start):
        connection.execute(further)


def _place(workspace_id: str, source: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return SOURCE_CURSOR.c.workspace_id == workspace_id, SOURCE_CURSOR.c.source == source
