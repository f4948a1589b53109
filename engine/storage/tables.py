"""The engine's tables. They are the only truth about a run; the dispatcher's own tables are not."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel


class UtcTime(sa.types.TypeDecorator[datetime]):
    """An aware datetime in UTC. SQLite drops the zone and Postgres changes it: it is put back."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def bind_processor(self, dialect: sa.Dialect) -> Any:
        """For SQLite the text that SQLAlchemy makes, several times faster: every step has two."""
        return _sqlite_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _sqlite_text(value: datetime | None) -> str | None:
    if value is None:
        return None
    aware = value if value.tzinfo is UTC else value.astimezone(UTC)
    return aware.isoformat(" ", "microseconds")[:26]


class Money(sa.types.TypeDecorator[Decimal]):
    """USD as exact text: SQLite has no decimal type."""

    impl = sa.String(40)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


class Row(SQLModel, registry=registry()):
    """Base of the tables, with a catalog of their own: the copilot shares the database."""


class WorkflowRow(Row, table=True):
    """The head of a workflow: which version is the newest, and since when it is paused if it is."""

    __tablename__ = "workflow"  # pyright: ignore[reportAssignmentType] - SQLModel's own way

    workspace_id: str = Field(primary_key=True, sa_type=sa.Text)
    workflow_id: str = Field(primary_key=True, sa_type=sa.Text)
    version: int
    created_at: datetime = Field(sa_type=UtcTime)
    updated_at: datetime = Field(sa_type=UtcTime)
    paused_at: datetime | None = Field(default=None, sa_type=UtcTime)
    paused_by: str | None = Field(default=None, sa_type=sa.Text)
    pause_reason: str | None = Field(default=None, sa_type=sa.Text)


class WorkflowVersionRow(Row, table=True):
    """One version of a workflow, written once. `name` is the definition's, to list it by."""

    __tablename__ = "workflow_version"  # pyright: ignore[reportAssignmentType]

    workspace_id: str = Field(primary_key=True, sa_type=sa.Text)
    workflow_id: str = Field(primary_key=True, sa_type=sa.Text)
    version: int = Field(primary_key=True)
    definition: str = Field(sa_type=sa.Text)
    created_at: datetime = Field(sa_type=UtcTime)
    name: str = Field(sa_type=sa.Text)


class ResourceRow(Row, table=True):
    """A workspace resource. A deleted one keeps its row, so that its version goes on growing."""

    __tablename__ = "workspace_resource"  # pyright: ignore[reportAssignmentType]

    workspace_id: str = Field(primary_key=True, sa_type=sa.Text)
    kind: str = Field(primary_key=True, sa_type=sa.Text)
    name: str = Field(primary_key=True, sa_type=sa.Text)
    version: int
    content: str | None = Field(sa_type=sa.Text)
    updated_at: datetime = Field(sa_type=UtcTime)


class AppliedChangeRow(Row, table=True):
    """A change that has been applied, so that applying it again does nothing."""

    __tablename__ = "applied_change"  # pyright: ignore[reportAssignmentType]

    change_id: str = Field(primary_key=True, sa_type=sa.Text)
    workspace_id: str = Field(sa_type=sa.Text)
    workflow_id: str = Field(sa_type=sa.Text)
    version: int
    applied_at: datetime = Field(sa_type=UtcTime)


class RequestRow(Row, table=True):
    """What a caller's key stands for, so that the same request again does nothing."""

    __tablename__ = "engine_request"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (sa.Index("ix_engine_request_created", "created_at"),)

    workspace_id: str = Field(primary_key=True, sa_type=sa.Text)
    request_key: str = Field(primary_key=True, sa_type=sa.Text)
    kind: str = Field(sa_type=sa.Text)
    subject_id: str = Field(sa_type=sa.Text)
    number: int
    created_at: datetime = Field(sa_type=UtcTime)


class CounterRow(Row, table=True):
    """A number that only grows. Its row lock makes commit order and number order the same."""

    __tablename__ = "engine_counter"  # pyright: ignore[reportAssignmentType]

    name: str = Field(primary_key=True, sa_type=sa.Text)
    value: int = Field(sa_type=sa.BigInteger)


