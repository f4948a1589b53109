"""Tables of what a workspace is: who may come in, what it decided, who did what, and its nights."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index, LargeBinary
from sqlmodel import Field

from .columns import Base, moment, table_of, text


class WorkspaceRow(Base, table=True):
    """A workspace that somebody made; keys belong to one."""

    __tablename__: ClassVar[Any] = "copilot_workspace"

    workspace_id: str = Field(primary_key=True)
    created_at: datetime = moment()


class PrincipalRow(Base, table=True):
    """A person or a machine in one workspace."""

    __tablename__: ClassVar[Any] = "copilot_principal"
    __table_args__: ClassVar[Any] = (Index("ix_copilot_principal_workspace", "workspace_id"),)

    principal_id: str = Field(primary_key=True)
    workspace_id: str
    name: str
    kind: str
    role: str
    created_at: datetime = moment()


class ApiKeyRow(Base, table=True):
    """`digest` is the SHA-256 of the whole key; the key itself is never stored."""

    __tablename__: ClassVar[Any] = "copilot_api_key"
    __table_args__: ClassVar[Any] = (
        Index("ix_copilot_api_key_workspace", "workspace_id", "created_at"),
        Index("ix_copilot_api_key_principal", "principal_id"),
    )

    key_id: str = Field(primary_key=True)
    principal_id: str = Field(foreign_key="copilot_principal.principal_id")
    workspace_id: str
    name: str
    prefix: str
    digest: str
    created_by: str
    created_by_name: str
    created_at: datetime = moment()
    expires_at: datetime | None = moment(nullable=True)
    last_used_at: datetime | None = moment(nullable=True)
    revoked_at: datetime | None = moment(nullable=True)


class WorkspaceSettingRow(Base, table=True):
    """A setting somebody changed; what is not here has its default. `value` is JSON."""

    __tablename__: ClassVar[Any] = "copilot_workspace_setting"

    workspace_id: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    value: str = text()
    changed_by: str
    changed_by_name: str
    changed_at: datetime = moment()


class AuditRow(Base, table=True):
    """Who did what; rows are only ever added. `previous` is the digest of the entry before."""

    __tablename__: ClassVar[Any] = "copilot_audit"
    __table_args__: ClassVar[Any] = (Index("ix_copilot_audit_workspace", "workspace_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    workspace_id: str
    at: datetime = moment()
    actor: str
    actor_name: str
    actor_kind: str
    action: str
    subject: str
    details: str = text()
    previous: str
    digest: str


class AuditHeadRow(Base, table=True):
    """Where a workspace's audit ends; held while an entry is added, so that none forks off."""

    __tablename__: ClassVar[Any] = "copilot_audit_head"

    workspace_id: str = Field(primary_key=True)
    entry_id: int | None
    digest: str
    entries: int
    at: datetime | None = moment(nullable=True)


class RequestRow(Base, table=True):
    """A request that came with an idempotency key, and its answer once there is one.

    `answered_by` is the process that works on it: after a crash another may take it over.
    """

    __tablename__: ClassVar[Any] = "copilot_request"
    __table_args__: ClassVar[Any] = (Index("ix_copilot_request_created", "created_at"),)

    workspace_id: str = Field(primary_key=True)
    principal_id: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    fingerprint: str
    answered_by: str
    status: int | None
    headers: str | None = text(nullable=True)
    body: bytes | None = Field(default=None, sa_type=LargeBinary)
    created_at: datetime = moment()
    finished_at: datetime | None = moment(nullable=True)


class NightlyPassRow(Base, table=True):
    """One pass over the failures with `first_id < id <= last_id`; `digest` once it is finished."""

    __tablename__: ClassVar[Any] = "copilot_nightly_pass"
    __table_args__: ClassVar[Any] = (
        Index("ix_copilot_nightly_pass_workspace", "workspace_id", "last_id"),
    )

    pass_id: str = Field(primary_key=True)
    workspace_id: str
    state: str
    first_id: int
    last_id: int
    credit_cap: int | None
    spend_cap_usd: str | None
    started_at: datetime = moment()
    finished_at: datetime | None = moment(nullable=True)
    digest: str | None = text(nullable=True)


class NightlyItemRow(Base, table=True):
    """One kind of failure of a pass. `item` is its `DigestItem` as it stands."""

    __tablename__: ClassVar[Any] = "copilot_nightly_item"

    pass_id: str = Field(primary_key=True, foreign_key="copilot_nightly_pass.pass_id")
    position: int = Field(primary_key=True)
    workspace_id: str
    done: bool
    credits: int
    cost_usd: str | None
    item: str = text()


WORKSPACE = table_of(WorkspaceRow)
PRINCIPAL = table_of(PrincipalRow)
API_KEY = table_of(ApiKeyRow)
WORKSPACE_SETTING = table_of(WorkspaceSettingRow)
AUDIT = table_of(AuditRow)
AUDIT_HEAD = table_of(AuditHeadRow)
REQUEST = table_of(RequestRow)
NIGHTLY_PASS = table_of(NightlyPassRow)
NIGHTLY_ITEM = table_of(NightlyItemRow)
