"""The first tables of the copilot."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_failures()
    create_analyses()
    create_changes()
    create_credits()


def create_failures() -> None:
    op.create_table(
        "copilot_failure",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("execution_id", sa.String(), nullable=False),
        sa.Column("occurrence", sa.BigInteger(), nullable=False),
        sa.Column("workflow_id", sa.String(), nullable=False),
        sa.Column("workflow_version", sa.Integer(), nullable=True),
        sa.Column("test_mode", sa.Boolean(), nullable=False),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.Column("step_path", sa.String(), nullable=True),
        sa.Column("step_number", sa.Integer(), nullable=True),
        sa.Column("action", sa.String(), nullable=True),
        sa.Column("signature", sa.String(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("entities", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("later_failures", sa.Integer(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_copilot_failure"),
        sa.UniqueConstraint(
            "workspace_id",
            "execution_id",
            "occurrence",
            name="uq_copilot_failure_workspace_id_execution_id_occurrence",
        ),
    )
    op.create_index(
        "ix_copilot_failure_group", "copilot_failure", ["workspace_id", "signature", "id"]
    )
    op.create_index(
        "ix_copilot_failure_recent",
        "copilot_failure",
        ["workspace_id", "workflow_id", "counted", "occurred_at", "id"],
    )
    op.create_table(
        "copilot_group_alias",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.Column("root", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "signature", name="pk_copilot_group_alias"),
    )
    op.create_table(
        "copilot_source_cursor",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "source", name="pk_copilot_source_cursor"),
    )


def create_analyses() -> None:
    op.create_table(
        "copilot_analysis",
        sa.Column("analysis_id", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("execution_id", sa.String(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=False),
        sa.Column("failure_id", sa.Integer(), nullable=True),
        sa.Column("workflow_id", sa.String(), nullable=False),
        sa.Column("workflow_version", sa.Integer(), nullable=True),
        sa.Column("step_path", sa.String(), nullable=True),
        sa.Column("signature", sa.String(), nullable=False),
        sa.Column("reuse_key", sa.String(), nullable=False),
        sa.Column("root_cause", sa.String(), nullable=False),
        sa.Column("produced_by", sa.String(), nullable=False),
        sa.Column("credits", sa.Integer(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["failure_id"], ["copilot_failure.id"], name="fk_copilot_analysis_failure_id"
        ),
        sa.PrimaryKeyConstraint("analysis_id", name="pk_copilot_analysis"),
        sa.UniqueConstraint(
            "workspace_id",
            "idempotency_key",
            name="uq_copilot_analysis_workspace_id_idempotency_key",
        ),
    )
    op.create_index(
        "ix_copilot_analysis_execution",
        "copilot_analysis",
        ["workspace_id", "execution_id", "created_at"],
    )
    op.create_index(
        "ix_copilot_analysis_reuse", "copilot_analysis", ["workspace_id", "reuse_key", "created_at"]
    )
    op.create_table(
        "copilot_suggested_fix",
        sa.Column("fix_id", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("analysis_id", sa.String(), nullable=False),
        sa.Column("workflow_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("fix_type", sa.String(), nullable=False),
        sa.Column("fix", sa.Text(), nullable=False),
        sa.Column("preview", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["analysis_id"],
            ["copilot_analysis.analysis_id"],
            name="fk_copilot_suggested_fix_analysis_id",
        ),
        sa.PrimaryKeyConstraint("fix_id", name="pk_copilot_suggested_fix"),
    )
    op.create_index(
        "ix_copilot_suggested_fix_analysis",
        "copilot_suggested_fix",
        ["workspace_id", "analysis_id", "position"],
    )


def create_changes() -> None:
    op.create_table(
        "copilot_approval",
        sa.Column("approval_id", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("fix_id", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("base_version", sa.Integer(), nullable=False),
        sa.Column("base_digest", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("approval_id", name="pk_copilot_approval"),
    )
    op.create_table(
        "copilot_change",
        sa.Column("change_id", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("workflow_id", sa.String(), nullable=False),
        sa.Column("fix_id", sa.String(), nullable=False),
        sa.Column("fix_type", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("reverses", sa.String(), nullable=True),
        sa.Column("reversed_by", sa.String(), nullable=True),
        sa.Column("approval_id", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("base_version", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undo_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("change_id", name="pk_copilot_change"),
        sa.UniqueConstraint("approval_id", name="uq_copilot_change_approval_id"),
    )
    op.create_index("ix_copilot_change_fix", "copilot_change", ["workspace_id", "fix_id"])
    op.create_index("ix_copilot_change_state", "copilot_change", ["state", "created_at"])
    op.create_index(
        "ix_copilot_change_workflow",
        "copilot_change",
        ["workspace_id", "workflow_id", "created_at"],
    )
    op.create_table(
        "copilot_outcome",
        sa.Column("change_id", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("workflow_id", sa.String(), nullable=False),
        sa.Column("fix_type", sa.String(), nullable=False),
        sa.Column("root_cause", sa.String(), nullable=False),
        sa.Column("produced_by", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("base_version", sa.Integer(), nullable=False),
        sa.Column("step_path", sa.String(), nullable=True),
        sa.Column("signature", sa.String(), nullable=False),
        sa.Column("needed", sa.Integer(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("passed", sa.Integer(), nullable=False),
        sa.Column("unreached", sa.Integer(), nullable=False),
        sa.Column("undecided", sa.Integer(), nullable=False),
        sa.Column("regressed_in", sa.String(), nullable=True),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["change_id"], ["copilot_change.change_id"], name="fk_copilot_outcome_change_id"
        ),
        sa.PrimaryKeyConstraint("change_id", name="pk_copilot_outcome"),
    )
    op.create_index(
        "ix_copilot_outcome_open", "copilot_outcome", ["workspace_id", "workflow_id", "open"]
    )
    op.create_table(
        "copilot_judged_run",
        sa.Column("change_id", sa.String(), nullable=False),
        sa.Column("execution_id", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("finding", sa.String(), nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["change_id"], ["copilot_outcome.change_id"], name="fk_copilot_judged_run_change_id"
        ),
        sa.PrimaryKeyConstraint("change_id", "execution_id", name="pk_copilot_judged_run"),
    )


def create_credits() -> None:
    op.create_table(
        "copilot_ledger_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("credits", sa.Integer(), nullable=False),
        sa.Column("effect", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_copilot_ledger_entry"),
        sa.UniqueConstraint(
            "workspace_id", "key", "kind", name="uq_copilot_ledger_entry_workspace_id_key_kind"
        ),
    )
    op.create_index("ix_copilot_ledger_entry_kind", "copilot_ledger_entry", ["kind", "created_at"])
    op.create_index(
        "ix_copilot_ledger_entry_time", "copilot_ledger_entry", ["workspace_id", "created_at"]
    )
    op.create_table(
        "copilot_workspace_limit",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("balance", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", name="pk_copilot_workspace_limit"),
    )
