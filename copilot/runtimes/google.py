"""Gemini on Vertex AI through LangChain's ChatGoogleGenerativeAI, the successor of `vertex`."""

import asyncio
import json
import ssl
import warnings
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2

from ..settings import Settings
from ._base import Answer, Request, Runtime
from ._catalog import Model
from ._failures import FailureKind, ModelFailure
from ._gemini import calls
from ._gemini.threads import Threads
from ._http import close, http_client
from ._wire_schema import wire_schema

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from langchain_core.messages import AIMessage
    from langchain_google_genai import ChatGoogleGenerativeAI

CAPABILITIES = ("structured", "tools", "stream", "thinking")

_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
#: The HTTP status of the last answer to this call, for errors that don't tell it.
_heard: ContextVar[list[int]] = ContextVar("_heard")


def missing(settings: Settings) -> str | None:
    return calls.missing(settings, "langchain_google_genai", "google")


def make(settings: Settings) -> Runtime:
    """Imports for about a second. Credentials that can't be had are asked for again by each call."""
    from langchain_google_genai import ChatGoogleGenerativeAI

    # it warns of each value that is newer than the package, which a user can't help
    warnings.filterwarnings("ignore", r".* is not a valid \w+$", UserWarning, r"google\.genai\.")
    return _Gemini(settings, ChatGoogleGenerativeAI)


def credentials(settings: Settings) -> "Credentials":
    """Those of the file in *settings*, or the machine's own. Blocks where those need the network.

    Raises GoogleAuthError.
    """
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    auth: Any = google.auth
    file = settings.google_credentials
    try:
        return auth.default(scopes=_SCOPES)[0] if file is None else _from_file(file, auth)
    except (OSError, ValueError, TypeError, KeyError) as error:
        # not what it says, which may quote the file
        problem = f"{file or 'the machine'} has no usable credentials ({type(error).__name__})"
        raise DefaultCredentialsError(problem) from None


def _from_file(file: Path, auth: Any) -> "Credentials":
    from google.oauth2.service_account import Credentials as Account

    account: Any = Account
    described: dict[str, Any] = dict(json.loads(file.read_text(encoding="utf-8")))
    if "private_key" in described:
        made = account.from_service_account_info(described, scopes=_SCOPES)
        # it signs its own tokens, so that there is no token server to wait for
        return made.with_always_use_jwt_access(True)
    with warnings.catch_warnings():
        # it warns of files from outside; this one is named by whoever runs us
        warnings.filterwarnings("ignore", message=r".*load_credentials_from_file")
        return auth.load_credentials_from_file(str(file), scopes=_SCOPES)[0]


