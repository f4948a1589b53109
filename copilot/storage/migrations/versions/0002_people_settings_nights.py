"""Who may come in, what a workspace decided, who did what, answered requests, and nights."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    create_principals()
    create_settings_and_audit()
    create_requests()
    create_nightly()


def moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def string(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.String(), nullable=nullable)


def create_principals() -> None:
    op.create_table(
        "copilot_workspace",
        string("workspace_id"),
        moment("created_at"),
        sa.PrimaryKeyConstraint("workspace_id", name="pk_copilot_workspace"),
    )
    op.create_table(
        "copilot_principal",
        string("principal_id"),
        string("workspace_id"),
        string("name"),
        string("kind"),
        string("role"),
        moment("created_at"),
        sa.PrimaryKeyConstraint("principal_id", name="pk_copilot_principal"),
    )
    op.create_index("ix_copilot_principal_workspace", "copilot_principal", ["workspace_id"])
    op.create_table(
        "copilot_api_key",
        string("key_id"),
        string("principal_id"),
        string("workspace_id"),
        string("name"),
        string("prefix"),
        string("digest"),
        string("created_by"),
        moment("created_at"),
        moment("expires_at", nullable=True),
        moment("last_used_at", nullable=True),
        moment("revoked_at", nullable=True),
        sa.PrimaryKeyConstraint("key_id", name="pk_copilot_api_key"),
        sa.ForeignKeyConstraint(
            ["principal_id"],
            ["copilot_principal.principal_id"],
            name="fk_copilot_api_key_principal_id",
        ),
    )
    op.create_index(
        "ix_copilot_api_key_workspace", "copilot_api_key", ["workspace_id", "created_at"]
    )
    op.create_index("ix_copilot_api_key_principal", "copilot_api_key", ["principal_id"])


def create_settings_and_audit() -> None:
    op.create_table(
        "copilot_workspace_setting",
        string("workspace_id"),
        string("name"),
        sa.Column("value", sa.Text(), nullable=False),
        string("changed_by"),
        moment("changed_at"),
        sa.PrimaryKeyConstraint("workspace_id", "name", name="pk_copilot_workspace_setting"),
    )
    op.create_table(
        "copilot_audit",
        sa.Column("id", sa.Integer(), nullable=False),
        string("workspace_id"),
        moment("at"),
        string("actor"),
        string("actor_kind"),
        string("action"),
        string("subject"),
        sa.Column("details", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_copilot_audit"),
    )
    op.create_index("ix_copilot_audit_workspace", "copilot_audit", ["workspace_id", "id"])


def create_requests() -> None:
    op.create_table(
        "copilot_request",
        string("workspace_id"),
        string("principal_id"),
        string("key"),
        string("fingerprint"),
        string("answered_by"),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("headers", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        moment("created_at"),
        moment("finished_at", nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "principal_id", "key", name="pk_copilot_request"),
    )
    op.create_index("ix_copilot_request_created", "copilot_request", ["created_at"])


def create_nightly() -> None:
    op.create_table(
        "copilot_nightly_pass",
        string("pass_id"),
        string("workspace_id"),
        string("state"),
        sa.Column("first_id", sa.Integer(), nullable=False),
        sa.Column("last_id", sa.Integer(), nullable=False),
        sa.Column("credit_cap", sa.Integer(), nullable=True),
        string("spend_cap_usd", nullable=True),
        moment("started_at"),
        moment("finished_at", nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pass_id", name="pk_copilot_nightly_pass"),
    )
    op.create_index(
        "ix_copilot_nightly_pass_workspace", "copilot_nightly_pass", ["workspace_id", "last_id"]
    )
    op.create_table(
        "copilot_nightly_item",
        string("pass_id"),
        sa.Column("position", sa.Integer(), nullable=False),
        string("workspace_id"),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("credits", sa.Integer(), nullable=False),
        string("cost_usd", nullable=True),
        sa.Column("item", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("pass_id", "position", name="pk_copilot_nightly_item"),
        sa.ForeignKeyConstraint(
            ["pass_id"],
            ["copilot_nightly_pass.pass_id"],
            name="fk_copilot_nightly_item_pass_id",
        ),
    )
