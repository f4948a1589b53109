"""The tables of schedules: when each ticks next and how it fares, its starts, and its notices."""

from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlmodel import Field

from .tables import Row, UtcTime

OPEN = sa.text("state IN ('waiting', 'claimed', 'running')")
UNSENT = sa.text("sent_at IS NULL")


class ScheduleRow(Row, table=True):
    """What is known of a workflow's schedule as of `version`; no `expression`: it has none.

    `problem` says why an expression can't be used. `failures` is JSON, a count for each reason;
    `paused` is the pause as it was last seen, to notice when it is lifted.
    """

    __tablename__ = "workflow_schedule"  # pyright: ignore[reportAssignmentType] - SQLModel's own way
    __table_args__ = (sa.Index("ix_workflow_schedule_next", "next_at"),)

    workspace_id: str = Field(primary_key=True, sa_type=sa.Text)
    workflow_id: str = Field(primary_key=True, sa_type=sa.Text)
    version: int
    expression: str | None = Field(default=None, sa_type=sa.Text)
    problem: str | None = Field(default=None, sa_type=sa.Text)
    next_at: datetime | None = Field(default=None, sa_type=UtcTime)
    paused: bool = False
    failures: str = Field(default="{}", sa_type=sa.Text)
    last_failure: str | None = Field(default=None, sa_type=sa.Text)
    warned: bool = False
    average_turns: float | None = None
    last_turns: int | None = None
    last_version: int | None = None
    last_execution_id: str | None = Field(default=None, sa_type=sa.Text)


class ScheduledStartRow(Row, table=True):
    """One tick of one workflow, and what came of it.

    `state` is waiting (until `planned_at`, or for a free place), claimed (being started), running,
    ended, or skipped, with the reason in `note`.
    """

    __tablename__ = "scheduled_start"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        sa.Index(
            "ix_scheduled_start_open",
            "workspace_id",
            "planned_at",
            sqlite_where=OPEN,
            postgresql_where=OPEN,
        ),
        sa.Index("ix_scheduled_start_tick", "tick"),
    )

    workspace_id: str = Field(primary_key=True, sa_type=sa.Text)
    workflow_id: str = Field(primary_key=True, sa_type=sa.Text)
    tick: datetime = Field(primary_key=True, sa_type=UtcTime)
    planned_at: datetime = Field(sa_type=UtcTime)
    state: str = Field(sa_type=sa.Text)
    note: str | None = Field(default=None, sa_type=sa.Text)
    detail: str | None = Field(default=None, sa_type=sa.Text)
    execution_id: str | None = Field(default=None, sa_type=sa.Text)
    updated_at: datetime = Field(sa_type=UtcTime)


class ScheduleNoticeRow(Row, table=True):
    """Something people are to be told, until they have been; `content` is JSON."""

    __tablename__ = "schedule_notice"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        sa.Index(
            "ix_schedule_notice_unsent",
            "created_at",
            sqlite_where=UNSENT,
            postgresql_where=UNSENT,
        ),
    )

    id: str = Field(primary_key=True, sa_type=sa.Text)
    workspace_id: str = Field(sa_type=sa.Text)
    content: str = Field(sa_type=sa.Text)
    created_at: datetime = Field(sa_type=UtcTime)
    attempts: int = 0
    sent_at: datetime | None = Field(default=None, sa_type=UtcTime)


def _table(row: type[Row]) -> sa.Table:
    return cast("Any", row).__table__


SCHEDULE = _table(ScheduleRow)
SCHEDULED_START = _table(ScheduledStartRow)
SCHEDULE_NOTICE = _table(ScheduleNoticeRow)
