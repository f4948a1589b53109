"""The use cases of `copilot.service`, asked of a server over HTTP with an API key."""

import time
from collections.abc import Callable
from typing import Self

import httpx2
from pydantic import SecretStr

from ..types.principal import Principal
from .account import RemoteAccount, RemoteNights
from .analyses import RemoteAnalyses, RemoteFixes
from .connection import ATTEMPTS, PATIENCE, Connection
from .events import RemoteEvents
from .groups import RemoteGroups
from .handoffs import RemoteHandOffs
from .knowledge import RemoteKnowledge
from .learning import RemoteLearning
from .notices import RemoteNotices
from .optimizer import RemoteOptimizer
from .patterns import RemotePatterns
from .problems import ServerRefused
from .quotas import RemoteQuotas
from .schedules import RemoteSchedules
from .standing import RemoteStanding
from .workflows import RemoteExecutions, RemoteResources, RemoteWorkflows
from .workspace import Workspace

__all__ = ["RemoteService", "ServerRefused"]


class RemoteService:
    """Implements `Service`. Close it, or use it in a `with` block.

    url: of the server, without /api. workspace: its id where it is known; else the server is asked
    which one the key is for. timeout: seconds until a silent server counts as gone. attempts: how
    often a request is sent in all when the connection fails or the server says to come back.
    Raises Unauthenticated for a key that is not valid, and ServerUnreachable.
    """

    def __init__(
        self,
        url: str,
        key: SecretStr | str,
        *,
        workspace: str | None = None,
        timeout: float = PATIENCE,
        attempts: int = ATTEMPTS,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connection = Connection(
            url, key, timeout=timeout, attempts=attempts, transport=transport, sleep=sleep
        )
        self._known = workspace
        self._principal: Principal | None = None
        here = Workspace(self._connection, lambda: self._known or self.principal.workspace_id)
        self.workflows = RemoteWorkflows(here)
        self.executions = RemoteExecutions(here, sleep=sleep)
        self.resources = RemoteResources(here)
        self.events = RemoteEvents(here, sleep=sleep)
        self.quotas = RemoteQuotas(here)
        self.schedules = RemoteSchedules(here)
        self.analyses = RemoteAnalyses(here)
        self.groups = RemoteGroups(here)
        self.fixes = RemoteFixes(here)
        self.handoffs = RemoteHandOffs(here)
        self.knowledge = RemoteKnowledge(here)
        self.account = RemoteAccount(here)
        self.nights = RemoteNights(here)
        self.notices = RemoteNotices(here)
        self.patterns = RemotePatterns(here)
        self.standing = RemoteStanding(here)
        self.learning = RemoteLearning(here)
        self.optimizer = RemoteOptimizer(here)

    @property
    def principal(self) -> Principal:
        """Whom the key stands for; asked once."""
        if self._principal is None:
            data = self._connection.ask("GET", "api", "me")
            self._principal = self._connection.read(Principal, data)
        return self._principal

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
