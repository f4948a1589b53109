"""The tables of what is learned: fixes that came undone, people's thumbs, and how far types may go."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index
from sqlmodel import Field

from .columns import Base, moment, table_of, text


class RollbackRow(Base, table=True):
    """A fix that has regressed, and what becomes of it. `told_at`: when everybody has heard.

    `claimed_at`: when somebody last began to work on it; others leave it alone for a while.
    """

    __tablename__: ClassVar[Any] = "copilot_rollback"
    __table_args__: ClassVar[Any] = (Index("ix_copilot_rollback_open", "workspace_id", "told_at"),)

    change_id: str = Field(primary_key=True)
    workspace_id: str
    workflow_id: str
    fix_type: str
    state: str
    note: str | None = text(nullable=True)
    regressed_at: datetime = moment()
    claimed_at: datetime | None = moment(nullable=True)
    decided_at: datetime | None = moment(nullable=True)
    told_at: datetime | None = moment(nullable=True)


class FeedbackRow(Base, table=True):
    """One person's thumb on one analysis."""

    __tablename__: ClassVar[Any] = "copilot_feedback"

    workspace_id: str = Field(primary_key=True)
    analysis_id: str = Field(primary_key=True)
    by: str = Field(primary_key=True)
    by_name: str
    helpful: bool
    reason: str = text()
    given_at: datetime = moment()


class AutonomyRow(Base, table=True):
    """How far fixes of a type may go; 'all' is the workspace's own level."""

    __tablename__: ClassVar[Any] = "copilot_autonomy"

    workspace_id: str = Field(primary_key=True)
    fix_type: str = Field(primary_key=True)
    level: str
    set_by: str
    set_by_name: str
    set_at: datetime = moment()


ROLLBACK = table_of(RollbackRow)
FEEDBACK = table_of(FeedbackRow)
AUTONOMY = table_of(AutonomyRow)
