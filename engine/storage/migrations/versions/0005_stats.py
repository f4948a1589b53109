"""What was learned from runs. It starts with those that end from now on."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

TIME = sa.DateTime(timezone=True)
WHOLE = sa.String(60)


def upgrade() -> None:
    op.create_table(
        "workflow_execution_stats",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("workspace_id", sa.Text, nullable=False),
        sa.Column("pattern", sa.Text, nullable=False),
        sa.Column("step_count", sa.Integer, nullable=False),
        sa.Column("avg_docs_per_step", sa.Float),
        sa.Column("avg_cost_per_step_micros", sa.Float),
        sa.Column("avg_duration_per_step_ms", sa.Float),
        sa.Column("success_rate", sa.Float, nullable=False),
        sa.Column("common_failures", sa.Text, nullable=False),
        sa.Column("runtime_breakdown", sa.Text, nullable=False),
        sa.Column("sample_count", sa.Integer, nullable=False),
        sa.Column("succeeded", sa.Integer, nullable=False),
        sa.Column("steps", sa.BigInteger, nullable=False),
        sa.Column("duration_ms", sa.BigInteger, nullable=False),
        sa.Column("agent_steps", sa.BigInteger, nullable=False),
        sa.Column("documents", sa.BigInteger, nullable=False),
        sa.Column("priced_steps", sa.BigInteger, nullable=False),
        sa.Column("cost_micros", WHOLE, nullable=False),
        sa.Column("cost_squares", WHOLE, nullable=False),
        sa.Column("last_updated", TIME, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.UniqueConstraint("workspace_id", "pattern", "step_count", name="uq_stats_shape"),
    )
    op.create_table(
        "run_facts",
        sa.Column("execution_id", sa.Text, primary_key=True),
        sa.Column("workspace_id", sa.Text, nullable=False),
        sa.Column("pattern", sa.Text, nullable=False),
        sa.Column("step_count", sa.Integer, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
    )
    op.create_index("ix_run_facts_workspace", "run_facts", ["workspace_id"])