class ExecutionRow(Row, table=True):
    """One run. `run_token` is the fence: only the interpreter that holds it may write steps.

    `paused_seconds` is how long this round has waited for people, `wake_at` when it goes on without
    them, `recoveries` how often it was queued again because its dispatch was lost. `own_timeout`
    says whether its start gave it its limit; null is a run from before that was kept.
    """

    __tablename__ = "execution"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        sa.Index("ix_execution_workspace", "workspace_id", "workflow_id", "created_at"),
        sa.Index("ix_execution_listed", "workspace_id", "created_at", "id"),
        sa.Index("ix_execution_status", "status"),
        sa.Index("ix_execution_ended", "end_cursor", unique=True),
    )

    id: str = Field(primary_key=True, sa_type=sa.Text)
    workspace_id: str = Field(sa_type=sa.Text)
    workflow_id: str = Field(sa_type=sa.Text)
    workflow_version: int
    status: str = Field(sa_type=sa.Text)
    round: int = 1
    dispatch: int = 1
    run_token: str | None = Field(default=None, sa_type=sa.Text)
    resume_mode: str | None = Field(default=None, sa_type=sa.Text)
    user_id: str | None = Field(default=None, sa_type=sa.Text)
    session_id: str | None = Field(default=None, sa_type=sa.Text)
    trigger: str = Field(default="manual", sa_type=sa.Text)
    test_mode: bool = False
    timeout_seconds: float | None = None
    created_at: datetime = Field(sa_type=UtcTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcTime)
    round_started_at: datetime | None = Field(default=None, sa_type=UtcTime)
    completed_at: datetime | None = Field(default=None, sa_type=UtcTime)
    updated_at: datetime = Field(sa_type=UtcTime)
    steps_total: int
    current_step: str | None = Field(default=None, sa_type=sa.Text)
    total_tokens_used: int = Field(default=0, sa_type=sa.BigInteger)
    total_execution_time_ms: int = Field(default=0, sa_type=sa.BigInteger)
    total_cost_usd: Decimal | None = Field(default=None, sa_type=Money)
    end_cursor: int | None = Field(default=None, sa_type=sa.BigInteger)
    error: str | None = Field(default=None, sa_type=sa.Text)
    inputs: str = Field(sa_type=sa.Text)
    paused_at: datetime | None = Field(default=None, sa_type=UtcTime)
    paused_seconds: float = 0.0
    wake_at: datetime | None = Field(default=None, sa_type=UtcTime)
    recoveries: int = 0
    resume_report: str | None = Field(default=None, sa_type=sa.Text)
    estimate: str | None = Field(default=None, sa_type=sa.Text)
    own_timeout: bool | None = None


_USED = sa.text("tokens_used > 0 OR cost_usd IS NOT NULL")


class StepRunRow(Row, table=True):
    """A step of a run, written when it ends; `superseded_in` is the round that put it aside.

    `turns` counts the answers of its model, over all attempts. `effect` is true once it has set out to do something that can't be repeated. `output` is the
    last column: on SQLite a long row's other columns are then read without it.
    """

    __tablename__ = "step_run"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        # Progress is counted from it alone, however many steps there are.
        sa.Index(
            "ix_step_run_status",
            "execution_id",
            "status",
            "depth",
            "superseded_in",
            "completed_at",
        ),
        # Only steps that used something: what a day has used is asked before each of them.
        sa.Index("ix_step_run_used", "completed_at", sqlite_where=_USED, postgresql_where=_USED),
    )

    execution_id: str = Field(primary_key=True, sa_type=sa.Text)
    round: int = Field(primary_key=True)
    path: str = Field(primary_key=True, sa_type=sa.Text)
    step_id: str = Field(sa_type=sa.Text)
    number: int
    depth: int = 1
    name: str = Field(sa_type=sa.Text)
    action: str = Field(sa_type=sa.Text)
    kind: str = Field(sa_type=sa.Text)
    effect: bool = False
    workflow_version: int
    status: str = Field(sa_type=sa.Text)
    superseded_in: int | None = None
    attempts: int
    turns: int = 0
    execution_time_ms: int = Field(default=0, sa_type=sa.BigInteger)
    tokens_used: int = Field(default=0, sa_type=sa.BigInteger)
    cost_usd: Decimal | None = Field(default=None, sa_type=Money)
    item_count: int | None = Field(default=None, sa_type=sa.BigInteger)
    started_at: datetime = Field(sa_type=UtcTime)
    completed_at: datetime | None = Field(default=None, sa_type=UtcTime)
    feedback: str | None = Field(default=None, sa_type=sa.Text)
    fallback: str | None = Field(default=None, sa_type=sa.Text)
    error: str | None = Field(default=None, sa_type=sa.Text)
    output: str | None = Field(default=None, sa_type=sa.Text)


def table_of(row: type[Row]) -> sa.Table:
    """The table that *row* describes."""
    return cast("Any", row).__table__


METADATA: sa.MetaData = Row.metadata
WORKFLOW = table_of(WorkflowRow)
WORKFLOW_VERSION = table_of(WorkflowVersionRow)
RESOURCE = table_of(ResourceRow)
APPLIED_CHANGE = table_of(AppliedChangeRow)
REQUEST = table_of(RequestRow)
COUNTER = table_of(CounterRow)
EXECUTION = table_of(ExecutionRow)
STEP_RUN = table_of(StepRunRow)

ENDED = "ended_runs"
