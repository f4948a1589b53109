"""The workspace itself, and its nights, on a server."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from ..types import CreditStatement
from ..types.account import ApiKey, AuditEntry, NewApiKey, ReceiptEntry, RuntimeInfo, SettingValue
from ..types.audit import AuditHead, AuditVerification
from ..types.nightly import Digest
from ..types.page import Page
from ..types.principal import PrincipalKind, Role
from .workspace import Workspace

#: A pass over a bad night may take this long, in seconds.
NIGHT = 1800.0


class RemoteAccount:
    """Implements `Account`."""

    def __init__(self, workspace: Workspace) -> None:
        self._credits = workspace.at("credits", missing="workspace")
        self._settings = workspace.at("settings", missing="setting")
        self._keys = workspace.at("keys", missing="key")
        self._audit = workspace.at("audit", missing="workspace")
        self._runtimes = workspace.at("runtimes", missing="workspace")

    def credits(self) -> CreditStatement:
        return self._credits.one(CreditStatement, "GET")

    def receipts(self, *, cursor: str | None = None, limit: int = 50) -> Page[ReceiptEntry]:
        wanted = {"cursor": cursor, "limit": limit}
        return self._credits.one(Page[ReceiptEntry], "GET", "receipts", params=wanted)

    def grant(self, credits: int, *, key: str | None = None) -> int:
        data = self._credits.ask(
            "POST", "grant", body={"credits": credits} | ({"key": key} if key else {})
        )
        return self._credits.read(int, self._credits.member(data, "balance"))

    def settings(self) -> Sequence[SettingValue]:
        return self._settings.many(SettingValue, self._settings.ask("GET"), "settings")

    def set_settings(self, values: Mapping[str, Any]) -> Sequence[SettingValue]:
        body = {name: _plain(value) for name, value in values.items()}
        data = self._settings.ask("PATCH", body=body)
        return self._settings.many(SettingValue, data, "settings")

    def keys(self) -> Sequence[ApiKey]:
        return self._keys.many(ApiKey, self._keys.ask("GET"), "keys")

    def create_key(
        self,
        name: str,
        *,
        kind: PrincipalKind,
        role: Role,
        expires_at: datetime | None = None,
        replaces: str | None = None,
    ) -> NewApiKey:
        body: dict[str, Any] = {"name": name, "kind": kind, "role": role}
        if expires_at is not None:
            body["expires_at"] = expires_at.isoformat()
        if replaces is not None:
            body["replaces"] = replaces
        return self._keys.one(NewApiKey, "POST", body=body)

    def revoke_key(self, key_id: str) -> ApiKey:
        return self._keys.one(ApiKey, "POST", key_id, "revoke")

    def audit(self, *, cursor: str | None = None, limit: int = 50) -> Page[AuditEntry]:
        return self._audit.one(Page[AuditEntry], "GET", params={"cursor": cursor, "limit": limit})

    def audit_head(self) -> AuditHead:
        return self._audit.one(AuditHead, "GET", "head")

    def verify_audit(self, *, head: AuditHead | None = None) -> AuditVerification:
        body = {} if head is None else {"head": head.model_dump(mode="json")}
        return self._audit.one(AuditVerification, "POST", "verify", body=body)

    def runtimes(self) -> Sequence[RuntimeInfo]:
        return self._runtimes.many(RuntimeInfo, self._runtimes.ask("GET"), "runtimes")


class RemoteNights:
    """Implements `Nights`."""

    def __init__(self, workspace: Workspace) -> None:
        self._nights = workspace.at("nights", missing="digest")

    def run(self, *, credit_cap: int | None = None, spend_cap_usd: Decimal | None = None) -> Digest:
        body: dict[str, Any] = {}
        if credit_cap is not None:
            body["credit_cap"] = credit_cap
        if spend_cap_usd is not None:
            body["spend_cap_usd"] = str(spend_cap_usd)
        return self._nights.one(Digest, "POST", body=body, timeout=NIGHT)

    def latest(self) -> Digest:
        return self._nights.one(Digest, "GET", "latest")


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value
