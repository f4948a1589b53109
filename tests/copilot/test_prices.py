"""What models cost, as far as it is known; what is unknown is never free."""

import builtins
import subprocess
import sys
from decimal import Decimal

import pytest

from copilot.bootstrap.ports import MOST_OUTPUT_TOKENS, Models
from copilot.runtimes import _prices, about_tokens, known_model


@pytest.fixture
def forgetful():
    """Nothing is remembered of other tests, and nothing is left for them."""
    for one in (_prices.known_model, _prices._price_list):
        one.cache_clear()
    yield
    for one in (_prices.known_model, _prices._price_list):
        one.cache_clear()


def test_a_known_model_has_prices_for_a_million_tokens_and_its_window():
    model = known_model("gpt-4o")
    assert (model.id, model.context_tokens) == ("gpt-4o", 128_000)
    assert (model.input_usd, model.output_usd) == (Decimal("2.5"), Decimal(10))


def test_of_a_model_with_dearer_long_requests_the_first_price_counts():
    assert known_model("claude-sonnet-4-5").input_usd == Decimal(3)


@pytest.mark.parametrize("name", ["", "no-such-model", "x" * 10_000, "\ud800", "../etc", "gpt"])
def test_nobody_knows_a_model_that_nobody_has_listed(name):
    assert known_model(name) is None


def test_a_price_of_nothing_is_no_price():
    assert known_model("whisper-1").input_usd is None


def test_without_the_price_list_nothing_is_known(monkeypatch, forgetful):
    really = builtins.__import__

    def without(name, *rest, **named):
        if name.startswith("genai_prices"):
            raise ImportError(name)
        return really(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    assert known_model("gpt-4o") is None
    assert Models().find("gpt-4o") is None


def test_the_price_list_is_only_read_when_it_is_asked_for():
    code = "import sys, copilot.bootstrap; print('genai_prices' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False"


def test_tokens_are_guessed_from_bytes():
    assert [about_tokens(text) for text in ("", "a", "abcde", "éé", "\ud800")] == [0, 1, 2, 2, 1]


def test_the_engine_is_told_what_it_asks_for():
    models = Models()
    facts = models.find("gpt-4o-mini")
    assert (facts.id, facts.context_tokens, facts.max_output_tokens) == (
        "gpt-4o-mini",
        128_000,
        MOST_OUTPUT_TOKENS,
    )
    assert facts.input_usd < facts.output_usd
    assert models.find(None) is None
    assert models.runtimes() is None
    assert models.count_tokens("abcde", None) == 2
