"""What the workspace's accounts may still do, on a server."""

from collections.abc import Sequence

from ..types.engine import AccountAllowances, Override, WaitingRun
from .engine import missing, unit_and_window
from .workspace import Workspace


class RemoteQuotas:
    """Implements `Quotas`."""

    def __init__(self, workspace: Workspace) -> None:
        self._at = workspace.at("quotas", missing=missing("quota override"))

    def list(self) -> Sequence[AccountAllowances]:
        return self._at.many(AccountAllowances, self._at.ask("GET"), "accounts")

    def waiting(self) -> Sequence[WaitingRun]:
        return self._at.many(WaitingRun, self._at.ask("GET", "waiting"), "runs")

    def override(self, integration: str, name: str, override: Override) -> AccountAllowances:
        place = (integration, *unit_and_window(name))
        body = override.model_dump(mode="json")
        return self._at.one(AccountAllowances, "PUT", *place, body=body)

    def restore(self, integration: str, name: str) -> AccountAllowances:
        unit, _, window = name.rpartition("/")
        return self._at.one(AccountAllowances, "DELETE", integration, unit, window)
