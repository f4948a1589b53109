"""Schedules of workflows, their starts, and what people are to be told of them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

TIME = sa.DateTime(timezone=True)
OPEN = sa.text("state IN ('waiting', 'claimed', 'running')")
UNSENT = sa.text("sent_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "workflow_schedule",
        sa.Column("workspace_id", sa.Text, primary_key=True),
        sa.Column("workflow_id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("expression", sa.Text),
        sa.Column("problem", sa.Text),
        sa.Column("next_at", TIME),
        sa.Column("paused", sa.Boolean, nullable=False),
        sa.Column("failures", sa.Text, nullable=False),
        sa.Column("last_failure", sa.Text),
        sa.Column("warned", sa.Boolean, nullable=False),
        sa.Column("average_turns", sa.Float),
        sa.Column("last_turns", sa.Integer),
        sa.Column("last_version", sa.Integer),
        sa.Column("last_execution_id", sa.Text),
    )
    op.create_index("ix_workflow_schedule_next", "workflow_schedule", ["next_at"])
    _starts()
    _notices()


def _starts() -> None:
    op.create_table(
        "scheduled_start",
        sa.Column("workspace_id", sa.Text, primary_key=True),
        sa.Column("workflow_id", sa.Text, primary_key=True),
        sa.Column("tick", TIME, primary_key=True),
        sa.Column("planned_at", TIME, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("note", sa.Text),
        sa.Column("detail", sa.Text),
        sa.Column("execution_id", sa.Text),
        sa.Column("updated_at", TIME, nullable=False),
    )
    op.create_index(
        "ix_scheduled_start_open",
        "scheduled_start",
        ["workspace_id", "planned_at"],
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_index("ix_scheduled_start_tick", "scheduled_start", ["tick"])


def _notices() -> None:
    op.create_table(
        "schedule_notice",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("workspace_id", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("sent_at", TIME),
    )
    op.create_index(
        "ix_schedule_notice_unsent",
        "schedule_notice",
        ["created_at"],
        sqlite_where=UNSENT,
        postgresql_where=UNSENT,
    )
