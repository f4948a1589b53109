"""Repeated failures: where each stands and how it got there, and what failed runs used."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    create_patterns()
    create_turns()
    create_runs()


def moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def string(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.String(), nullable=nullable)


def whole(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Integer(), nullable=nullable)


def create_patterns() -> None:
    op.create_table(
        "copilot_pattern",
        string("pattern_id"),
        string("workspace_id"),
        string("workflow_id"),
        string("signature"),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        string("state"),
        moment("since"),
        moment("detected_at"),
        moment("first_occurred"),
        moment("last_occurred"),
        string("last_execution_id"),
        whole("workflow_version", nullable=True),
        whole("failures"),
        whole("passed"),
        string("dismissed_by", nullable=True),
        string("dismissed_by_name", nullable=True),
        moment("dismissed_at", nullable=True),
        sa.Column("dismissed_reason", sa.Text(), nullable=True),
        whole("dismissed_failures", nullable=True),
        whole("dismissed_version", nullable=True),
        sa.PrimaryKeyConstraint("pattern_id", name="pk_copilot_pattern"),
        sa.UniqueConstraint(
            "workspace_id",
            "workflow_id",
            "signature",
            name="uq_copilot_pattern_workspace_id_workflow_id_signature",
        ),
    )
    op.create_index(
        "ix_copilot_pattern_live", "copilot_pattern", ["workspace_id", "workflow_id", "live"]
    )
    op.create_index(
        "ix_copilot_pattern_newest", "copilot_pattern", ["workspace_id", "live", "last_occurred"]
    )


def create_turns() -> None:
    op.create_table(
        "copilot_pattern_turn",
        whole("id"),
        string("workspace_id"),
        string("pattern_id"),
        string("state"),
        moment("at"),
        sa.Column("reason", sa.Text(), nullable=False),
        string("by_name", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_copilot_pattern_turn"),
        sa.ForeignKeyConstraint(
            ["pattern_id"],
            ["copilot_pattern.pattern_id"],
            name="fk_copilot_pattern_turn_pattern_id",
        ),
    )
    op.create_index(
        "ix_copilot_pattern_turn_pattern",
        "copilot_pattern_turn",
        ["workspace_id", "pattern_id", "id"],
    )


def create_runs() -> None:
    op.create_table(
        "copilot_failed_run",
        string("workspace_id"),
        string("execution_id"),
        string("workflow_id"),
        string("signature"),
        moment("occurred_at"),
        string("trigger", nullable=True),
        string("started_by", nullable=True),
        sa.Column("tokens", sa.BigInteger(), nullable=True),
        sa.Column("credits", sa.Float(), nullable=True),
        string("cost_usd", nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "execution_id", name="pk_copilot_failed_run"),
    )
    op.create_index(
        "ix_copilot_failed_run_group",
        "copilot_failed_run",
        ["workspace_id", "workflow_id", "signature", "occurred_at"],
    )
    op.create_table(
        "copilot_last_runs",
        string("workspace_id"),
        string("workflow_id"),
        sa.Column("runs", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "workflow_id", name="pk_copilot_last_runs"),
    )
