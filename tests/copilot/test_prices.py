"""What models cost, as far as it is known; what is unknown is never free."""

import builtins
import subprocess
import sys
from decimal import Decimal

import pytest

from copilot.bootstrap.model_directory import MOST_OUTPUT_TOKENS, ModelDirectory
from copilot.runtimes import (
    Model,
    Usage,
    _prices,
    about_tokens,
    cost_usd,
    known_model,
    most_cost_usd,
    prices_of,
)
from copilot.settings import load

PRICED = Model(id="gpt-4o", runtime="openai", provider="openai")
LONG = Model(id="claude-sonnet-4-5", runtime="anthropic", provider="anthropic")
OWN = Model(id="own", runtime="compatible", input_usd=Decimal(1), output_usd=Decimal("2.5"))
UNKNOWN = (
    Model(id="gpt-4o", runtime="compatible"),
    Model(id="no-such-model", runtime="openai", provider="openai"),
    Model(id="gpt-4o", runtime="openai", provider="no-such-provider"),
    Model(id="whisper-1", runtime="openai", provider="openai"),
)


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
    assert ModelDirectory(load({})).find("gpt-4o") is None
    assert cost_usd(PRICED, Usage(input=1_000)) is None
    assert most_cost_usd(PRICED, 1_000, 1_000) is None
    assert cost_usd(OWN, Usage(input=1_000)) == Decimal("0.001")


def test_a_call_costs_what_its_tokens_cost():
    assert cost_usd(PRICED, Usage(input=1_000, output=1_000)) == Decimal("0.0125")


def test_what_was_read_from_a_cache_is_cheaper_and_counted_once():
    usage = Usage(input=1_000, output=1_000, cache_read=500)
    assert cost_usd(PRICED, usage) == Decimal("0.011875")


def test_what_was_written_to_a_cache_is_dearer_where_its_maker_says_so():
    written = Usage(input=1_000, cache_write=1_000)
    assert cost_usd(LONG, written) == Decimal("0.00375")
    assert cost_usd(PRICED, written) == cost_usd(PRICED, Usage(input=1_000))


def test_what_was_thought_is_part_of_the_output_already():
    thought = Usage(input=1_000, output=1_000, reasoning=900)
    assert cost_usd(PRICED, thought) == Decimal("0.0125")


def test_long_requests_have_their_own_price():
    short, long = (cost_usd(LONG, Usage(input=tokens)) for tokens in (100_000, 300_000))
    assert (short, long) == (Decimal("0.3"), Decimal("1.8"))


@pytest.mark.parametrize("model", UNKNOWN, ids=["server", "model", "provider", "no tokens"])
def test_what_has_no_price_has_no_cost_either(model):
    assert cost_usd(model, Usage(input=1_000, output=1_000)) is None
    assert most_cost_usd(model, 1_000, 1_000) is None
    assert prices_of(model) == (None, None)


@pytest.mark.parametrize("model", [PRICED, OWN], ids=["listed", "own"])
def test_what_nobody_counted_has_no_cost(model):
    assert cost_usd(model, Usage(input=1_000, output=1_000, known=False)) is None


def test_counts_that_contradict_each_other_have_no_cost():
    assert cost_usd(PRICED, Usage(input=100, cache_read=500)) is None


def test_nothing_costs_nothing_where_the_price_is_known():
    assert cost_usd(PRICED, Usage()) == 0


def test_a_price_of_ones_own_wins():
    assert cost_usd(OWN, Usage(input=1_000, output=1_000)) == Decimal("0.0035")
    assert prices_of(OWN) == (Decimal(1), Decimal("2.5"))
    dear = Model(
        id="gpt-4o",
        runtime="openai",
        provider="openai",
        input_usd=Decimal(100),
        output_usd=Decimal(100),
    )
    assert cost_usd(dear, Usage(input=1_000)) == Decimal("0.1")


def test_no_call_costs_more_than_it_may_cost_at_most():
    assert most_cost_usd(PRICED, 1_000, 1_000) == Decimal("0.0125")
    most = most_cost_usd(LONG, 1_000, 100)
    for read, written in ((0, 0), (500, 0), (0, 1_000), (500, 500)):
        usage = Usage(input=1_000, output=100, cache_read=read, cache_write=written)
        assert cost_usd(LONG, usage) <= most


def test_the_makers_own_list_is_asked_where_two_sell_a_model():
    assert known_model("gpt-4o", "openai") == known_model("gpt-4o")
    assert known_model("gpt-4o", "anthropic") is None


def test_the_price_list_is_only_read_when_it_is_asked_for():
    code = "import sys, copilot.bootstrap; print('genai_prices' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False"


def test_tokens_are_guessed_from_bytes():
    assert [about_tokens(text) for text in ("", "a", "abcde", "éé", "\ud800")] == [0, 1, 2, 2, 1]


def test_the_engine_is_told_what_it_asks_for():
    models = ModelDirectory(load({}))
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
