"""What every runtime that asks a model is made of, in no provider's words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, Protocol

from pydantic import JsonValue

from ._catalog import Model
from ._failures import ModelFailure

__all__ = [
    "Answer",
    "ModelFailure",
    "Request",
    "Runtime",
    "Tool",
    "ToolOutcome",
    "ToolUse",
    "Turn",
    "Usage",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call. `input` includes what was read from a cache, `output` what was thought.

    What a provider did not tell is 0 here and `known` is False.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    known: bool = True

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input=self.input + other.input,
            output=self.output + other.output,
            cache_read=self.cache_read + other.cache_read,
            cache_write=self.cache_write + other.cache_write,
            reasoning=self.reasoning + other.reasoning,
            known=self.known and other.known,
        )


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as a model is told of it; `parameters` is a JSON Schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A model wants a tool used. `id` is the model's own name for this call."""

    id: str
    name: str
    arguments: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What came of one call, as text."""

    id: str
    name: str
    text: str
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One turn of a conversation: a user's text, a model's text and calls, or what calls gave.

    `untrusted` marks a user's text that is data to be looked at, never an order: where a provider
    has a lower place for it than a user's message, such as a tool's result, it goes there. `kept`
    is the `kept` of the answer that this turn repeats.
    """

    role: Literal["user", "assistant", "tool"]
    text: str = ""
    uses: tuple[ToolUse, ...] = ()
    outcomes: tuple[ToolOutcome, ...] = ()
    untrusted: bool = False
    kept: tuple[Mapping[str, JsonValue], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call of one model.

    schema: the answer has to be JSON of this schema (`wire_schema` of a pydantic model renders it
    for each provider); None: text. `on_text` hears each piece of the answer's text as it comes, in
    any thread. `max_output_tokens` is at most what the model can write. `timeout_seconds` is what
    is left; the caller cancels after it, whatever the SDK does. Who listens through the router hears
    an empty piece where an answer begins: it may be another one than before.
    """

    model: Model
    system: str
    turns: tuple[Turn, ...]
    timeout_seconds: float
    max_output_tokens: int
    schema: type[Any] | None = None
    tools: tuple[Tool, ...] = ()
    on_text: Callable[[str], None] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a model said. `model` is the id the provider says has answered.

    With `uses` it is not the last word: the model waits for what they give. `kept` is what its
    provider wants back with their outcomes, as it came: signed thoughts. Nobody else reads it.
    """

    text: str
    usage: Usage
    model: str
    uses: tuple[ToolUse, ...] = ()
    cost_usd: Decimal | None = None
    kept: tuple[Mapping[str, JsonValue], ...] = field(default=(), repr=False)


class Runtime(Protocol):
    """One provider's API. Safe for many calls at once, on one event loop.

    Nothing is retried inside: one call of `complete` is one request to the provider, or none.
    """

    async def complete(self, request: Request) -> Answer:
        """Raises ModelFailure and nothing else, but for CancelledError, which ends the request."""
        ...

    async def aclose(self) -> None:
        """Gives connections and threads back; never waits for a call that hangs."""
        ...
