"""What accounts have used of their quotas, limits set by workspaces, and runs that are parked."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "quota_account",
        sa.Column("workspace_id", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("stopped_until", TIME),
        sa.Column("stop_message", sa.Text),
    )
    op.create_table(
        "quota_use",
        sa.Column("workspace_id", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("unit", sa.Text, primary_key=True),
        sa.Column("span", sa.Text, primary_key=True),
        sa.Column("begins_at", TIME, primary_key=True),
        sa.Column("amount", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "quota_override",
        sa.Column("workspace_id", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("integration", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("updated_by", sa.Text),
    )
    op.create_table(
        "parked_run",
        sa.Column("execution_id", sa.Text, primary_key=True),
        sa.Column("workspace_id", sa.Text, nullable=False),
        sa.Column("workflow_id", sa.Text, nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("parked_at", TIME, nullable=False),
        sa.Column("wake_at", TIME),
        sa.Column("times", sa.Integer, nullable=False),
    )
    op.create_index("ix_parked_run_wake", "parked_run", ["wake_at"])
