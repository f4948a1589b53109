"""What an operator sees of the service: metrics, traces and a log, none with anybody's text in it."""

import dataclasses
from typing import cast

from fastapi import FastAPI

from ....bootstrap import App
from ....errors import InvalidInput
from ....settings import Settings
from .logs import log_to_stderr
from .metrics import Metrics
from .requests import NoTraces, RequestWatch, Tracing
from .routes import Templates
from .use_cases import TracedCopilot

__all__ = ["install", "log_to_stderr"]


def install(rest: FastAPI, app: App, settings: Settings) -> None:
    """Watch every request of *rest*; to be called last, so that refused requests are seen too.

    Adds the route `/metrics`. Traces are sent where `settings.otlp_endpoint` says. Raises
    InvalidInput when that needs packages which are not installed.
    """
    metrics = Metrics()
    app.store.analyses.listeners.append(metrics.analysis)
    app.engine.runs.progress_listeners.append(metrics.progress)
    rest.include_router(metrics.router)
    traces = rest.state.traces = _traces(settings)
    if not isinstance(traces, NoTraces):
        copilot = cast("App", rest.state.app).copilot
        rest.state.app = dataclasses.replace(app, copilot=TracedCopilot.over(copilot, traces))
    rest.add_middleware(
        RequestWatch, metrics=metrics, traces=traces, templates=Templates(rest.routes)
    )


def _traces(settings: Settings) -> Tracing:
    if settings.otlp_endpoint is None:
        return NoTraces()
    try:
        from .traces import Traces  # the packages are optional, and slow to load
    except ModuleNotFoundError as error:
        raise InvalidInput(
            "ASK_COPILOT_OTLP_ENDPOINT",
            f"sending traces needs the package of {error.name}, which is not installed.",
            "pip install 'ask-copilot[telemetry]', or leave the setting out.",
        ) from None
    return Traces(settings.otlp_endpoint)
