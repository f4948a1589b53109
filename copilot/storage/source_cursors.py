"""How far the sources of runs have been read, one number for a workspace and a source."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, select, update

from .database import insert_new
from .tables import SOURCE_CURSOR


def read_cursor(connection: Connection, workspace_id: str, source: str) -> int:
    """0 before the first time."""
    wanted = select(SOURCE_CURSOR.c.cursor).where(*_place(workspace_id, source))
    return connection.execute(wanted).scalar_one_or_none() or 0


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
