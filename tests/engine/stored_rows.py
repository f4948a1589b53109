"""A row of a workspace for any table, and rows that were exported back as they were."""

import base64
from datetime import UTC, datetime
from decimal import Decimal

import sqlalchemy as sa

from engine.storage.stat_tables import Whole
from engine.storage.tables import Money

MOMENT = datetime(2026, 1, 5, 9, 30, 0, 123456, tzinfo=UTC)


def row_for(table, workspace, number):
    """Made up of the names of its columns, so that what refers to each other does."""
    row = {column.name: _value(column, workspace, number) for column in table.columns}
    if "workspace_id" in row:
        row["workspace_id"] = workspace
    if table.name == "execution":
        row |= {"id": _text("execution_id", workspace), "status": "succeeded"}
    return row


def _text(name, workspace):
    return f"{name}-{workspace} «ü»\n"


def _value(column, workspace, number):
    match column.type:
        case kind if _is_time(kind):
            return MOMENT
        case Money():
            return Decimal("0.1234567890")
        case Whole():
            return 10**30 + number
        case sa.Boolean():
            return True
        case sa.Float():
            return 0.1 + number
        case sa.Integer():
            return number
        case sa.LargeBinary():
            return b"\x00\xff"
        case _:
            return _text(column.name, workspace)


def _is_time(kind):
    if isinstance(kind, sa.types.TypeDecorator):
        kind = kind.impl_instance
    return isinstance(kind, sa.DateTime)


def put_back(column, value):
    """The value that *column* had when it was exported."""
    if value is None:
        return None
    if _is_time(column.type):
        return datetime.fromisoformat(value)
    if isinstance(column.type, Money):
        return Decimal(value)
    return base64.b64decode(value) if isinstance(column.type, sa.LargeBinary) else value
