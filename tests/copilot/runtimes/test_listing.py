"""What `list_runtimes` says of each runtime, and how it looks."""

import io
import subprocess
import sys
from datetime import date
from decimal import Decimal
from types import SimpleNamespace

import pytest
from rich.console import Console

from copilot.runtimes import RUNTIMES, load_catalog, runtimes
from copilot.runtimes._listing import list_runtimes
from copilot.settings import Settings
from copilot.surfaces.cli._lists import show_runtimes
from copilot.types.account import RuntimeInfo, RuntimeMeasure

CATALOG = load_catalog()
TODAY = date(2026, 1, 1)
SHIPPED = ("openai", "anthropic", "vertex", "google", "compatible")
MEASURE = RuntimeMeasure(
    asked=40,
    answers=39,
    median_ms=2_140,
    share_within_limit=0.95,
    fixes_verified=6,
    fixes_failed=2,
)


def ready(_settings):
    return None


def without_key(_settings):
    return "Set its API key."


def module(missing=ready):
    return SimpleNamespace(CAPABILITIES=("structured", "tools"), missing=missing)


def modules(**others):
    every = {name: module() for name in CATALOG.runtimes} | {"scripted": module(without_key)}
    return every | {"offline": RUNTIMES["offline"]} | others


def listed(settings=None, *, today=TODAY, measured=None, **others):
    found = list_runtimes(
        settings or Settings(), CATALOG, modules(**others), today=today, measured=measured
    )
    return {one.name: one for one in found}


def test_all_are_listed_where_nothing_is_set_up():
    found = listed(**{name: module(without_key) for name in SHIPPED})
    assert tuple(found) == ("offline", *SHIPPED)
    assert [name for name, one in found.items() if one.available] == ["offline"]
    assert found["openai"].reason == "Set its API key. Then name it in ASK_COPILOT_RUNTIMES."


def test_those_that_are_asked_come_first_in_their_order_and_the_rules_after_them():
    found = listed(Settings(runtimes=("vertex", "openai")))
    assert tuple(found) == ("vertex", "openai", "offline", "anthropic", "google", "compatible")
    assert [one.place for one in found.values()] == [1, 2, None, None, None, None]
    assert [one.available for one in found.values()] == [True, True, True, False, False, False]


def test_what_could_be_asked_says_how():
    found = listed()["openai"]
    assert (found.configured, found.available) == (True, False)
    assert found.reason == "It is not asked. Name it in ASK_COPILOT_RUNTIMES."


def test_what_is_asked_and_lacks_something_says_what():
    found = listed(Settings(runtimes=("openai",)), openai=module(without_key))["openai"]
    assert (found.configured, found.available, found.place) == (False, False, 1)
    assert found.reason == "Set its API key."


def test_a_runtime_whose_file_was_left_out_is_listed_as_such():
    few = {name: one for name, one in modules().items() if name != "google"}
    found = list_runtimes(Settings(), CATALOG, few, today=TODAY)
    (google,) = (one for one in found if one.name == "google")
    assert (google.available, google.capabilities) == (False, ())
    assert google.reason.startswith("It is not part of this installation.")


def test_models_come_with_prices_contexts_and_dates():
    found = listed()["openai"]
    assert found.models == tuple(one.id for one in found.model_facts)
    facts = {one.id: one for one in found.model_facts}
    going = facts["gpt-4o"]
    assert (going.input_usd, going.output_usd) == (Decimal("2.5"), Decimal(10))
    assert (going.context_tokens, going.max_output_tokens) == (128_000, 16_384)
    assert (going.retires_on, going.successor) == (date(2027, 1, 14), "gpt-6.1-terra")
    assert found.default_model in facts


def test_what_has_retired_is_listed_no_more():
    before, after = listed(today=date(2027, 1, 13)), listed(today=date(2027, 1, 14))
    assert "gpt-4o" in before["openai"].models
    assert "gpt-4o" not in after["openai"].models


def test_a_default_that_goes_is_noted():
    note = listed(today=date(2027, 3, 1))["vertex"].note
    assert note.startswith("gemini-2.5-pro of vertex retires on 2027-03-31.")


