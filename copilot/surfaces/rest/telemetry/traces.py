"""Spans for OpenTelemetry, sent over OTLP/HTTP from a thread of their own. Needs the extra `telemetry`.

A span says which route answered and how it ended, never what was said: no path, no id of a thing,
no header, no words of an error.
"""

from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .requests import RequestSpan

_PATH = "/v1/traces"
#: Of one attempt to send a batch, in seconds. A receiver that does not answer costs no request.
_TIMEOUT = 5


class Traces:
    """Implements `Tracing`. What is not sent yet when the process ends is sent then."""

    def __init__(self, endpoint: str) -> None:
        """endpoint: of an OTLP receiver over HTTP, with or without `/v1/traces`."""
        address = endpoint.rstrip("/")
        address = address if address.endswith(_PATH) else address + _PATH
        release = version("ask-copilot")
        self._provider = TracerProvider(
            resource=Resource({"service.name": "ask-copilot", "service.version": release})
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(OTLPSpanExporter(endpoint=address, timeout=_TIMEOUT))
        )
        self._tracer = self._provider.get_tracer("ask-copilot", release)
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def request(self, traceparent: str | None) -> Generator[RequestSpan]:
        # tracestate is left out: it would carry the client's own text to the receiver
        carrier = {"traceparent": traceparent} if traceparent else {}
        span = self._tracer.start_span(
            "request", context=self._propagator.extract(carrier), kind=SpanKind.SERVER
        )
        try:
            with trace.use_span(span, record_exception=False, set_status_on_exception=False):
                yield _ServerSpan(span)
        finally:
            span.end()

    @contextmanager
    def use_case(self, name: str) -> Generator[None]:
        with self._tracer.start_as_current_span(
            name, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except BaseException as error:
                span.set_attribute("error.type", getattr(error, "code", type(error).__qualname__))
                span.set_status(StatusCode.ERROR)
                raise

    def flush(self) -> bool:
        """Send what has ended; whether that was done within the timeout."""
        return self._provider.force_flush(_TIMEOUT * 1000)

    def close(self) -> None:
        """Send what is left, and end the thread."""
        self._provider.shutdown()


class _ServerSpan:
    def __init__(self, span: Span) -> None:
        self._span = span

    @property
    def trace_id(self) -> str | None:
        return trace.format_trace_id(self._span.get_span_context().trace_id)

    def answered(self, method: str, route: str, status: int, request_id: str | None) -> None:
        self._span.update_name(f"{method} {route}")
        self._span.set_attributes(
            {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
                "ask_copilot.request_id": request_id or "",
            }
        )
        if status >= 500:
            self._span.set_status(StatusCode.ERROR)
