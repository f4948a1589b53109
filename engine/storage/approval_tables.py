"""What people are asked before a run goes on, and what they said."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field

from .tables import Row, UtcTime, table_of


class ApprovalRow(Row, table=True):
    """One question of one round. It is open while it waits and its run has not ended."""

    __tablename__ = "approval"  # pyright: ignore[reportAssignmentType] - SQLModel's own way
    __table_args__ = (sa.Index("ix_approval_open", "workspace_id", "status", "asked_at"),)

    execution_id: str = Field(primary_key=True, sa_type=sa.Text)
    round: int = Field(primary_key=True)
    path: str = Field(primary_key=True, sa_type=sa.Text)
    workspace_id: str = Field(sa_type=sa.Text)
    workflow_id: str = Field(sa_type=sa.Text)
    step_id: str = Field(sa_type=sa.Text)
    name: str = Field(sa_type=sa.Text)
    message: str = Field(sa_type=sa.Text)
    role: str | None = Field(default=None, sa_type=sa.Text)
    status: str = Field(sa_type=sa.Text)
    asked_at: datetime = Field(sa_type=UtcTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcTime)
    decided_at: datetime | None = Field(default=None, sa_type=UtcTime)
    decided_by: str | None = Field(default=None, sa_type=sa.Text)
    comment: str | None = Field(default=None, sa_type=sa.Text)


APPROVAL = table_of(ApprovalRow)
