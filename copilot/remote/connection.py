"""One server, asked over HTTP: addresses, repeated requests, and answers or deliberate errors."""

import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, TypeVar, cast
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx2
from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError

from ..errors import InvalidInput, NotFound, ServerUnreachable, Unauthenticated
from .problems import Problem, refusal

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

#: Seconds until a server that says nothing counts as gone; no analysis lasts longer than 10.
PATIENCE = 30.0
#: How often a request is sent in all, and how long to wait between, in seconds.
ATTEMPTS = 5
PAUSES = (0.2, 0.5, 1.0, 2.0)
LONGEST_PAUSE = 5.0
#: Seconds until a stream that says nothing counts as cut off; a server says something each 15.
LONGEST_SILENCE = 40.0
#: What may be sent again although it may have arrived: it changes nothing, or it carries a key by
#: which the server knows it.
_REPEATABLE = frozenset({"GET", "POST", "PATCH"})
_KEYED = frozenset({"POST", "PATCH", "PUT"})
_NOWHERE = partial(NotFound, "address")
#: The request has not left: these may always be sent again.
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


class Connection:
    """Requests with one API key. Methods may be called from any thread.

    A request that got no answer, or was told to come back, is sent again a few times with the same
    Idempotency-Key, so that it is carried out once. Raises ServerUnreachable after that.
    """

    def __init__(
        self,
        url: str,
        key: SecretStr | str,
        *,
        timeout: float = PATIENCE,
        attempts: int = ATTEMPTS,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        secret = key.get_secret_value() if isinstance(key, SecretStr) else key
        self._shown = without_password(url)
        self._attempts = attempts
        self._sleep = sleep
        self._timeout = timeout
        self._client = httpx2.Client(
            headers={"Authorization": _bearer(secret)},
            timeout=timeout,
            transport=transport,
            follow_redirects=False,  # a redirect would take the key elsewhere
            trust_env=False,
        )
        # a name in the address would be sent instead of the key
        self._root = self._shown

    def close(self) -> None:
        self._client.close()

    def ask(
        self,
        method: str,
        *segments: str,
        missing: Callable[[], Exception] = _NOWHERE,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Any:
        """The JSON of the answer, None for an empty one.

        segments: of the path, as they are. missing: makes the error for a 404. timeout: in seconds, for
        this request.
        """
        sent = dict(headers or {})
        if method in _KEYED:
            sent["Idempotency-Key"] = uuid4().hex
        content = None
        if body is not None:
            sent["Content-Type"] = "application/json"
            content = _encoded(body)
        request = self._client.build_request(
            method,
            self._address(segments),
            params={name: value for name, value in (params or {}).items() if value is not None},
            headers=sent,
            content=content,
            timeout=self._timeout if timeout is None else timeout,
        )
        return self._read(self._send(request), missing=missing)

    @contextmanager
    def listening(
        self,
        *segments: str,
        missing: Callable[[], Exception] = _NOWHERE,
        headers: Mapping[str, str] | None = None,
    ) -> Generator[Iterator[Any] | None]:
        """What a stream of server-sent events tells, as data, until it ends or is cut off.

        None when the server says that there is nothing to tell any more. To be left to end it.
        """
        request = self._client.build_request(
            "GET",
            self._address(segments),
            headers={"Accept": "text/event-stream", **(headers or {})},
            timeout=httpx2.Timeout(self._timeout, read=max(self._timeout, LONGEST_SILENCE)),
        )
        with closing(self._send(request, stream=True)) as answer:
            if answer.status_code == 200:
                yield self._told(answer)
            else:
                yield self._read(answer, missing=missing)

    def _told(self, answer: httpx2.Response) -> Iterator[Any]:
        try:
            for event in httpx2.EventSource(answer):
                if event.data:
                    yield json.loads(event.data)
        except (httpx2.SSEError, ValueError):
            raise self._foreign("its answer is no stream of events that is known here.") from None
        except httpx2.TransportError:
            return  # cut off: the caller sees that the end is missing

    def read(self, kind: type[T], data: Any) -> T:
        """*data* of an answer as *kind*, without members that this release does not know.

        Raises ServerUnreachable when it is something else.
        """
        try:
            return TypeAdapter(kind).validate_python(data, extra="ignore")
        except ValidationError:
            raise self._foreign("its answer has another form; is it of another release?") from None

    def many(self, kind: type[M], data: Any, name: str) -> tuple[M, ...]:
        """The list *name* in *data*, as models."""
        return self.read(tuple[kind, ...], self.member(data, name))

    def member(self, data: Any, name: str) -> Any:
        """Member *name* of *data*. Raises ServerUnreachable when there is none."""
        if not isinstance(data, dict) or name not in data:
            raise self._foreign(f"its answer has no {name}; is it of another release?")
        return cast("dict[str, Any]", data)[name]

    def _address(self, segments: tuple[str, ...]) -> str:
        return "/".join([self._root, *map(_quoted, segments)])

    def _send(self, request: httpx2.Request, *, stream: bool = False) -> httpx2.Response:
        """The first answer that is not 'come back'. Raises ServerUnreachable.

        stream: leave the body of a good answer to be read.
        """
        problem = ""
        for attempt in range(self._attempts):
            last = attempt == self._attempts - 1
            try:
                answer = self._client.send(request, stream=stream)
                if not answer.is_success:
                    answer.read()
            except httpx2.TransportError as error:
                problem = _words(error)
                if not isinstance(error, _NOT_SENT) and request.method not in _REPEATABLE:
                    raise ServerUnreachable(
                        self._shown, f"{problem} It may have done what was asked."
                    ) from None
                wait = _pause(attempt)
            else:
                if last or not _says_come_back(answer):
                    return answer
                wait = _asked_pause(answer) or _pause(attempt)
            if not last:
                self._sleep(wait)
        raise ServerUnreachable(self._shown, problem)

    def _read(self, answer: httpx2.Response, *, missing: Callable[[], Exception]) -> Any:
        if answer.status_code == 204 or not answer.content:
            data = None
        else:
            try:
                data = answer.json()
            except ValueError:
                raise self._foreign(f"status {answer.status_code}, and not in JSON.") from None
        if answer.is_success:
            return data
        problem = Problem.read(data)
        if problem is None:
            raise self._foreign(f"status {answer.status_code}, and no problem that is known here.")
        raise refusal(problem, missing=missing)

    def _foreign(self, problem: str) -> ServerUnreachable:
        return ServerUnreachable(self._shown, problem)


def _says_come_back(answer: httpx2.Response) -> bool:
    if answer.status_code in {429, 503}:
        return True
    return answer.status_code == 409 and b'"request_in_progress"' in answer.content


def _asked_pause(answer: httpx2.Response) -> float | None:
    asked = answer.headers.get("retry-after", "")
    return min(float(asked), LONGEST_PAUSE) if asked.isdecimal() else None


def _pause(attempt: int) -> float:
    return PAUSES[min(attempt, len(PAUSES) - 1)]


def _words(error: httpx2.TransportError) -> str:
    match error:
        case httpx2.ConnectError():
            return "nothing listens there, or it can't be reached."
        case httpx2.TimeoutException():
            return "it took too long."
        case httpx2.UnsupportedProtocol():
            return "the address is not http:// or https://."
        case _:
            return "the connection broke."


def _encoded(body: Any) -> bytes:
    try:
        # ASCII, so that a lone surrogate arrives as one and is judged by the server.
        return json.dumps(body, allow_nan=False).encode("ascii")
    except (TypeError, ValueError, RecursionError):
        problem = "it holds a value that JSON has no form for."
        raise InvalidInput("the request", problem, "Give text, numbers, lists, objects.") from None


def _quoted(segment: str) -> str:
    quoted = quote(segment, safe="", errors="replace")
    # a client resolves these away, and would then ask for another thing
    return quoted.replace(".", "%2E") if segment in {".", ".."} else quoted


def _bearer(key: str) -> str:
    if not _is_visible(key):
        raise Unauthenticated("what was given is no key, but other text.")
    return f"Bearer {key}"


def _is_visible(text: str) -> bool:
    return bool(text) and all("!" <= character <= "~" for character in text)


def without_password(url: str) -> str:
    """An address without the name and password that may stand in it, and without a last slash."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")
