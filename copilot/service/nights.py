"""The nightly pass, asked for by hand, and its digest."""

from decimal import Decimal

from ..types.nightly import Digest
from ..types.principal import Scope
from .caller import Caller
from .parts import Parts


class LocalNights:
    """Implements `Nights`."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def run(self, *, credit_cap: int | None = None, spend_cap_usd: Decimal | None = None) -> Digest:
        self._caller.require(Scope.ANALYZE)
        digest = self._parts.nightly.run(
            self._caller.workspace_id, credit_cap=credit_cap, spend_cap_usd=spend_cap_usd
        )
        self._caller.record("run_nightly", digest.pass_id, credits=digest.credits)
        return digest

    def latest(self) -> Digest:
        self._caller.require(Scope.READ)
        return self._parts.nightly.latest(self._caller.workspace_id)
