"""Rules that people make about groups of failures, and the group of each signature at a look.

A signature may have several aliases from now on: one that a person's rule overrules stays, and a
later one counts beside it.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

Row: TypeAlias = dict[str, Any]
_ALIAS = "copilot_group_alias"


def upgrade() -> None:
    aliases = read_aliases()
    op.drop_table(_ALIAS)
    create_aliases()
    create_rules()
    create_members()
    if aliases:
        op.bulk_insert(table(_ALIAS), aliases)
    members = members_by(aliases)
    if members:
        op.bulk_insert(table("copilot_group_member"), members)


def string(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.String(), nullable=nullable)


def table(name: str) -> sa.Table:
    return sa.Table(name, sa.MetaData(), autoload_with=op.get_bind())


def read_aliases() -> list[Row]:
    aliases = table(_ALIAS)
    in_order = sa.select(aliases).order_by(aliases.c.created_at, aliases.c.signature)
    return [dict(row) for row in op.get_bind().execute(in_order).mappings()]


def create_aliases() -> None:
    op.create_table(
        _ALIAS,
        sa.Column("id", sa.Integer(), nullable=False),
        string("workspace_id"),
        string("signature"),
        string("root"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_copilot_group_alias"),
    )
    op.create_index("ix_copilot_group_alias_signature", _ALIAS, ["workspace_id", "signature"])
    op.create_index("ix_copilot_group_alias_root", _ALIAS, ["workspace_id", "root"])


def create_rules() -> None:
    op.create_table(
        "copilot_group_rule",
        string("rule_id"),
        string("workspace_id"),
        string("kind"),
        string("signature"),
        string("other", nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        string("made_by"),
        string("made_by_name"),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("rule_id", name="pk_copilot_group_rule"),
    )
    op.create_index(
        "ix_copilot_group_rule_workspace",
        "copilot_group_rule",
        ["workspace_id", "kind", "made_at"],
    )


def create_members() -> None:
    op.create_table(
        "copilot_group_member",
        string("workspace_id"),
        string("signature"),
        string("root"),
        sa.PrimaryKeyConstraint("workspace_id", "signature", name="pk_copilot_group_member"),
    )
    op.create_index(
        "ix_copilot_group_member_root", "copilot_group_member", ["workspace_id", "root"]
    )


def members_by(aliases: Sequence[Row]) -> list[Row]:
    """Each alias followed to its end; until now a signature had one at most."""
    links = {(alias["workspace_id"], alias["signature"]): alias["root"] for alias in aliases}
    members: list[Row] = []
    for workspace_id, signature in links:
        end, passed = signature, {signature}
        while (workspace_id, end) in links and links[workspace_id, end] not in passed:
            end = links[workspace_id, end]
            passed.add(end)
        if end != signature:
            members.append({"workspace_id": workspace_id, "signature": signature, "root": end})
    return members
