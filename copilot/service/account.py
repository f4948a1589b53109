"""The workspace itself: credits, settings, keys, and who did what."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..characters import has_hidden
from ..errors import InvalidInput
from ..storage.database import new_id
from ..types import CreditStatement
from ..types.account import ApiKey, AuditEntry, NewApiKey, ReceiptEntry, RuntimeInfo, SettingValue
from ..types.audit import AuditHead, AuditVerification
from ..types.page import Page
from ..types.principal import PrincipalKind, Role, Scope
from .caller import Caller
from .parts import Parts

LONGEST_KEY = 255


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
        page = self._parts.store.receipts.page(
            self._caller.workspace_id, cursor=cursor, limit=limit
        )
        names = self._names({one.asked_by for one in page.items if one.asked_by is not None})
        return page.model_copy(update={"items": tuple(_named(one, names) for one in page.items)})

    def grant(self, credits: int, *, key: str | None = None) -> int:
        """Add credits; the first grant sets the limit. Gives the balance."""
        self._caller.require(Scope.GOVERN)
        if key is not None:
            _require_key(key)
        chosen = key or self._caller.id_for("grant") or new_id("grant")
        reason = f"granted by {self._caller.principal.name}"
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

    def audit_head(self) -> AuditHead:
        self._caller.require(Scope.AUDIT)
        return self._parts.store.audit.head(self._caller.workspace_id)

    def verify_audit(self, *, head: AuditHead | None = None) -> AuditVerification:
        self._caller.require(Scope.AUDIT)
        return self._parts.store.audit.verify(self._caller.workspace_id, against=head)

    def runtimes(self) -> Sequence[RuntimeInfo]:
        self._caller.require(Scope.READ)
        return self._parts.runtimes(self._caller.workspace_id)

    def _names(self, ids: Collection[str]) -> Mapping[str, str]:
        """What people read for each; who has no key here, is called as its id ends."""
        stored = self._parts.store.people.names(self._caller.workspace_id, ids)
        return {one: stored.get(one, one.rpartition(":")[2]) for one in ids}


def _named(receipt: ReceiptEntry, names: Mapping[str, str]) -> ReceiptEntry:
    if receipt.asked_by is None:
        return receipt
    return receipt.model_copy(update={"asked_by_name": names[receipt.asked_by]})


def _require_key(key: str) -> None:
    if not 1 <= len(key) <= LONGEST_KEY or has_hidden(key):
        problem = f"must be 1 to {LONGEST_KEY} characters that can be seen."
        raise InvalidInput("key", problem, "")
