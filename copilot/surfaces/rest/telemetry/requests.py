"""ASGI middleware around everything else: each request is counted, timed, traced and logged once."""

import re
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from time import perf_counter
from typing import Protocol

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ....types.principal import Principal
from .logs import in_request, log_request
from .metrics import Metrics
from .routes import Templates

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: Version, trace id, parent id and flags of the W3C header.
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class RequestSpan(Protocol):
    @property
    def trace_id(self) -> str | None:
        """32 hexadecimal digits, None outside of a trace."""
        ...

    def answered(self, method: str, route: str, status: int, request_id: str | None) -> None: ...


class Tracing(Protocol):
    def request(self, traceparent: str | None) -> AbstractContextManager[RequestSpan]:
        """The span of a request, which goes on a trace of the client's."""
        ...

    def use_case(self, name: str) -> AbstractContextManager[None]:
        """A span inside, named noun.verb."""
        ...


class NoTraces:
    """Implements `Tracing` by doing nothing but read which trace the client is in."""

    @contextmanager
    def request(self, traceparent: str | None) -> Generator[RequestSpan]:
        found = _TRACEPARENT.fullmatch(traceparent or "")
        yield _NoSpan(found[1] if found else None)

    @contextmanager
    def use_case(self, name: str) -> Generator[None]:
        yield


class _NoSpan:
    def __init__(self, trace_id: str | None) -> None:
        self.trace_id = trace_id

    def answered(self, method: str, route: str, status: int, request_id: str | None) -> None:
        pass


class RequestWatch:
    def __init__(
        self, app: ASGIApp, *, metrics: Metrics, traces: Tracing, templates: Templates
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._traces = traces
        self._templates = templates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500  # of what raises before it answers
        is_stream = False

        async def noting(message: Message) -> None:
            nonlocal status, is_stream
            if message["type"] == "http.response.start":
                status = message["status"]
                media_type = Headers(raw=message["headers"]).get("content-type", "")
                is_stream = media_type.startswith("text/event-stream")
            await send(message)

        state = scope.setdefault("state", {})
        traceparent = Headers(scope=scope).get("traceparent")
        started = perf_counter()
        self._metrics.started()
        with self._traces.request(traceparent) as span, in_request(state, span.trace_id):
            try:
                await self._app(scope, receive, noting)
            finally:
                seconds = perf_counter() - started
                self._ended(scope, span, status, seconds, is_stream=is_stream)

    def _ended(
        self, scope: Scope, span: RequestSpan, status: int, seconds: float, *, is_stream: bool
    ) -> None:
        method = scope["method"] if scope["method"] in METHODS else "OTHER"
        route = self._templates.of(scope)
        principal: Principal | None = scope["state"].get("principal")
        self._metrics.answered(method, route, status, None if is_stream else seconds)
        span.answered(method, route, status, scope["state"].get("request_id"))
        log_request(
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
            principal=principal.id if principal else None,
        )
