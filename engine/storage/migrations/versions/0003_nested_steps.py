"""Steps inside steps, approvals, pauses, and what a resume has kept."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _steps()
    for column in (
        sa.Column("paused_at", TIME),
        sa.Column("paused_seconds", sa.Float, nullable=False, server_default="0"),
        sa.Column("wake_at", TIME),
        sa.Column("recoveries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("resume_report", sa.Text),
        sa.Column("estimate", sa.Text),
    ):
        op.add_column("execution", column)
    op.create_table(
        "approval",
        sa.Column("execution_id", sa.Text, primary_key=True),
        sa.Column("round", sa.Integer, primary_key=True),
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("workspace_id", sa.Text, nullable=False),
        sa.Column("workflow_id", sa.Text, nullable=False),
        sa.Column("step_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("role", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("expires_at", TIME),
        sa.Column("decided_at", TIME),
        sa.Column("decided_by", sa.Text),
        sa.Column("comment", sa.Text),
    )
    op.create_index("ix_approval_open", "approval", ["workspace_id", "status", "asked_at"])


def _steps() -> None:
    """On SQLite the table is written anew: its output has to stay the last column."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    with op.batch_alter_table("step_run", recreate="always" if is_sqlite else "never") as table:
        for column in (
            sa.Column("kind", sa.Text, nullable=False, server_default="tool"),
            sa.Column("effect", sa.Boolean, nullable=False, server_default=sa.false()),
            sa.Column("fallback", sa.Text),
        ):
            if is_sqlite:
                table.add_column(column, insert_before="output")
            else:
                table.add_column(column)
    op.execute("UPDATE step_run SET kind = 'agent' WHERE action = 'agent'")
