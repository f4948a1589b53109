"""Approvals by two people and standing ones, and an audit whose entries are chained together."""

import sqlalchemy as sa
from alembic import op

from copilot.storage.audit_chain import NOTHING_BEFORE, entry_digest

revision = "0008"
down_revision = "0007"

_AT_ONCE = 500


def upgrade() -> None:
    add_to_approvals()
    create_standing()
    chain_audit()


def string(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.String(), nullable=nullable)


def moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def add_to_approvals() -> None:
    op.add_column(
        "copilot_approval",
        sa.Column("needs_second", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("copilot_approval", string("second_actor", nullable=True))
    op.add_column("copilot_approval", string("second_request", nullable=True))
    op.add_column("copilot_approval", moment("second_at", nullable=True))
    op.add_column("copilot_approval", string("standing_id", nullable=True))
    op.create_index("ix_copilot_approval_fix", "copilot_approval", ["workspace_id", "fix_id"])
    op.create_index(
        "ix_copilot_approval_standing", "copilot_approval", ["workspace_id", "standing_id"]
    )


def create_standing() -> None:
    op.create_table(
        "copilot_standing_approval",
        string("standing_id"),
        string("workspace_id"),
        string("fix_type"),
        string("workflow_id", nullable=True),
        sa.Column("max_uses", sa.Integer(), nullable=False),
        sa.Column("max_uses_per_day", sa.Integer(), nullable=True),
        sa.Column("confirmed_only", sa.Boolean(), nullable=False),
        sa.Column("tried_only", sa.Boolean(), nullable=False),
        string("created_by"),
        string("created_by_name"),
        moment("created_at"),
        moment("expires_at"),
        string("revoked_by", nullable=True),
        string("revoked_by_name", nullable=True),
        moment("revoked_at", nullable=True),
        sa.PrimaryKeyConstraint("standing_id", name="pk_copilot_standing_approval"),
    )
    op.create_index(
        "ix_copilot_standing_approval_type",
        "copilot_standing_approval",
        ["workspace_id", "fix_type"],
    )


def chain_audit() -> None:
    op.add_column("copilot_audit", string("previous", nullable=True))
    op.add_column("copilot_audit", string("digest", nullable=True))
    op.create_table(
        "copilot_audit_head",
        string("workspace_id"),
        sa.Column("entry_id", sa.Integer(), nullable=True),
        string("digest"),
        sa.Column("entries", sa.Integer(), nullable=False),
        moment("at", nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", name="pk_copilot_audit_head"),
    )
    tables = sa.MetaData()
    tables.reflect(op.get_bind(), only=["copilot_audit", "copilot_audit_head"])
    audit, head = tables.tables["copilot_audit"], tables.tables["copilot_audit_head"]
    workspaces = sa.select(audit.c.workspace_id).distinct()
    for workspace_id in op.get_bind().execute(workspaces).scalars().all():
        op.get_bind().execute(head.insert(), _chained(audit, workspace_id))
    with op.batch_alter_table("copilot_audit") as batch:
        batch.alter_column("previous", existing_type=sa.String(), nullable=False)
        batch.alter_column("digest", existing_type=sa.String(), nullable=False)


def _chained(audit: sa.Table, workspace_id: str) -> dict[str, object]:
    """Give each entry of a workspace its digest; the workspace's head."""
    connection = op.get_bind()
    head: dict[str, object] = {"workspace_id": workspace_id, "digest": NOTHING_BEFORE, "entries": 0}
    last, count = 0, 0
    fill = audit.update().where(audit.c.id == sa.bindparam("own_id"))
    fill = fill.values(previous=sa.bindparam("own_previous"), digest=sa.bindparam("own_digest"))
    wanted = sa.select(audit).where(audit.c.workspace_id == workspace_id).order_by(audit.c.id)
    while rows := list(
        connection.execute(wanted.where(audit.c.id > last).limit(_AT_ONCE)).mappings()
    ):
        written: list[dict[str, object]] = []
        for row in rows:
            entry = {**row, "previous": head["digest"]}
            digest = entry_digest(workspace_id, entry)
            written.append(
                {"own_id": row["id"], "own_previous": entry["previous"], "own_digest": digest}
            )
            last, count = row["id"], count + 1
            head |= {"entry_id": row["id"], "digest": digest, "at": row["at"], "entries": count}
        connection.execute(fill, written)
    return head
