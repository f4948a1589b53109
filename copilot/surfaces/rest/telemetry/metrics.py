"""Counts for Prometheus, one registry an application. Every label has few values, all of them ours."""

from importlib.metadata import version

from fastapi import APIRouter, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    generate_latest,
)

from ....types import Report
from ....types.engine import ProgressMeasure
from .logs import log_progress

#: Seconds. The rules answer in milliseconds; nothing may take longer than 10 s.
_BUCKETS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """What has happened since this process started, in all workspaces together."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "ask_copilot_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "ask_copilot_request_seconds",
            "From the first byte of a request to the last of its answer. Streams are not in it.",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._under_way = Gauge(
            "ask_copilot_requests_under_way", "Requests being answered.", registry=self._registry
        )
        self._analyses = Counter(
            "ask_copilot_analyses",
            "Analyses made; one served again is not made again.",
            ("root_cause", "produced_by", "verdict"),
            registry=self._registry,
        )
        self._models = Counter(
            "ask_copilot_model_analyses",
            "Analyses for which a model was asked, by what came of it.",
            ("runtime", "outcome"),
            registry=self._registry,
        )
        self._credits = Counter(
            "ask_copilot_credits", "Credits charged for analyses.", registry=self._registry
        )
        self._progress = Histogram(
            "ask_copilot_progress_seconds",
            "To count how far a run is. More than 0.1 is worth an alert.",
            buckets=_BUCKETS,
            registry=self._registry,
        )
        build = Info("ask_copilot_build", "The release that runs.", registry=self._registry)
        build.info({"version": version("ask-copilot")})
        ProcessCollector(registry=self._registry)

    def started(self) -> None:
        self._under_way.inc()

    def answered(self, method: str, route: str, status: int, seconds: float | None) -> None:
        """A request has ended; *route* is a template. seconds: None for a stream, whose length
        says nothing of the server."""
        self._under_way.dec()
        self._requests.labels(method, route, str(status)).inc()
        if seconds is not None:
            self._seconds.labels(method, route).observe(seconds)

    def analysis(self, report: Report) -> None:
        """An analysis was stored."""
        self._analyses.labels(
            report.root_cause.value, report.produced_by, report.verdict.value
        ).inc()
        self._credits.inc(report.receipt.credits)
        if report.model is not None:
            outcome = "answered" if report.model.answered else report.model.reason or "unknown"
            self._models.labels(report.model.runtime, outcome).inc()

    def progress(self, measure: ProgressMeasure) -> None:
        """How far a run is was counted; of which workflow stands in the log, at debug level."""
        self._progress.observe(measure.calculation_time_ms / 1000)
        log_progress(measure)

    @property
    def router(self) -> APIRouter:
        """`/metrics`, for the holder of any key."""
        router = APIRouter(tags=["service"])

        @router.get("/metrics", response_class=_Exposition)
        def metrics() -> Response:  # pyright: ignore[reportUnusedFunction]  (FastAPI calls it)
            """Counts since this process started, in the text format of Prometheus."""
            return _Exposition(generate_latest(self._registry))

        return router


class _Exposition(Response):
    media_type = CONTENT_TYPE_LATEST
