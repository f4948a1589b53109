"""Keys of one server process, for the commands of whoever can read its note.

A key names the workspace and who a command acts as. What proves it is the secret of the note, which
is made anew at each start and stored nowhere else.
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ...types.principal import Principal, PrincipalKind, Role

_KEY = re.compile(r"Bearer (local_([0-9a-f]{64})_([A-Za-z0-9_-]{1,2000}={0,2}))")
_WORKSPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
#: Keys of one process; more than this are a mistake, or somebody filling memory.
_MOST = 1000

Owner = Callable[[str, str], Principal]
"""The owner of a workspace id under a name."""


def new_secret() -> str:
    return secrets.token_hex(32)


def machine(workspace_id: str, name: str) -> Principal:
    """A program at this machine that acts for itself: it may run and analyse, never approve."""
    return Principal(
        id=f"local-machine:{name}",
        name=name,
        workspace_id=workspace_id,
        kind=PrincipalKind.MACHINE,
        role=Role.OPERATOR,
    )


def key_for(
    secret: str, *, workspace_id: str, name: str, kind: PrincipalKind = PrincipalKind.PERSON
) -> str:
    """The key by which *name* acts in a workspace."""
    whose = json.dumps([workspace_id, name, kind.value]).encode()
    return f"local_{secret}_{base64.urlsafe_b64encode(whose).decode()}"


class LocalKeys:
    """Principals by the SHA-256 of their key, filled by `Door` as the keys come."""

    def __init__(self, secret: str, owner: Owner) -> None:
        self.known: dict[str, Principal] = {}
        self._secret = secret
        self._owner = owner

    def learn(self, authorization: str) -> None:
        """Let the key of a header in, if it is one of this process."""
        found = _KEY.fullmatch(authorization)
        if found is None or not hmac.compare_digest(found[2], self._secret):
            return
        digest = hashlib.sha256(found[1].encode()).hexdigest()
        if digest in self.known or len(self.known) >= _MOST:
            return
        whose = _whose(found[3])
        if whose is not None:
            workspace_id, name, kind = whose
            of_kind = machine if kind == PrincipalKind.MACHINE else self._owner
            self.known[digest] = of_kind(workspace_id, name)


class Door:
    """ASGI middleware before the gate: it lets nobody in, it tells the gate whom it may."""

    def __init__(self, app: ASGIApp, keys: LocalKeys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._keys.learn(Headers(scope=scope).get("authorization", ""))
        await self._app(scope, receive, send)


def _whose(encoded: str) -> tuple[str, str, str] | None:
    try:
        whose: Any = json.loads(base64.urlsafe_b64decode(encoded))
    except ValueError:
        return None
    match whose:
        case [str(workspace_id), str(name), str(kind)] if _WORKSPACE.fullmatch(workspace_id):
            return (workspace_id, name, kind) if name else None
        case _:
            return None
