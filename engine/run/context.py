"""What a run works with: the ports it was given, and where it stands."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..actions import Action
from ..definition.workflow import Workflow
from ..errors import InvalidParameters
from ..network import OutboundPolicy
from ..ports import (
    Clock,
    LanguageModel,
    Limits,
    MailServer,
    SecretMasker,
    Secrets,
    WorkspaceLimits,
)
from ..storage.journal import Begun, Ticket
from ..workspace import Resources
from .budget import Governor


class SystemClock:
    """The time as it is."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class NoSecrets:
    """For an engine without secrets: every reference is missing."""

    def get(self, workspace_id: str, name: str) -> str | None:
        return None

    def all(self, workspace_id: str) -> Mapping[str, str]:
        return {}


class NoMasker:
    """For an engine without secrets: there is nothing to hide."""

    def mask(self, text: str) -> str:
        return text


class NoLimits:
    """For an engine whose workspaces set no limits."""

    def limits(self, workspace_id: str) -> Limits:
        return Limits()


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything a run may reach outside the store. `files` holds a folder for each workspace."""

    files: Path
    actions: Mapping[str, Action]
    model: LanguageModel | None = None
    secrets: Secrets = field(default_factory=NoSecrets)
    mail: MailServer | None = None
    masker: SecretMasker = field(default_factory=NoMasker)
    clock: Clock = field(default_factory=SystemClock)
    network: OutboundPolicy = field(default_factory=OutboundPolicy)
    limits: WorkspaceLimits = field(default_factory=NoLimits)


@dataclass(slots=True)
class Run:
    """One round under way. `scope` is what expressions see: inputs and outputs by step id."""

    begun: Begun
    workflow: Workflow
    resources: Resources
    scope: dict[str, Any]
    governor: Governor
    folder: Path
    at: str = ""

    @property
    def ticket(self) -> Ticket:
        return self.begun.ticket

    def effect_key(self, path: str) -> str:
        """The same for every attempt of a step in this round, another in the next."""
        return f"{self.ticket.execution_id}:{self.ticket.round}:{path}"


_FOLDER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,127}")


def workspace_folder(files: Path, workspace_id: str) -> Path:
    """The workspace's own folder. Raises `InvalidParameters` for an id that could leave *files*."""
    if not _FOLDER.fullmatch(workspace_id):
        raise InvalidParameters(
            "A workspace id begins with a letter, a digit or _, goes on with these or . @ -, and "
            "has at most 128 characters.",
            parameter="workspace_id",
        )
    return files / workspace_id
