"""What a run works with: the ports it was given, and where it stands."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..actions import Action
from ..definition.steps import Step
from ..definition.workflow import Workflow
from ..errors import InvalidParameters
from ..execution import StepApproval
from ..network import OutboundPolicy
from ..ports import (
    Clock,
    EventSink,
    LanguageModel,
    Limits,
    MailServer,
    SecretMasker,
    Secrets,
    WorkspaceLimits,
)
from ..storage.journal import Begun, LiveStep, Ticket
from ..workspace import Resources
from .budget import Governor
from .spending import Usage


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


class NobodyListens:
    """For a run that nobody watches."""

    def note(self, kind: str, path: str, **facts: Any) -> None:
        return


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


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A step that has begun and not ended; `usage` is what it has used so far."""

    step: Step
    started_at: datetime
    usage: Usage = field(default_factory=Usage)


@dataclass(slots=True)
class Run:
    """One round under way.

    `scope` is what top-level expressions see; `done` holds outputs by path, of what ended before
    this interpreter began. `stopped` are the paths of branches that are to stop.
    """

    begun: Begun
    workflow: Workflow
    resources: Resources
    scope: dict[str, Any]
    governor: Governor
    folder: Path
    events: EventSink = field(default_factory=NobodyListens)
    done: dict[str, Any] = field(default_factory=dict[str, Any])
    unfinished: dict[str, LiveStep] = field(default_factory=dict[str, LiveStep])
    approvals: Mapping[str, StepApproval] = field(default_factory=dict[str, StepApproval])
    under_way: dict[str, UnderWay] = field(default_factory=dict[str, UnderWay])
    stopped: dict[str, str] = field(default_factory=dict[str, str])
    at: str = ""
    numbers: Mapping[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        self.numbers = {step.id: n for n, step in enumerate(self.workflow.steps, 1)}

    @property
    def ticket(self) -> Ticket:
        return self.begun.ticket

    def effect_key(self, path: str) -> str:
        """The same for every attempt of a step in this round, another in the next."""
        return f"{self.ticket.execution_id}:{self.ticket.round}:{path}"

    def usage(self, path: str) -> Usage:
        """Where the use of the step at *path* is counted while it is under way."""
        way = self.under_way.get(path)
        return Usage() if way is None else way.usage

    def number(self, path: str) -> int:
        """The position of the top-level step that *path* leads through, from 1."""
        return self.numbers[path.split("/", 2)[1]]

    def stopper(self, path: str) -> str | None:
        """The branch whose failure stops the step at *path*, if there is one."""
        return next(
            (by for prefix, by in self.stopped.items() if path.startswith(f"{prefix}/")), None
        )


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