def test_a_server_of_ones_own_has_the_model_that_was_named_and_no_price():
    assert listed()["compatible"].models == ()
    assert listed()["compatible"].default_model is None
    found = listed(Settings(compatible_model="qwen3:8b"))["compatible"]
    assert (found.models, found.default_model) == (("qwen3:8b",), "qwen3:8b")
    assert found.model_facts[0].input_usd is None


@pytest.mark.parametrize(
    ("settings", "missing"),
    [(Settings(), ready), (Settings(runtimes=("scripted",)), without_key)],
    ids=["set up", "asked for"],
)
def test_the_one_for_tests_is_listed_where_somebody_wants_it(settings, missing):
    assert "scripted" not in listed()
    found = listed(settings, scripted=module(missing))["scripted"]
    assert found.note == "For tests: it asks nobody."


def test_nothing_is_measured_until_somebody_measures():
    for one in listed(measured=lambda _: None).values():
        assert (one.measured, one.answered_share, one.fix_success_rate) == (None, None, None)


def test_rates_come_with_their_counts():
    found = listed(measured={"openai": MEASURE}.get)
    assert found["openai"].answered_share == 39 / 40
    assert found["openai"].fix_success_rate == 6 / 8
    assert found["openai"].measured == MEASURE
    assert found["anthropic"].measured is None


def test_a_rate_of_nothing_is_no_rate():
    nothing = RuntimeMeasure(asked=0, answers=0)
    found = listed(measured=lambda _: nothing)["openai"]
    assert (found.answered_share, found.fix_success_rate) == (None, None)


def test_what_is_listed_comes_back_from_its_json():
    for one in listed(measured=lambda _: MEASURE).values():
        assert RuntimeInfo.model_validate_json(one.model_dump_json()) == one


def test_what_is_shipped_is_listed_without_any_providers_package():
    code = (
        "import sys; from copilot.runtimes import runtimes; from copilot.settings import Settings;"
        "found = runtimes(Settings(runtimes=('openai',), openai_api_key='k', google_project='p'));"
        "heavy = {'openai', 'anthropic', 'google.genai', 'google.auth', 'langchain_core',"
        " 'langchain_google_vertexai', 'langchain_google_genai', 'tiktoken'};"
        "print(len(found) > 1, sorted(heavy & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "True []"


def test_the_rules_are_always_there():
    (offline,) = (one for one in runtimes(Settings()) if one.name == "offline")
    assert (offline.available, offline.configured, offline.reason) == (True, True, None)


# --- on a terminal


def shown(found):
    console = Console(file=io.StringIO(), width=80, color_system=None)
    show_runtimes(console, found)
    return console.file.getvalue()


def test_a_terminal_of_80_columns_shows_every_runtime_on_a_line():
    found = listed(
        Settings(runtimes=("vertex", "openai")),
        measured={"vertex": MEASURE}.get,
        anthropic=module(without_key),
    )
    lines = shown(tuple(found.values())).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["RUNTIME", "STATE", "DEFAULT", "MODEL", "A", "MILLION", "TOKENS"]
    assert [line.split()[0] for line in lines[1:7]] == list(found)
    assert lines[1].split("  ")[0] == "vertex"
    assert "asked as no. 1" in lines[1]
    assert "gemini-2.5-pro" in lines[1]
    assert "$1.25 in, $10.00 out" in lines[1]
    assert "not set up" in next(line for line in lines if line.startswith("anthropic "))
    text = " ".join(" ".join(lines).split())
    assert "vertex: 39 of 40 times its answer could be used, half of its answers took" in text
    assert "6 of 8 fixes held." in text
    assert "anthropic: Set its API key. Then name it in ASK_COPILOT_RUNTIMES." in text


def test_a_price_that_nobody_knows_is_said_to_be_unknown():
    found = listed(Settings(runtimes=("compatible",), compatible_model="qwen3:8b"))
    line = next(one for one in shown(tuple(found.values())).splitlines() if "qwen3:8b" in one)
    assert line.rstrip().endswith("not known")


def test_a_model_with_a_hostile_name_is_shown_harmless():
    found = listed(Settings(compatible_model="[red]m\x1b[2J"))
    text = shown((found["compatible"],))
    assert "\x1b" not in text
    assert "[red]m" in text
