"""The table of standing approvals; how each was used is in the approvals that it gave."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index
from sqlmodel import Field

from .columns import Base, moment, table_of


class StandingApprovalRow(Base, table=True):
    """An owner's signature for fixes to come; without a `workflow_id` in every workflow."""

    __tablename__: ClassVar[Any] = "copilot_standing_approval"
    __table_args__: ClassVar[Any] = (
        Index("ix_copilot_standing_approval_type", "workspace_id", "fix_type"),
    )

    standing_id: str = Field(primary_key=True)
    workspace_id: str
    fix_type: str
    workflow_id: str | None
    max_uses: int
    max_uses_per_day: int | None
    created_by: str
    created_by_name: str
    created_at: datetime = moment()
    expires_at: datetime = moment()
    revoked_by: str | None
    revoked_by_name: str | None
    revoked_at: datetime | None = moment(nullable=True)


STANDING_APPROVAL = table_of(StandingApprovalRow)
