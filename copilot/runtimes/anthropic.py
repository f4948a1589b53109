"""Claude, through Anthropic's Messages API: `ASK_COPILOT_RUNTIMES=anthropic`."""

import importlib.util
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import TYPE_CHECKING, Any

import httpx2

from ..settings import Settings
from ._base import Answer, Request
from ._claude.answer import read_answer, read_body
from ._claude.errors import failure_of_status
from ._claude.request import create_arguments
from ._claude.stream import StreamedMessage
from ._failures import FailureKind, ModelFailure
from ._http import TooLong, close, server_sent
from ._http import http_client as bounded_client

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from anthropic import AsyncAPIResponse as Response

    _Create = Callable[..., Awaitable[Response[Any]]]
    _Open = Callable[..., AbstractAsyncContextManager[Response[Any]]]

__all__ = ["CAPABILITIES", "ClaudeRuntime", "make", "missing"]

CAPABILITIES = ("structured", "tools", "stream", "thinking")
_PACKAGE = "anthropic"
_ADDRESS = "https://api.anthropic.com"


def missing(settings: Settings) -> str | None:
    """What to do until it can be used; None when there is nothing."""
    if importlib.util.find_spec(_PACKAGE) is None:
        return "Install the package of its provider: pip install 'ask-copilot[anthropic]'."
    key = _key(settings)
    if not key:
        return "Set ASK_COPILOT_ANTHROPIC_API_KEY or ANTHROPIC_API_KEY to a key of Anthropic's API."
    if not (key.isascii() and key.isprintable()) or " " in key:
        return "ASK_COPILOT_ANTHROPIC_API_KEY has characters that no key has: copy it again."
    return None


def make(settings: Settings, *, http_client: httpx2.AsyncClient | None = None) -> "ClaudeRuntime":
    """The runtime of *settings*; *http_client*, which it closes, is for tests.

    Raises ModelFailure (not_ready) for what `missing` says.
    """
    if problem := missing(settings):
        raise ModelFailure(FailureKind.NOT_READY, problem)
    return ClaudeRuntime(
        key=_key(settings),
        address=settings.anthropic_base_url or _ADDRESS,
        http=http_client or bounded_client(connections=settings.model_concurrency),
    )


def _key(settings: Settings) -> str:
    key = settings.anthropic_api_key
    return key.get_secret_value().strip() if key else ""


class ClaudeRuntime:
    """One client for all calls; the package does no retries, and tells nobody of what is sent."""

    def __init__(self, *, key: str, address: str, http: httpx2.AsyncClient) -> None:
        import anthropic

        self._sdk = anthropic
        self._key = key
        self._http = http
        self._client: AsyncAnthropic = anthropic.AsyncAnthropic(
            api_key=key,
            base_url=address,
            max_retries=0,
            http_client=http,
            open_telemetry=False,
        )
        # These import most of the package on first use: now, not while a call waits.
        _ = self._client.messages.with_raw_response, self._client.messages.with_streaming_response

    async def complete(self, request: Request) -> Answer:
        """Raises ModelFailure, and CancelledError after the connection is closed."""
        try:
            arguments = create_arguments(request)
        except (ValueError, TypeError, RecursionError) as error:
            problem = f"the request can't be written as JSON: {type(error).__name__}"
            raise ModelFailure(FailureKind.INVALID_REQUEST, problem) from None
        arguments["timeout"] = request.timeout_seconds
        if request.on_text is None:
            return read_body(await self._whole(arguments), request)
        message = StreamedMessage(request.on_text)
        await self._stream(arguments, message)
        return read_answer(message.end(), request)

    async def aclose(self) -> None:
        await close(self._http)

    async def _whole(self, arguments: dict[str, Any]) -> bytes:
        """The body of the answer, unread: the package takes what has the wrong shape."""
        try:
            create: _Create = self._client.messages.with_raw_response.create
            response = await create(**arguments)
            return response.http_response.content
        except self._failing as error:
            raise self._failure(error) from None

    async def _stream(self, arguments: dict[str, Any], message: StreamedMessage) -> None:
        create: _Open = self._client.messages.with_streaming_response.create
        try:
            async with (
                create(**arguments, stream=True) as response,
                aclosing(server_sent(response.http_response)) as events,
            ):
                async for data in events:
                    message.take(data)
        except self._failing as error:
            failure = self._failure(error)
            failure.usage = message.usage if message.has_begun else None
            raise failure from None

    @property
    def _failing(self) -> tuple[type[Exception], ...]:
        return (self._sdk.AnthropicError, httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL)

    def _failure(self, error: Exception) -> ModelFailure:
        if isinstance(error, self._sdk.APIStatusError):
            return failure_of_status(
                error.status_code, error.body, error.response.headers, secret=self._key
            )
        cause = error.__cause__ or error
        if isinstance(error, self._sdk.APITimeoutError) or isinstance(
            cause, httpx2.TimeoutException
        ):
            return ModelFailure(FailureKind.TIMEOUT, "no answer in the time that was left")
        problem = f"{type(cause).__name__}: {cause}".replace(self._key, "***")
        if isinstance(cause, TooLong | httpx2.DecodingError):
            return ModelFailure(FailureKind.INVALID_OUTPUT, problem)
        return ModelFailure(FailureKind.NETWORK, problem)
