"""Fixes that came undone, people's thumbs, levels of autonomy, and where a judged fix came from."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("copilot_outcome", sa.Column("entry", sa.String(), nullable=True))
    op.add_column("copilot_outcome", sa.Column("model", sa.String(), nullable=True))
    op.create_table(
        "copilot_rollback",
        sa.Column("change_id", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("workflow_id", sa.String(), nullable=False),
        sa.Column("fix_type", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("regressed_at", _MOMENT, nullable=False),
        sa.Column("claimed_at", _MOMENT, nullable=True),
        sa.Column("decided_at", _MOMENT, nullable=True),
        sa.Column("told_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("change_id", name="pk_copilot_rollback"),
    )
    op.create_index("ix_copilot_rollback_open", "copilot_rollback", ["workspace_id", "told_at"])
    op.create_table(
        "copilot_feedback",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("analysis_id", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("by_name", sa.String(), nullable=False),
        sa.Column("helpful", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("given_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "analysis_id", "by", name="pk_copilot_feedback"),
    )
    op.create_table(
        "copilot_autonomy",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("fix_type", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("set_by", sa.String(), nullable=False),
        sa.Column("set_by_name", sa.String(), nullable=False),
        sa.Column("set_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "fix_type", name="pk_copilot_autonomy"),
    )
