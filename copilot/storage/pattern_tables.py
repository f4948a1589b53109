"""Tables of repeated failures: where each stands, how it got there, and what its runs cost."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlmodel import Field

from .columns import Base, moment, table_of, text


class PatternRow(Base, table=True):
    """A failure that was repeated often enough once. `passed`: successful runs since the last."""

    __tablename__: ClassVar[Any] = "copilot_pattern"
    __table_args__: ClassVar[Any] = (
        UniqueConstraint("workspace_id", "workflow_id", "signature"),
        Index("ix_copilot_pattern_live", "workspace_id", "workflow_id", "live"),
        Index("ix_copilot_pattern_newest", "workspace_id", "live", "last_occurred"),
    )

    pattern_id: str = Field(primary_key=True)
    workspace_id: str
    workflow_id: str
    signature: str
    label: str = text()
    live: bool
    state: str
    since: datetime = moment()
    detected_at: datetime = moment()
    first_occurred: datetime = moment()
    last_occurred: datetime = moment()
    last_execution_id: str
    workflow_version: int | None
    failures: int
    passed: int
    dismissed_by: str | None
    dismissed_by_name: str | None
    dismissed_at: datetime | None = moment(nullable=True)
    dismissed_reason: str | None = text(nullable=True)
    dismissed_failures: int | None
    dismissed_version: int | None


class PatternTurnRow(Base, table=True):
    """A change of state; rows are only ever added."""

    __tablename__: ClassVar[Any] = "copilot_pattern_turn"
    __table_args__: ClassVar[Any] = (
        Index("ix_copilot_pattern_turn_pattern", "workspace_id", "pattern_id", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    workspace_id: str
    pattern_id: str = Field(foreign_key="copilot_pattern.pattern_id")
    state: str
    at: datetime = moment()
    reason: str = text()
    by_name: str | None


class FailedRunRow(Base, table=True):
    """What a failed run was started by and what it used; null is unknown."""

    __tablename__: ClassVar[Any] = "copilot_failed_run"
    __table_args__: ClassVar[Any] = (
        Index(
            "ix_copilot_failed_run_group",
            "workspace_id",
            "workflow_id",
            "signature",
            "occurred_at",
        ),
    )

    workspace_id: str = Field(primary_key=True)
    execution_id: str = Field(primary_key=True)
    workflow_id: str
    signature: str
    occurred_at: datetime = moment()
    trigger: str | None
    started_by: str | None
    tokens: int | None = Field(sa_type=BigInteger)
    credits: float | None
    cost_usd: str | None


class LastRunsRow(Base, table=True):
    """How the last runs of a workflow ended, as JSON: a short list, however many there were."""

    __tablename__: ClassVar[Any] = "copilot_last_runs"

    workspace_id: str = Field(primary_key=True)
    workflow_id: str = Field(primary_key=True)
    runs: str = text()


PATTERN = table_of(PatternRow)
PATTERN_TURN = table_of(PatternTurnRow)
FAILED_RUN = table_of(FailedRunRow)
LAST_RUNS = table_of(LastRunsRow)
