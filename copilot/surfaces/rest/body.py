"""What a request may carry: 2 MB of JSON, as it is, however long it says that it will be."""

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import strict_json
from .problems import problem

LARGEST_BODY = 2_000_000
#: Read and dropped beyond that, because a client cut off while it sends would not see the answer.
MOST_DRAINED = 8_000_000
#: Longer bodies are checked off the event loop.
_QUICKLY_CHECKED = 32_000
#: What these carry is not read by anybody here.
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class TooLarge(Exception):
    """The body has more than LARGEST_BODY bytes; as much as is sensible was read and dropped."""


class Disconnected(Exception):
    """The client left while it was sending; nobody waits for an answer."""


class Body:
    """ASGI middleware behind `Gate`: reads the body whole and refuses what no route can use.

    What comes behind it finds the bytes as `body` in the request's state.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        try:
            refused = await _refuse_by_its_head(scope["method"], headers, receive)
            if refused is None and scope["method"] not in _WITHOUT_BODY:
                body = scope["state"]["body"] = await _read(receive)
                refused = await _refuse_by_content(body, headers)
                receive = _replayed(body, receive)
        except TooLarge:
            refused = _too_large()
        except Disconnected:
            return None
        return await (refused or self._app)(scope, receive, send)


async def _refuse_by_its_head(method: str, headers: Headers, receive: Receive) -> Response | None:
    if _announced(headers) > LARGEST_BODY:
        if "expect" not in headers:  # who waits to be told to go on has sent nothing
            await _drain(await receive(), receive)
        raise TooLarge
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", ""} and method not in _WITHOUT_BODY:
        detail = "A body is read as it is, not unpacked."
        closing = {"Accept-Encoding": "identity", "Connection": "close"}
        return problem("unsupported_encoding", detail=detail, headers=closing)
    return None


async def _refuse_by_content(body: bytes, headers: Headers) -> Response | None:
    if not body:
        return None
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        detail = "The Content-Type of the body is not application/json."
        return problem("unsupported_media_type", detail=detail)
    try:
        if len(body) > _QUICKLY_CHECKED:
            await run_in_threadpool(strict_json.check, body)
        else:
            strict_json.check(body)
    except strict_json.InvalidJson as error:
        return problem("invalid_json", detail=str(error))
    return None


def _announced(headers: Headers) -> int:
    length = headers.get("content-length", "")
    return int(length[:20]) if length.isdecimal() else 0


async def _read(receive: Receive) -> bytes:
    """The whole body, counted while it comes: the announced length may be a lie, or absent."""
    pieces: list[bytes] = []
    seen = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        piece = message.get("body", b"")
        seen += len(piece)
        if seen > LARGEST_BODY:
            await _drain(message, receive)
            raise TooLarge
        pieces.append(piece)
        if not message.get("more_body", False):
            return b"".join(pieces)


async def _drain(message: Message, receive: Receive) -> None:
    """Drop *message* and what follows it."""
    drained = len(message.get("body", b""))
    while message.get("more_body", False) and drained < MOST_DRAINED:
        message = await receive()
        drained += len(message.get("body", b""))


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives *body* again, and then whatever comes behind it."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _too_large() -> Response:
    detail = "A request may hold 2 MB at most."
    return problem("body_too_large", detail=detail, headers={"Connection": "close"})
