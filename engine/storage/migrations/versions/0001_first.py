"""The first schema: definitions, resources, changes, runs and their steps."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TIME = sa.DateTime(timezone=True)
MONEY = sa.String(40)


def upgrade() -> None:
    _definitions()
    _runs()
    counter = op.create_table(
        "engine_counter",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(counter, [{"name": "ended_runs", "value": 0}])


def _definitions() -> None:
    op.create_table(
        "workflow",
        sa.Column("workspace_id", sa.Text, primary_key=True),
        sa.Column("workflow_id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
    )
    op.create_table(
        "workflow_version",
        sa.Column("workspace_id", sa.Text, primary_key=True),
        sa.Column("workflow_id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("definition", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
    )
    op.create_table(
        "workspace_resource",
        sa.Column("workspace_id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("content", sa.Text),
        sa.Column("updated_at", TIME, nullable=False),
    )
    op.create_table(
        "applied_change",
        sa.Column("change_id", sa.Text, primary_key=True),
        sa.Column("workspace_id", sa.Text, nullable=False),
        sa.Column("workflow_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("applied_at", TIME, nullable=False),
    )


def _runs() -> None:
    op.create_table(
        "execution",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("workspace_id", sa.Text, nullable=False),
        sa.Column("workflow_id", sa.Text, nullable=False),
        sa.Column("workflow_version", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("dispatch", sa.Integer, nullable=False),
        sa.Column("run_token", sa.Text),
        sa.Column("resume_mode", sa.Text),
        sa.Column("user_id", sa.Text),
        sa.Column("session_id", sa.Text),
        sa.Column("trigger", sa.Text, nullable=False),
        sa.Column("test_mode", sa.Boolean, nullable=False),
        sa.Column("timeout_seconds", sa.Float),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("started_at", TIME),
        sa.Column("round_started_at", TIME),
        sa.Column("completed_at", TIME),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("steps_total", sa.Integer, nullable=False),
        sa.Column("current_step", sa.Text),
        sa.Column("total_tokens_used", sa.BigInteger, nullable=False),
        sa.Column("total_execution_time_ms", sa.BigInteger, nullable=False),
        sa.Column("total_cost_usd", MONEY),
        sa.Column("end_cursor", sa.BigInteger),
        sa.Column("error", sa.Text),
        sa.Column("inputs", sa.Text, nullable=False),
    )
    op.create_index(
        "ix_execution_workspace", "execution", ["workspace_id", "workflow_id", "created_at"]
    )
    op.create_index("ix_execution_status", "execution", ["status"])
    op.create_index("ix_execution_ended", "execution", ["end_cursor"], unique=True)
    op.create_table(
        "step_run",
        sa.Column("execution_id", sa.Text, primary_key=True),
        sa.Column("round", sa.Integer, primary_key=True),
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("step_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("depth", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("workflow_version", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("superseded_in", sa.Integer),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("execution_time_ms", sa.BigInteger, nullable=False),
        sa.Column("tokens_used", sa.BigInteger, nullable=False),
        sa.Column("cost_usd", MONEY),
        sa.Column("item_count", sa.BigInteger),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("completed_at", TIME),
        sa.Column("feedback", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("output", sa.Text),
    )
    op.create_index("ix_step_run_status", "step_run", ["execution_id", "status"])
