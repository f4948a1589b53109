"""What the engine needs from outside; bootstrap fills these in, `engine.testing` ships fakes."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model is told of it; `parameters` is a JSON Schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model wants a tool used. `id` is the model's own name for this call."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of one call, as text; for an error it says what went wrong."""

    call_id: str
    name: str
    text: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation: a user's text, a model's text and calls, or what the calls gave."""

    role: Literal["user", "assistant", "tool"]
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    results: tuple[ToolResult, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Everything a model is asked with, in no provider's form.

    `on_text` is called with each piece of the answer's text as it comes, in any thread; a model
    that can't stream never calls it. `max_output_tokens` is None where the model's own limit holds.
    """

    system: str
    messages: tuple[Message, ...]
    timeout_seconds: float
    model: str | None = None
    runtime: str | None = None
    tools: tuple[ToolSpec, ...] = ()
    max_output_tokens: int | None = None
    on_text: Callable[[str], None] | None = field(default=None, compare=False, repr=False)

    @property
    def prompt(self) -> str:
        """The text the conversation began with."""
        return self.messages[0].text


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer with what it used. `cost_usd` is None when the price is unknown.

    With `calls` it is not the last word: the model waits for what they give.
    """

    text: str
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal | None = None
    model: str = ""
    calls: tuple[ToolCall, ...] = ()


class LanguageModel(Protocol):
    """One call to a language model; failures are raised as the `StepError` they are.

    What a failed call used is in the error's details: `tokens`, and `cost_usd` as text, None when
    it is not known.
    """

    async def complete(self, question: Question) -> Completion: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """A model as the catalog knows it; None for what nobody knows. Prices are for a million tokens."""

    id: str
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    input_usd: Decimal | None = None
    output_usd: Decimal | None = None


class ModelCatalog(Protocol):
    """Which models there are, what they cost and how much they read, and where they are asked."""

    def runtimes(self) -> Collection[str] | None:
        """What a step may name as its runtime; None if that can't be told."""
        ...

    def find(self, model: str | None, *, runtime: str | None = None) -> ModelFacts | None:
        """The model called so, or the default for None, of *runtime* or of any; None if unknown."""
        ...

    def count_tokens(self, text: str, model: str | None) -> int:
        """About how many tokens *text* is."""
        ...


class IntegrationRefresher(Protocol):
    """Renews the access to an account where that can be done without its owner."""

    async def refresh(self, workspace_id: str, integration: str) -> bool:
        """True once new credentials are in place; False if the owner has to connect it again."""
        ...


class EventSink(Protocol):
    """Hears what happens in a run, while it happens; never holds it up and never fails."""

    def note(self, kind: str, path: str, **facts: Any) -> None: ...


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
    """What a workspace has set for its steps; None where it has set nothing.

    `max_daily_cost_usd` and `max_daily_tokens` are for all its runs together, from midnight to
    midnight UTC. `model` and `runtime` are for steps that name none
    (`runtime`: nor does their workflow). `max_seconds_per_step` is for every step,
    waits between its attempts included.
    """

    max_cost_per_step_usd: Decimal | None = None
    max_tokens_per_step: int | None = None
    max_seconds_per_step: float | None = None
    max_daily_cost_usd: Decimal | None = None
    max_daily_tokens: int | None = None
    max_turns: int | None = None
    model: str | None = None
    runtime: str | None = None


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
