"""Hand a person what connects an account: where, and step by step."""

import json
import re
import shlex
from collections.abc import Sequence
from typing import ClassVar, Literal

from ..snapshot import Account, Standing
from ._base import HandOver
from ._text import Name

_NOT_IN_A_KIND = re.compile(r"[\W_]+")
_RESOURCE = "ask-copilot resource"


class ConnectIntegration(HandOver):
    """Connect an account of the workspace; a person does it, since only they may sign in."""

    button: ClassVar[str] = "Connect Now"

    type: Literal["connect_integration"] = "connect_integration"
    integration: Name
    """The account by its name in the workspace, or by its kind, such as 'gmail'."""
    by_name: bool = False
    """A step looks for the account by this very name: one of another name is of no use to it, and
    if there is none yet it is to be stored."""

    @property
    def question(self) -> str:
        return f"Would you like me to show you how to connect {self.integration}?"

    def concerns(self, standing: Standing) -> Standing:
        found = self._meant(standing)
        return Standing() if found is None else Standing(accounts=dict([found]))

    def check(self, standing: Standing) -> None:
        found = self._meant(standing)
        if found is not None and found[1].connected:
            raise self.refuse(f"{found[0]} is connected.")

    def is_done(self, standing: Standing) -> bool:
        found = self._meant(standing)
        return found is not None and found[1].connected

    def found(self, standing: Standing) -> str:
        found = self._meant(standing)
        if found is None:
            return f"No integration '{self.integration}' is stored in this workspace yet."
        name, account = found
        return f"{name} is connected now." if account.connected else f"{name} is not connected yet."

    def summary(self, standing: Standing) -> str:
        found = self._meant(standing)
        name = self.integration if found is None else found[0]
        return f"You connect {name}; nothing is applied for you."

    def told(self, standing: Standing) -> Sequence[str]:
        found = self._meant(standing)
        name, kind = (self.integration, "") if found is None else (found[0], found[1].kind)
        shown = "" if kind.casefold() in {"", name.casefold()} else f" (kind {kind})"
        return (
            f"1. Sign in to {name}{shown} as whoever the workflow acts for, and allow it access.",
            f"2. {_new(name) if found is None else _marked(name)}",
            "3. Have it checked again with the command `ask-copilot fix recheck` and the id of this"
            " fix; then the failed run can be resumed.",
        )

    def _meant(self, standing: Standing) -> tuple[str, Account] | None:
        """The account by its name, else the only kind it can be; one not connected first.

        None where there is none and a step looks for it by name; `InvalidFix` where nobody does.
        """
        wanted = self.integration.casefold()
        accounts = standing.accounts.items()
        found = [one for one in accounts if one[0].casefold() == wanted]
        if not found and not self.by_name:
            found = [one for one in accounts if one[1].kind.casefold() == wanted]
        if not found and not self.by_name:
            raise self.refuse(f"this workspace has no account of the kind {self.integration!r}.")
        return min(found, key=lambda one: (one[1].connected, one[0]), default=None)


def _new(name: str) -> str:
    """How an account is stored that the workspace does not have; its kind is as good as known."""
    kind = _NOT_IN_A_KIND.sub("_", name.casefold()).strip("_") or "account"
    body = shlex.quote(json.dumps({"type": kind, "connected": True}, ensure_ascii=False))
    return (
        f"Store the integration '{name}' in this workspace, with the kind of the service as type:"
        f" `echo {body} | {_RESOURCE} set integration {shlex.quote(name)} -`."
    )


def _marked(name: str) -> str:
    """How one that is there is marked, with the settings that it has."""
    place = f"integration {shlex.quote(name)}"
    return (
        f"Mark the integration '{name}' as connected: `{_RESOURCE} show {place} > account.json`,"
        f' write "connected": true there, and `{_RESOURCE} set {place} account.json`.'
    )


FIX = ConnectIntegration
