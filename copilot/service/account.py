"""The workspace itself: credits, settings, keys, and who did what."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..storage.database import new_id
from ..types import CreditStatement
from ..types.account import ApiKey, AuditEntry, NewApiKey, ReceiptEntry, RuntimeInfo, SettingValue
from ..types.page import Page
from ..types.principal import PrincipalKind, Role, Scope
from .caller import Caller
from .parts import Parts


class LocalAccount:
    """Implements `Account`."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def credits(self) -> CreditStatement:
        self._caller.require(Scope.READ)
        audit = self._parts.store.ledger.audit(self._caller.workspace_id)
        return CreditStatement(
            balance=audit.balance,
            granted=audit.granted,
            spent=audit.spent,
            reserved=audit.reserved,
            problems=audit.problems,
        )

    def receipts(self, *, cursor: str | None = None, limit: int = 50) -> Page[ReceiptEntry]:
        self._caller.require(Scope.READ)
        return self._parts.store.receipts.page(
            self._caller.workspace_id, cursor=cursor, limit=limit
        )

    def grant(self, credits: int, *, key: str | None = None) -> int:
        """Add credits; the first grant sets the limit. Gives the balance."""
        self._caller.require(Scope.GOVERN)
        chosen = key or self._caller.id_for("grant") or new_id("grant")
        reason = f"granted by {self._caller.actor}"
        balance = self._parts.store.ledger.grant(
            self._caller.workspace_id, chosen, credits=credits, reason=reason
        )
        self._caller.record("grant_credits", chosen, credits=credits)
        return balance

    def settings(self) -> Sequence[SettingValue]:
        self._caller.require(Scope.READ)
        return self._parts.policies.values(self._caller.principal)

    def set_settings(self, values: Mapping[str, Any]) -> Sequence[SettingValue]:
        return self._parts.policies.change(self._caller.principal, values)

    def keys(self) -> Sequence[ApiKey]:
        return self._parts.access.keys(self._caller.principal)

    def create_key(
        self,
        name: str,
        *,
        kind: PrincipalKind,
        role: Role,
        expires_at: datetime | None = None,
        replaces: str | None = None,
    ) -> NewApiKey:
        return self._parts.access.create(
            self._caller.principal,
            name,
            kind=kind,
            role=role,
            expires_at=expires_at,
            replaces=replaces,
            key_id=self._caller.request,
        )

    def revoke_key(self, key_id: str) -> ApiKey:
        return self._parts.access.revoke(self._caller.principal, key_id)

    def audit(self, *, cursor: str | None = None, limit: int = 50) -> Page[AuditEntry]:
        self._caller.require(Scope.AUDIT)
        return self._parts.store.audit.page(self._caller.workspace_id, cursor=cursor, limit=limit)

    def runtimes(self) -> Sequence[RuntimeInfo]:
        self._caller.require(Scope.READ)
        return self._parts.runtimes()
