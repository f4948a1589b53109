"""What every request passes first: a request id, the token, and a limit on the body."""

import hmac
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import problem

#: Readable without a token. Everything else is closed, whoever adds it.
PUBLIC = frozenset({"/healthz", "/readyz", "/version"})
LARGEST_BODY = 2_000_000
#: Read and dropped beyond that, because a client cut off while it sends would not see the answer.
MOST_DRAINED = 8_000_000
_TOO_LARGE = "A request may hold 2 MB at most."


class Gate:
    """ASGI middleware, outside of routing: a refused request reads no body and finds no route."""

    def __init__(self, app: ASGIApp, *, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        # A websocket is closed by being left unanswered; there are none.

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        headers = Headers(scope=scope)
        send = _marked(send, request_id)
        if scope["path"] not in PUBLIC and not self._knows(headers):
            detail = "This needs the token of this server."
            challenge = {"WWW-Authenticate": 'Bearer realm="ask-copilot"'}
            refusal = problem("unauthenticated", detail=detail, headers=challenge)
            await refusal(scope, receive, send)
        elif _announced(headers) > LARGEST_BODY:
            if "expect" not in headers:  # who waits to be told to go on has sent nothing
                await _drain(await receive(), receive)
            refusal = problem("body_too_large", detail=_TOO_LARGE, headers={"Connection": "close"})
            await refusal(scope, receive, send)
        else:
            await self._app(scope, _limited(receive), send)

    def _knows(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        same = hmac.compare_digest(given.strip().encode("latin-1"), self._token)
        return same and scheme.lower() == "bearer"


def _announced(headers: Headers) -> int:
    length = headers.get("content-length", "")
    return int(length[:20]) if length.isdecimal() else 0


def _limited(receive: Receive) -> Receive:
    """*receive*, counting what really comes: the announced length may be a lie, or absent."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > LARGEST_BODY:
            await _drain(message, receive)
            raise HTTPException(413, detail=_TOO_LARGE, headers={"Connection": "close"})
        return message

    return counted


async def _drain(message: Message, receive: Receive) -> None:
    """Drop *message* and what follows it."""
    drained = len(message.get("body", b""))
    while message.get("more_body", False) and drained < MOST_DRAINED:
        message = await receive()
        drained += len(message.get("body", b""))


def _marked(send: Send, request_id: str) -> Send:
    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = request_id
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Cache-Control"] = "no-store"
        await send(message)

    return marked
