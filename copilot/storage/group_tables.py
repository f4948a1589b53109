"""Tables of what is the same failure: what was found to be, what people said, and what follows.

Aliases and rules are what was decided; members are what follows from both, written by whatever
changes them, so that finding the group of a failure is one look-up.
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index
from sqlmodel import Field

from .columns import Base, moment, table_of, text


class GroupAliasRow(Base, table=True):
    """`signature` is the same failure as `root`; rows are only ever added, and count in order."""

    __tablename__: ClassVar[Any] = "copilot_group_alias"
    __table_args__: ClassVar[Any] = (
        Index("ix_copilot_group_alias_signature", "workspace_id", "signature"),
        Index("ix_copilot_group_alias_root", "workspace_id", "root"),
    )

    id: int | None = Field(default=None, primary_key=True)
    workspace_id: str
    signature: str
    root: str
    reason: str = text()
    created_at: datetime = moment()


class GroupRuleRow(Base, table=True):
    """What a person decided about groups. `other` is None for a rule about one signature."""

    __tablename__: ClassVar[Any] = "copilot_group_rule"
    __table_args__: ClassVar[Any] = (
        Index("ix_copilot_group_rule_workspace", "workspace_id", "kind", "made_at"),
    )

    rule_id: str = Field(primary_key=True)
    workspace_id: str
    kind: str
    signature: str
    other: str | None
    reason: str = text()
    made_by: str
    made_by_name: str
    made_at: datetime = moment()


class GroupMemberRow(Base, table=True):
    """The group of a signature today; one that stands for itself has no row."""

    __tablename__: ClassVar[Any] = "copilot_group_member"
    __table_args__: ClassVar[Any] = (Index("ix_copilot_group_member_root", "workspace_id", "root"),)

    workspace_id: str = Field(primary_key=True)
    signature: str = Field(primary_key=True)
    root: str


GROUP_ALIAS = table_of(GroupAliasRow)
GROUP_RULE = table_of(GroupRuleRow)
GROUP_MEMBER = table_of(GroupMemberRow)
