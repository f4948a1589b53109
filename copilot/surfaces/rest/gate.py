"""What every request passes first: a request id, an API key, and how much that key may ask."""

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from uuid import uuid4

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...bootstrap import UNREACHABLE
from ...errors import TooManyRequests, Unauthenticated
from ...types.principal import Principal
from .lasting import Lasting
from .problems import problem, refusal, unreachable
from .rate import RateLimit

#: Readable without a key. Everything else is closed, whoever adds it.
PUBLIC = frozenset({"/healthz", "/readyz", "/version"})
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="ask-copilot"'}


class Gate:
    """ASGI middleware, outside of routing: a refused request reads no body and finds no route.

    What comes behind it finds `request_id`, `principal` (not on public paths) and `request_key`
    in the request's state.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        authenticate: Callable[[str], Principal],
        local_keys: Mapping[str, Principal],
        rate: RateLimit,
    ) -> None:
        """local_keys: keys of this process alone, by the SHA-256 of each in hexadecimal."""
        self._app = app
        self._authenticate = authenticate
        self._local_keys = local_keys
        self._rate = rate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        # A websocket is closed by being left unanswered; there are none.

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.setdefault("state", {})
        state["request_id"] = uuid4().hex
        state["request_key"] = None
        send = _marked(send, state["request_id"])
        if scope["path"] not in PUBLIC:
            try:
                key = _key_in(Headers(scope=scope))
                state["principal"] = await self._let_in(key)
            except Unauthenticated as error:
                answer = problem("unauthenticated", detail=str(error), headers=_CHALLENGE)
                return await answer(scope, receive, send)
            except TooManyRequests as error:
                return await refusal(error)(scope, receive, send)
            except UNREACHABLE as error:
                return await unreachable(error)(scope, receive, send)
            if _digest(key) not in self._local_keys:
                lasting = Lasting(receive, send, look=partial(self._authenticate, key))
                receive, send = lasting.receive, lasting.send
        return await self._app(scope, receive, send)

    async def _let_in(self, key: str) -> Principal:
        holder = _digest(key)
        local = self._local_keys.get(holder)
        if local is not None:  # at this machine, where a limit would keep nobody off
            return local
        principal = await run_in_threadpool(self._authenticate, key)
        self._rate.take(holder)
        return principal


def _key_in(headers: Headers) -> str:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise Unauthenticated("send it in the header Authorization: Bearer <key>.")
    return key


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _marked(send: Send, request_id: str) -> Send:
    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = request_id
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Cache-Control"] = "no-store"
        await send(message)

    return marked
