"""What the engine needs from outside; bootstrap fills these in, `engine.testing` ships fakes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer with what it used. `cost_usd` is None when the price is unknown."""

    text: str
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal | None = None
    model: str = ""


class LanguageModel(Protocol):
    """One call to a language model; failures are raised as the `StepError` they are."""

    async def complete(
        self, *, system: str, prompt: str, model: str | None, timeout_seconds: float
    ) -> Completion: ...


class Clock(Protocol):
    """Now, and waiting for it to be later."""

    def now(self) -> datetime: ...

    async def sleep(self, seconds: float) -> None: ...


class SecretMasker(Protocol):
    """Takes known secret values out of text before the engine stores or logs it."""

    def mask(self, text: str) -> str: ...


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where `send_email` hands its messages over. `password` never leaves this value."""

    host: str
    port: int = 587
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    starttls: bool = True
    sender: str = ""


class Secrets(Protocol):
    """Secrets by reference, for one workspace; values are never written to a definition."""

    def get(self, workspace_id: str, name: str) -> str | None: ...

    def all(self, workspace_id: str) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a workspace has set for its agent steps; None where it has set nothing.

    `max_daily_cost_usd` is for all its runs together, from midnight to midnight UTC. `model` is
    for steps that name none.
    """

    max_cost_per_step_usd: Decimal | None = None
    max_tokens_per_step: int | None = None
    max_daily_cost_usd: Decimal | None = None
    max_turns: int | None = None
    model: str | None = None


class WorkspaceLimits(Protocol):
    """The limits of a workspace as they are now; asked each time a run starts, in any thread."""

    def limits(self, workspace_id: str) -> Limits: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """`url` is `sqlite:///path` or `postgresql+psycopg://…`; `files` holds the workspaces' folders.

    Times are in seconds. `timeout_seconds` limits a run that names no limit itself; None means
    none. A shorter `poll_seconds` starts runs sooner and costs an idle process more.
    `most_recoveries` is how often a run is started again after a crash before it is given up.
    """

    url: str
    files: Path
    lock_wait_seconds: float = 10.0
    poll_seconds: float = 0.05
    concurrency: int = 50
    timeout_seconds: float | None = 3600.0
    reconcile_seconds: float = 5.0
    most_recoveries: int = 20
    executor_id: str = "local"
