"""Gemini on Vertex AI through LangChain's ChatVertexAI, which its maker gives up in version 4.

It speaks REST, in threads: its asynchronous calls can't, and gRPC passes no ordinary proxy. `google`
asks the same models by its successor.
"""

import asyncio
import http.client
import warnings
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ..settings import Settings
from ._base import Answer, Request, Runtime
from ._catalog import Model
from ._failures import FailureKind, ModelFailure
from ._gemini import calls
from ._gemini.threads import Threads
from ._wire_schema import wire_schema
from .google import credentials

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage
    from requests import Session

    from ._gemini.connections import Line

CAPABILITIES = ("structured", "tools", "stream", "thinking")


def missing(settings: Settings) -> str | None:
    return calls.missing(settings, "langchain_google_vertexai", "vertex")


def make(settings: Settings) -> Runtime:
    """Imports for seconds. Credentials that can't be had are asked for again by each call."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*ChatGoogleGenerativeAI", append=False)
        from langchain_google_vertexai import ChatVertexAI  # pyright: ignore[reportDeprecated]

        # A class of ours, because making an instance of a deprecated class warns, each time.
        class Gemini(ChatVertexAI):  # pyright: ignore[reportDeprecated]
            pass

    # it warns of each value that is newer than the package, which a user can't help
    warnings.filterwarnings("ignore", r"Unrecognized \w+ enum value", UserWarning, r"proto\.")
    return _Vertex(settings, Gemini)


class _Vertex:
    def __init__(self, settings: Settings, kind: "Callable[..., BaseChatModel]") -> None:
        self._settings = settings
        self._kind = kind
        self._credentials: Credentials | None = None
        self._threads = Threads("vertex")
        self._models: dict[tuple[object, ...], BaseChatModel] = {}
        self._sessions: list[Session] = []
        self._lines: set[Line] = set()

    async def complete(self, request: Request) -> Answer:
        from ._gemini.connections import Line

        line = Line()
        self._lines.add(line)
        try:
            async with asyncio.timeout(request.timeout_seconds):
                return await self._threads.run(
                    partial(self._asked, request, line), passes=(ModelFailure,), cut=line.cut
                )
        except TimeoutError as error:
            problem = f"no answer in {request.timeout_seconds:.1f} s"
            raise ModelFailure(FailureKind.TIMEOUT, problem) from error
        finally:
            self._lines.discard(line)

    async def aclose(self) -> None:
        for line in tuple(self._lines):
            line.cut()
        for session in self._sessions:
            session.close()

    def _asked(self, request: Request, line: "Line") -> Answer:
        """One call, in a thread. Raises ModelFailure."""
        import urllib3
        from google.api_core.exceptions import GoogleAPICallError
        from google.auth.exceptions import GoogleAuthError
        from google.protobuf.json_format import Error as FormatError
        from langsmith import tracing_context  # pyright: ignore[reportUnknownVariableType]

        odd = (*calls.ODD, FormatError, urllib3.exceptions.HTTPError, http.client.HTTPException)
        try:
            # what we ask is not for the tracing that this process may have switched on
            with line, tracing_context(enabled=False):
                pieces = self._pieces(request, line)
            return calls.answer(request, pieces, thoughts_apart=True)
        except GoogleAuthError as error:
            raise calls.not_allowed(error) from error
        except GoogleAPICallError as error:
            raise _refused(error, line) from error
        except odd as error:
            raise _misread(error, line) from error

    def _pieces(self, request: Request, line: "Line") -> "list[AIMessage]":
        model = self._model(request.model)
        messages = calls.messages(request)
        quiet: Any = {"callbacks": []}
        options = _options(request)
        if request.on_text is None:
            return [model.invoke(messages, quiet, **options)]
        pieces: list[AIMessage] = []
        for piece in model.stream(messages, quiet, **options):
            pieces.append(piece)
            if piece.text and not line.is_cut:
                request.on_text(str(piece.text))
        return pieces

    def _model(self, model: Model) -> "BaseChatModel":
        key = (model.id, model.temperature, model.thinking_budget)
        made = self._models.get(key)
        if made is None:
            made = self._models.setdefault(key, self._made(model))
        return made

    def _made(self, model: Model) -> "BaseChatModel":
        settings = self._settings
        self._credentials = self._credentials or credentials(settings)
        made: Any = self._kind(
            model=model.id,
            temperature=model.temperature,
            thinking_budget=model.thinking_budget,
            project=settings.google_project,
            location=settings.google_location,
            credentials=self._credentials,
            base_url=settings.google_base_url,
            transport="rest",
            endpoint_version="v1",
            max_retries=0,
            cache=False,
        )
        self._own(made.prediction_client.transport._session)
        return made

    def _own(self, session: Any) -> None:
        """Make the connections of an AuthorizedSession ours to cut, and one call one request."""
        from ._gemini.connections import CuttableAdapter

        session._max_refresh_attempts = 0
        session.trust_env = False
        session.headers["accept-encoding"] = "identity"
        if not session.is_mtls:  # else the adapter that is there has the client's certificate
            adapter = CuttableAdapter(pool_maxsize=self._settings.model_concurrency)
            session.mount("https://", adapter)
            session.mount("http://", adapter)
        self._sessions.append(session)


def _options(request: Request) -> dict[str, Any]:
    """What is said with one call. With tools there is no schema: Gemini 2.5 takes only one."""
    options: dict[str, Any] = {
        "max_output_tokens": request.max_output_tokens,
        "timeout": request.timeout_seconds,
    }
    if request.tools:
        options["tools"] = calls.functions(request)
    elif request.schema is not None:
        options["response_mime_type"] = "application/json"
        options["response_schema"] = wire_schema(request.schema, "vertex")
    return options


def _refused(error: Any, line: "Line") -> ModelFailure:
    """The failure behind a GoogleAPICallError: an HTTP status that is no success."""
    status = int(error.code or line.status or 500)
    text = str(error.message)
    return calls.failure(status, text, details=error.details, headers=line.headers)


def _misread(error: BaseException, line: "Line") -> ModelFailure:
    """The failure behind an error that is not one of Google's own."""
    import requests

    if line.is_cut or isinstance(error, requests.Timeout):
        return calls.out_of_time(error)
    if line.status is not None and line.status >= 400:
        return calls.failure(line.status, str(error), headers=line.headers)
    if isinstance(error, OSError):
        return calls.unreachable(error)
    return calls.unsendable(error) if line.status is None else calls.unreadable(error)