class _Gemini:
    def __init__(self, settings: Settings, kind: "type[ChatGoogleGenerativeAI]") -> None:
        self._settings = settings
        self._kind = kind
        self._threads = Threads("google-credentials")
        self._credentials: Credentials | None = None
        self._models: dict[tuple[object, ...], ChatGoogleGenerativeAI] = {}
        self._making = asyncio.Lock()
        self._client = http_client(connections=settings.model_concurrency)
        self._client.event_hooks = {"response": [_hear]}

    async def complete(self, request: Request) -> Answer:
        try:
            async with asyncio.timeout(request.timeout_seconds):
                return await self._asked(request)
        except TimeoutError as error:
            problem = f"no answer in {request.timeout_seconds:.1f} s"
            raise ModelFailure(FailureKind.TIMEOUT, problem) from error

    async def aclose(self) -> None:
        await close(self._client)

    async def _asked(self, request: Request) -> Answer:
        from google.auth.exceptions import GoogleAuthError
        from google.genai.errors import APIError
        from langchain_core.exceptions import LangChainException
        from langchain_google_genai.chat_models import ChatGoogleGenerativeAIError
        from langsmith import tracing_context  # pyright: ignore[reportUnknownVariableType]

        odd = (*calls.ODD, ChatGoogleGenerativeAIError, LangChainException)
        heard: list[int] = []
        _heard.set(heard)
        try:
            await self._sign_in()
            # what we ask is not for the tracing that this process may have switched on
            with tracing_context(enabled=False):
                return calls.answer(request, await self._pieces(request))
        except TimeoutError:
            raise
        except GoogleAuthError as error:
            raise calls.not_allowed(error) from error
        except httpx2.TimeoutException as error:
            raise calls.out_of_time(error) from error
        except httpx2.HTTPError as error:
            raise calls.unreachable(error) from error
        except APIError as error:
            raise _refused(error) from error
        except odd as error:
            if isinstance(error.__cause__, APIError):
                raise _refused(error.__cause__) from error
            raise _misread(error, heard) from error

    async def _sign_in(self) -> None:
        """Have a token that is good; in a thread of ours, for the package waits in the loop's."""
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import Request as TokenRequest

        passes = (GoogleAuthError, *calls.ODD)
        async with self._making:
            if self._credentials is None:
                found = partial(credentials, self._settings)
                self._credentials = await self._threads.run(found, passes=passes)
            known: Any = self._credentials
            if not known.valid:
                await self._threads.run(partial(known.refresh, TokenRequest()), passes=passes)

    async def _pieces(self, request: Request) -> "list[AIMessage]":
        model = await self._model(request.model)
        messages = calls.messages(request)
        quiet: Any = {"callbacks": []}
        options = _options(request)
        if request.on_text is None:
            return [await model.ainvoke(messages, quiet, **options)]
        pieces: list[AIMessage] = []
        async for piece in model.astream(messages, quiet, **options):
            pieces.append(piece)
            if piece.text:
                request.on_text(str(piece.text))
        return pieces

    async def _model(self, model: Model) -> "ChatGoogleGenerativeAI":
        key = (model.id, model.temperature, model.thinking_budget, model.thinking_level)
        async with self._making:
            if key not in self._models:
                made = partial(self._made, model)  # takes long enough to hold up the loop
                self._models[key] = await self._threads.run(made, passes=calls.ODD)
        return self._models[key]

    def _made(self, model: Model) -> "ChatGoogleGenerativeAI":
        from google.genai import Client
        from google.genai.types import HttpOptions

        settings = self._settings
        # what follows makes several clients that are never used; reading certificates is slow
        unused = {"verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)}
        place: dict[str, Any] = {
            "vertexai": True,
            "project": settings.google_project,
            "location": settings.google_location,
            "credentials": self._credentials,
        }
        made = self._kind(
            model=model.id,
            temperature=model.temperature,
            thinking_budget=None if model.thinking_level else model.thinking_budget,
            thinking_level=model.thinking_level,
            api_version="v1",
            max_retries=0,
            cache=False,
            client_args=unused,
            **place,
        )
        # Its own client would follow redirects, read without end and use aiohttp where that is.
        options = HttpOptions(
            base_url=settings.google_base_url,
            api_version="v1",
            httpx_async_client=self._client,
            client_args=unused,
            async_client_args=unused,
        )
        made.client = Client(**place, http_options=options)
        return made


async def _hear(response: httpx2.Response) -> None:
    _heard.get([]).append(response.status_code)


def _options(request: Request) -> dict[str, Any]:
    options: dict[str, Any] = {
        "max_output_tokens": request.max_output_tokens,
        "timeout": request.timeout_seconds,
    }
    if request.tools:
        options["tools"] = calls.functions(request)
    elif request.schema is not None:
        options["response_mime_type"] = "application/json"
        options["response_json_schema"] = wire_schema(request.schema, "json_schema")
    return options


def _refused(error: Any) -> ModelFailure:
    """The failure behind an APIError: an HTTP status that is no success."""
    headers = getattr(error.response, "headers", None)
    text = error.message if isinstance(error.message, str) else str(error.details)
    return calls.failure(error.code, text, details=error.details, headers=headers)


def _misread(error: Exception, heard: list[int]) -> ModelFailure:
    """The failure behind an error that is not one of Google's own."""
    if heard and heard[-1] >= 400:
        return calls.failure(heard[-1], str(error))
    if isinstance(error, OSError):
        return calls.unreachable(error)
    return calls.unreadable(error) if heard else calls.unsendable(error)
