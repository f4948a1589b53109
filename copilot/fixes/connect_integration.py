"""Hand a person what connects an account: where, and step by step."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from ..snapshot import Account, Standing
from ._base import HandOver
from ._text import Name


class ConnectIntegration(HandOver):
    """Connect an account of the workspace; a person does it, since only they may sign in."""

    button: ClassVar[str] = "Connect Now"

    type: Literal["connect_integration"] = "connect_integration"
    integration: Name
    """The account by its name in the workspace, or by its kind, such as 'gmail'."""

    @property
    def question(self) -> str:
        return f"Would you like me to show you how to connect {self.integration}?"

    def concerns(self, standing: Standing) -> Standing:
        return Standing(accounts=dict([self._meant(standing)]))

    def check(self, standing: Standing) -> None:
        if self.is_done(standing):
            raise self.refuse(f"{self._meant(standing)[0]} is connected.")

    def is_done(self, standing: Standing) -> bool:
        return self._meant(standing)[1].connected

    def found(self, standing: Standing) -> str:
        name, account = self._meant(standing)
        return f"{name} is connected now." if account.connected else f"{name} is not connected yet."

    def summary(self, standing: Standing) -> str:
        return f"You connect {self._meant(standing)[0]}; nothing is applied for you."

    def told(self, standing: Standing) -> Sequence[str]:
        name, account = self._meant(standing)
        kind = "" if account.kind.casefold() == name.casefold() else f" (kind {account.kind})"
        return (
            f"1. Sign in to {name}{kind} as whoever the workflow acts for, and allow it access.",
            f"2. Where the integrations of this workspace are kept, store '{name}' with its settings"
            " and mark it as connected.",
            "3. Have it checked again with the command `ask-copilot fix recheck` and the id of this"
            " fix; then the failed run can be resumed.",
        )

    def _meant(self, standing: Standing) -> tuple[str, Account]:
        """The account by its name, else the only kind it can be; one not connected first."""
        wanted = self.integration.casefold()
        named = [one for one in standing.accounts.items() if one[0].casefold() == wanted]
        alike = [one for one in standing.accounts.items() if one[1].kind.casefold() == wanted]
        found = sorted(named or alike, key=lambda one: (one[1].connected, one[0]))
        if not found:
            raise self.refuse(f"this workspace has no account of the kind {self.integration!r}.")
        return found[0]


FIX = ConnectIntegration
