"""Paid calls of the real providers, for `make test-live`: a dozen short ones for each key there is.

    OPENAI_API_KEY=… make test-live

Without a key in the environment a runtime is left out. Nothing here runs in CI.
"""

import asyncio
from contextlib import contextmanager

import pytest

from copilot.bootstrap import open_app
from copilot.errors import InvalidInput
from copilot.routing import open_models
from copilot.runtimes import RUNTIMES, Request, Tool, Turn, default_model, load_catalog
from copilot.settings import load
from copilot.sources.jsonl import parse_run

pytestmark = [pytest.mark.live, pytest.mark.filterwarnings("default")]
ASKED = [name for name in RUNTIMES if name not in ("offline", "scripted")]
RUN = {
    "id": "load-1",
    "agent": "outreach",
    "status": "failed",
    "instructions": "Write to each lead with the template Outbound v3.",
    "steps": [{"action": "render_template", "error": "Template 'Outbound v3' was not found"}],
    "templates": ["Outbound v2", "Welcome"],
}
CLOCK = Tool(
    name="now",
    description="The time of day.",
    parameters={"type": "object", "properties": {}, "additionalProperties": False},
)


def settings(name, **values):
    """From the environment. A runtime that lacks something is left out, and says what it lacks."""
    found = load(runtimes=(name,), **values)
    missing = RUNTIMES[name].missing(found)
    if missing is not None:
        pytest.skip(missing)
    return found


@contextmanager
def asking(name):
    found = settings(name)
    models = open_models(found)
    assert models is not None
    try:
        asyncio.run(models.pool.get(name, 60))
        yield models, default_model(found, load_catalog(), name)
    finally:
        models.close()


def ask(models, model, *, text, seconds=30.0, accept=lambda answer: answer, **fields):
    request = Request(
        model=model,
        system="You answer in one short sentence.",
        turns=(Turn(role="user", text=text),),
        timeout_seconds=seconds,
        max_output_tokens=400,
        **fields,
    )
    return models.ask_within(request, (model,), seconds=seconds, accept=accept)


@pytest.mark.parametrize("name", ASKED)
def test_it_answers_and_says_what_it_used(name):
    with asking(name) as (models, model):
        routed = ask(models, model, text="Which colour has a ripe tomato?")
    assert routed.answer is not None, routed.reason
    assert "red" in routed.answer.text.lower()
    assert routed.answer.usage.input > 0


@pytest.mark.parametrize("name", ASKED)
def test_its_text_comes_in_pieces(name):
    if "stream" not in RUNTIMES[name].CAPABILITIES:
        pytest.skip("it does not stream")
    heard = []
    with asking(name) as (models, model):
        routed = ask(models, model, text="Count from one to ten.", on_text=heard.append)
    assert routed.answer is not None, routed.reason
    assert "".join(heard) == routed.answer.text


@pytest.mark.parametrize("name", ASKED)
def test_it_calls_a_tool(name):
    if "tools" not in RUNTIMES[name].CAPABILITIES:
        pytest.skip("it has no tools")
    with asking(name) as (models, model):
        routed = ask(models, model, text="Use the tool now to tell the time.", tools=(CLOCK,))
    assert routed.answer is not None, routed.reason
    assert [use.name for use in routed.answer.uses] == ["now"]


@pytest.mark.parametrize("name", ASKED)
def test_it_explains_a_failure_inside_the_frame_and_the_time(name, tmp_path):
    try:
        found = settings(name, data=tmp_path)
    except InvalidInput as problem:
        pytest.skip(str(problem))
    with open_app(found, dispatch=False) as app:
        asyncio.run(app.models.pool.get(name, 60))
        run = parse_run(RUN, where="run", workspace_id="default")
        report = app.owner().analyses.analyze_foreign(run, require_model=True)
    assert report.produced_by == name, report.degraded_reason
    assert report.root_cause == "missing_template"
    assert report.receipt.cost_usd is None or report.receipt.cost_usd > 0
