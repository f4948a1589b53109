"""What both of OpenAI's APIs have in common: one deadline, one end, usage, calls of tools."""

import asyncio
import contextlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SecretStr,
    TypeAdapter,
    ValidationError,
)

from .._base import Answer, Request, ToolOutcome, Usage
from .._failures import FailureKind, ModelFailure

if TYPE_CHECKING:
    import httpx2


#: Longest that `aclose` takes, in seconds.
_CLOSING_SECONDS = 2.0
#: Of items or choices in an answer: a long list of small ones would hold the event loop up.
MOST_PARTS = 1_000
MANY = Field(max_length=MOST_PARTS, fail_fast=True)
_SENT_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
        "user-agent",
        "x-stainless-raw-response",  # the SDK looks at it again when the answer is there
    }
)
_Count = Annotated[int, Field(ge=0, le=10**10)]
_OBJECT = TypeAdapter(dict[str, JsonValue])


class Wire(BaseModel):
    """Part of an answer: what else there is in it is not looked at."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Calls(ABC):
    """A runtime over an SDK's client: closed once, bounded in time, failing in our kinds only."""

    def __init__(self, key: SecretStr | None, close: Callable[[], Awaitable[None]]) -> None:
        from .errors import FailureReader

        self._failures: FailureReader = FailureReader(key)
        self._close = close
        self._is_closed = False

    async def complete(self, request: Request) -> Answer:
        if self._is_closed:
            raise ModelFailure(FailureKind.NOT_READY, "this runtime has been closed")
        try:
            # the SDK's timeout starts anew with every byte
            async with asyncio.timeout(request.timeout_seconds):
                return await self._ask(request)
        except TimeoutError:
            raise ModelFailure(FailureKind.TIMEOUT, "no answer in time") from None

    async def aclose(self) -> None:
        self._is_closed = True
        with contextlib.suppress(TimeoutError, OSError, RuntimeError):
            async with asyncio.timeout(_CLOSING_SECONDS):
                await self._close()

    @staticmethod
    async def _end(response: "httpx2.Response") -> None:
        """Gives the connection back, or closes it where more could come."""
        with contextlib.suppress(OSError, RuntimeError):
            await response.aclose()

    @abstractmethod
    async def _ask(self, request: Request) -> Answer: ...

    async def _events(self, response: "httpx2.Response") -> AsyncIterator[str]:
        """The data of each event up to the end. What a caller raises is not taken for a failure."""
        from .._http import server_sent

        events = server_sent(response)
        while True:
            with self._failures.during(FailureKind.INVALID_OUTPUT):
                data = await anext(events, None)
            if data is None or data.strip() == "[DONE]":
                return
            yield data


def wire_model(model: type[Wire], data: str | bytes) -> Any:
    """*data* as a *model*. Raises ValueError that names the place and not what stands there."""
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise not_described(error) from None


def not_described(error: ValidationError) -> ValueError:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(map(str, first["loc"])) or "the body"
    return ValueError(f"not what the API describes: {place}: {first['msg']}")


class _Details(Wire):
    cached_tokens: _Count | None = None
    cache_write_tokens: _Count | None = None
    reasoning_tokens: _Count | None = None


class _Counts(Wire):
    input: _Count = Field(validation_alias=AliasChoices("input_tokens", "prompt_tokens"))
    output: _Count = Field(validation_alias=AliasChoices("output_tokens", "completion_tokens"))
    total: _Count | None = Field(default=None, validation_alias="total_tokens")
    read: _Details | None = Field(
        default=None,
        validation_alias=AliasChoices("input_tokens_details", "prompt_tokens_details"),
    )
    written: _Details | None = Field(
        default=None,
        validation_alias=AliasChoices("output_tokens_details", "completion_tokens_details"),
    )


def usage_of(told: object) -> Usage:
    """Tokens as a server tells them; not known where it tells none, or none that can be."""
    try:
        counts = _Counts.model_validate(told)
    except ValidationError:
        return Usage(known=False)
    read, written = counts.read or _Details(), counts.written or _Details()
    reasoning, output = written.reasoning_tokens or 0, counts.output
    if counts.total == counts.input + output + reasoning:
        output += reasoning  # a server that counts them beside the output
    return Usage(
        input=counts.input,
        output=output,
        cache_read=min(read.cached_tokens or 0, counts.input),
        cache_write=min(read.cache_write_tokens or 0, counts.input),
        reasoning=min(reasoning, output),
    )


def arguments_of(text: str) -> Mapping[str, JsonValue]:
    """Raises ValueError; a tool without parameters may be called with nothing at all."""
    try:
        return _OBJECT.validate_json(text) if text.strip() else {}
    except ValidationError as error:
        raise not_described(error) from None


def outcome_text(outcome: ToolOutcome) -> str:
    """Neither API has a place for whether a call went wrong."""
    return f"Error: {outcome.text}" if outcome.is_error else outcome.text


def as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def schema_name(schema: type[Any]) -> str:
    """Its name, in the letters that the APIs take."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", schema.__name__)[:64]


async def bare(request: "httpx2.Request") -> None:
    """Takes off what the SDK tells of this machine, and headers that it finds in the environment."""
    for name in set(request.headers) - _SENT_HEADERS:
        del request.headers[name]
