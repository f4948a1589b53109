"""Who asks, bound to one request: what each use case checks first and records last."""

import hashlib
from dataclasses import dataclass
from typing import Any

from ..storage.audit import AuditTrail
from ..types.principal import Principal, Scope


@dataclass(frozen=True, slots=True)
class Caller:
    """request_key: chosen by the client; the same key again is the same request."""

    principal: Principal
    trail: AuditTrail
    request_key: str | None = None

    @property
    def workspace_id(self) -> str:
        return self.principal.workspace_id

    @property
    def actor(self) -> str:
        """Who it was, in the records."""
        return self.principal.id

    @property
    def request(self) -> str | None:
        """The request key so that no two principals can share one."""
        if self.request_key is None:
            return None
        parts = f"{self.workspace_id}\n{self.principal.id}\n{self.request_key}"
        return hashlib.sha256(parts.encode()).hexdigest()[:32]

    def require(self, scope: Scope) -> None:
        """Raises Forbidden."""
        self.principal.require(scope)

    def id_for(self, prefix: str) -> str | None:
        """The id that this request gives to what it makes; None leaves it to chance."""
        return f"{prefix}_{self.request}" if self.request else None

    def record(self, action: str, subject: str, **details: Any) -> None:
        """Note in the audit what has been done."""
        self.trail.add(self.principal, action, subject, details)
