"""What accounts have used, what their workspace says of their limits, and runs that wait for them."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field

from .tables import Row, UtcTime, table_of


class QuotaAccountRow(Row, table=True):
    """An account that has been used; its row is held while something is taken of it.

    `stopped_until` is until when the other side wants no more, `stop_message` what it said.
    """

    __tablename__ = "quota_account"  # pyright: ignore[reportAssignmentType] - SQLModel's own way

    workspace_id: str = Field(primary_key=True, sa_type=sa.Text)
    account: str = Field(primary_key=True, sa_type=sa.Text)
    name: str = Field(sa_type=sa.Text)
    stopped_until: datetime | None = Field(default=None, sa_type=UtcTime)
    stop_message: str | None = Field(default=None, sa_type=sa.Text)


class QuotaUseRow(Row, table=True):
    """How much of a `unit` was used in the `span` (a second or a minute) that began at `begins_at`."""

    __tablename__ = "quota_use"  # pyright: ignore[reportAssignmentType]

    workspace_id: str = Field(primary_key=True, sa_type=sa.Text)
    account: str = Field(primary_key=True, sa_type=sa.Text)
    unit: str = Field(primary_key=True, sa_type=sa.Text)
    span: str = Field(primary_key=True, sa_type=sa.Text)
    begins_at: datetime = Field(primary_key=True, sa_type=UtcTime)
    amount: int = Field(sa_type=sa.BigInteger)


class QuotaOverrideRow(Row, table=True):
    """What a workspace says of one limit of an account; `content` is JSON."""

    __tablename__ = "quota_override"  # pyright: ignore[reportAssignmentType]

    workspace_id: str = Field(primary_key=True, sa_type=sa.Text)
    account: str = Field(primary_key=True, sa_type=sa.Text)
    name: str = Field(primary_key=True, sa_type=sa.Text)
    integration: str = Field(sa_type=sa.Text)
    content: str = Field(sa_type=sa.Text)
    updated_at: datetime = Field(sa_type=UtcTime)
    updated_by: str | None = Field(default=None, sa_type=sa.Text)


class ParkedRunRow(Row, table=True):
    """A run that was parked in `round`; it waits until `wake_at`, and no longer once that is gone."""

    __tablename__ = "parked_run"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (sa.Index("ix_parked_run_wake", "wake_at"),)

    execution_id: str = Field(primary_key=True, sa_type=sa.Text)
    workspace_id: str = Field(sa_type=sa.Text)
    workflow_id: str = Field(sa_type=sa.Text)
    round: int
    reason: str = Field(sa_type=sa.Text)
    parked_at: datetime = Field(sa_type=UtcTime)
    wake_at: datetime | None = Field(default=None, sa_type=UtcTime)
    times: int


QUOTA_ACCOUNT = table_of(QuotaAccountRow)
QUOTA_USE = table_of(QuotaUseRow)
QUOTA_OVERRIDE = table_of(QuotaOverrideRow)
PARKED_RUN = table_of(ParkedRunRow)
