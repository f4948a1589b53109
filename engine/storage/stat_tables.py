"""The tables of what was learned from runs: totals for each shape, and each run's part in them."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field

from .tables import Row, UtcTime, table_of


class Whole(sa.types.TypeDecorator[int]):
    """A whole number of any size, as text: a sum of squares outgrows 64 bits."""

    impl = sa.String(60)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else int(value)


class StatsRow(Row, table=True):
    """What the runs of one shape of workflow have in common, in one workspace.

    The averages follow from the sums beside them. `common_failures` is JSON, a count for each
    error code; `runtime_breakdown` JSON, for each runtime its rate and what it was counted from.
    Costs are in millionths of a dollar; `cost_squares` is the sum of their squares.
    """

    __tablename__ = "workflow_execution_stats"  # pyright: ignore[reportAssignmentType] - SQLModel's
    __table_args__ = (
        sa.UniqueConstraint("workspace_id", "pattern", "step_count", name="uq_stats_shape"),
    )

    id: str = Field(primary_key=True, sa_type=sa.Text)
    workspace_id: str = Field(sa_type=sa.Text)
    pattern: str = Field(sa_type=sa.Text)
    step_count: int
    avg_docs_per_step: float | None = None
    avg_cost_per_step_micros: float | None = None
    avg_duration_per_step_ms: float | None = None
    success_rate: float
    common_failures: str = Field(sa_type=sa.Text)
    runtime_breakdown: str = Field(sa_type=sa.Text)
    sample_count: int
    succeeded: int
    steps: int = Field(sa_type=sa.BigInteger)
    duration_ms: int = Field(sa_type=sa.BigInteger)
    agent_steps: int = Field(sa_type=sa.BigInteger)
    documents: int = Field(sa_type=sa.BigInteger)
    priced_steps: int = Field(sa_type=sa.BigInteger)
    cost_micros: int = Field(sa_type=Whole)
    cost_squares: int = Field(sa_type=Whole)
    last_updated: datetime = Field(sa_type=UtcTime)
    created_at: datetime = Field(sa_type=UtcTime)


class RunFactsRow(Row, table=True):
    """What one run has added to the totals of its shape, to take it out when it ends again."""

    __tablename__ = "run_facts"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (sa.Index("ix_run_facts_workspace", "workspace_id"),)

    execution_id: str = Field(primary_key=True, sa_type=sa.Text)
    workspace_id: str = Field(sa_type=sa.Text)
    pattern: str = Field(sa_type=sa.Text)
    step_count: int
    facts: str = Field(sa_type=sa.Text)


STATS = table_of(StatsRow)
RUN_FACTS = table_of(RunFactsRow)
