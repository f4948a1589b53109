"""Real connections through a real SDK: nobody waits longer than asked, and what it cost is known."""

import time

import pytest

from benchmarks.waiting.provider import provider
from copilot.routing import open_models
from copilot.runtimes import default_model, load_catalog
from copilot.settings import load
from tests.copilot.routing.scene import question, text_of

PATIENCE = 30
SECONDS = 2.0


def asked(address, seconds):
    """What came of asking, whether in time, and how many calls were left behind."""
    settings = load({}, runtimes=("openai",), openai_api_key="sk-x", openai_base_url=address)
    model = default_model(settings, load_catalog(), "openai")
    models = open_models(settings)
    try:
        models.loop.run(models.pool.get("openai", PATIENCE), PATIENCE)
        begun = time.monotonic()
        routed = models.ask_within(
            question(max_output_tokens=100), [model], seconds=seconds, accept=text_of
        )
        return routed, time.monotonic() - begun, models.router.abandoned
    finally:
        models.close()


def test_an_answer_comes_through():
    with provider("answers") as address:
        routed, _, _ = asked(address, PATIENCE)
    assert routed.result == "It is so."
    assert (routed.attempts[0].usage.input, routed.attempts[0].usage.output) == (100, 20)
    assert routed.cost_usd is None or routed.cost_usd > 0


@pytest.mark.parametrize("manner", ["hangs", "drips", "silent"])
def test_a_body_that_never_ends_is_not_waited_for(manner):
    with provider(manner) as address:
        routed, took, abandoned = asked(address, SECONDS)
    assert (routed.result, routed.reason, routed.cost_usd) == (None, "timeout", None)
    assert SECONDS * 0.9 < took < PATIENCE / 2
    assert abandoned == 0


def test_who_can_not_be_reached_has_cost_nothing():
    with provider("refuses") as address:
        routed, took, _ = asked(address, SECONDS)
    assert (routed.reason, routed.cost_usd) == ("network", 0)
    assert took < PATIENCE / 2


def test_who_sends_everything_back_has_cost_nothing():
    with provider("limits") as address:
        routed, took, _ = asked(address, SECONDS)
    assert (routed.reason, routed.cost_usd) == ("rate_limit", 0)
    assert {attempt.status for attempt in routed.attempts} == {429}
    assert took < PATIENCE / 2
