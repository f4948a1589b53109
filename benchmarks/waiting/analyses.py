"""Whole analyses of an application whose provider behaves badly."""

import asyncio
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from copilot.bootstrap import App, open_app
from copilot.settings import load
from copilot.sources.jsonl import parse_run
from copilot.types import Report

RUN = {
    "id": "load-1",
    "agent": "load",
    "status": "failed",
    "error": "connection refused by mail.acme.example",
}


@contextmanager
def application(address: str) -> Generator[App]:
    """One that asks OpenAI's SDK at *address*, ready to be asked."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load(
            {},
            data=Path(folder),
            runtimes=("openai",),
            openai_api_key="sk-of-nobody",
            openai_base_url=address,
        )
        with open_app(settings, dispatch=False) as app:
            if app.models is not None:
                asyncio.run(app.models.pool.get("openai", 60))
            yield app


def analyze(app: App) -> Report:
    """A failure of another system, about which a model has to be asked."""
    run = parse_run(RUN, where="run", workspace_id="default")
    return app.owner().analyses.analyze_foreign(run, require_model=True)
