"""The models that are shipped: facts that fit together, and no id of a model anywhere else."""

import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

import copilot
import engine
from copilot.errors import InvalidInput, UnknownName
from copilot.runtimes import Model, known_model, load_catalog, prices_of
from copilot.runtimes._catalog import RETIRES_SOON, parse_catalog

CATALOG = load_catalog()
LISTED = [model for runtime in CATALOG.runtimes for model in CATALOG.models(runtime)]
FIRST_DESIGN = "gemini-2.5-pro"

by_id = pytest.mark.parametrize("model", LISTED, ids=[f"{m.runtime}/{m.id}" for m in LISTED])


@by_id
def test_a_listed_model_is_found_by_its_id(model):
    assert CATALOG.find(model.runtime, model.id) is model


@by_id
def test_what_a_model_may_write_fits_what_it_can_and_what_it_holds(model):
    assert model.output_tokens <= model.max_output_tokens < model.context_tokens


@by_id
def test_thinking_is_set_in_one_way_only_and_leaves_room_for_the_answer(model):
    ways = [model.effort, model.thinking_level, model.thinking_budget]
    assert sum(way is not None for way in ways) <= 1
    assert (model.thinking_budget or 0) * 2 <= model.output_tokens


@by_id
def test_only_the_least_effort_is_asked_for_in_ten_seconds(model):
    assert {model.effort, model.thinking_level} <= {None, "none", "minimal", "low"}


@by_id
def test_a_model_that_will_go_has_one_that_stays_longer(model):
    if model.retires_on or model.closed_to_new_on:
        after = CATALOG.successor(model)
        assert after.runtime == model.runtime
        assert after.closed_to_new_on is None
        assert (after.retires_on or date.max) > (model.retires_on or date.min)


@by_id
def test_the_price_list_has_the_model_and_agrees_about_its_context(model):
    input_usd, output_usd = prices_of(model)
    assert 0 < input_usd <= output_usd
    listed = known_model(model.id, model.provider).context_tokens
    assert listed is None or abs(model.context_tokens - listed) <= listed / 10


@pytest.mark.parametrize("runtime", CATALOG.runtimes)
def test_every_runtime_has_a_default_but_the_one_whose_server_decides(runtime):
    if runtime == "compatible":
        with pytest.raises(InvalidInput, match="no model of its own"):
            CATALOG.default(runtime)
    else:
        assert CATALOG.default(runtime).runtime == runtime


def test_the_first_designs_model_stays_the_default_of_vertex():
    model = CATALOG.default("vertex")
    assert (model.id, model.temperature, model.output_tokens) == (FIRST_DESIGN, 0.4, 8192)
    assert (model.context_tokens, model.max_output_tokens) == (1_000_000, 64_000)
    assert (model.thinking_budget, model.thinking_level) == (1024, None)
    assert dict(model.requests_per_minute) == {"free": 5, "tier_1": 150, "tier_1_most": 300}
    assert (model.closed_to_new_on, model.retires_on) == (date(2026, 10, 20), date(2027, 3, 31))
    assert CATALOG.successor(model) == CATALOG.find("vertex", "gemini-3.8-flash")


def test_a_successor_is_a_model_and_most_have_none():
    assert CATALOG.successor(CATALOG.default("openai")) is None
    assert CATALOG.successor(Model(id="any", runtime="compatible")) is None


def test_a_misspelt_model_fails_with_the_close_ones():
    with pytest.raises(UnknownName) as raised:
        CATALOG.find("openai", "gpt-6-lunar")
    assert "Did you mean gpt-6-luna" in str(raised.value)


def test_a_model_of_another_runtime_is_not_found_here():
    with pytest.raises(UnknownName):
        CATALOG.find("anthropic", CATALOG.default("openai").id)


@pytest.mark.parametrize("ask", ["models", "default", "takes_any"])
def test_a_misspelt_runtime_fails_with_the_close_ones(ask):
    with pytest.raises(UnknownName, match=r"no runtime called 'antropic'. Did you mean anthropic"):
        getattr(CATALOG, ask)("antropic")


@pytest.mark.parametrize("runtime", ["compatible", "scripted"])
def test_a_server_of_ones_own_has_whatever_model_is_named(runtime):
    model = CATALOG.find(runtime, "qwen3:32b")
    assert (model.id, model.runtime, model.temperature) == ("qwen3:32b", runtime, None)
    assert prices_of(model) == (None, None)
    assert CATALOG.models(runtime) == ()


def test_models_are_values_that_can_be_keys():
    model = CATALOG.default("vertex")
    assert {model: 1}[replace(model)] == 1
    with pytest.raises(TypeError):
        model.requests_per_minute["free"] = 60


# --- what goes away


def on(days, **facts):
    """Warnings *days* before a model retires."""
    model = Model(id="m", runtime="r", retires_on=date(2027, 1, 31), **facts)
    return CATALOG.warnings(date(2027, 1, 31) - timedelta(days=days), [model])


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (RETIRES_SOON + 1, ()),
        (RETIRES_SOON, ("m of r retires on 2027-01-31. n takes its place.",)),
        (1, ("m of r retires on 2027-01-31. n takes its place.",)),
        (0, ("m of r was retired on 2027-01-31. n takes its place.",)),
        (-400, ("m of r was retired on 2027-01-31. n takes its place.",)),
    ],
)
def test_a_model_is_warned_of_before_and_after_it_goes(days, said):
    assert on(days, successor="n") == said


def test_a_model_that_nobody_follows_is_warned_of_too():
    assert on(3) == ("m of r retires on 2027-01-31.",)


def test_a_model_that_takes_no_new_projects_is_warned_of_from_that_day_on():
    day = CATALOG.default("vertex").closed_to_new_on
    vertex = [CATALOG.default("vertex")]
    assert CATALOG.warnings(day - timedelta(days=1), vertex) == ()
    (said,) = CATALOG.warnings(day, vertex)
    assert f"no new projects since {day}" in said
    assert "gemini-3.8-flash answers" in said


def test_without_models_all_are_looked_at():
    assert CATALOG.warnings(date(2020, 1, 1)) == ()
    going = [model for model in LISTED if model.retires_on]
    assert len(CATALOG.warnings(date(2100, 1, 1))) == len(going) > 0


# --- what the file may not say

GOOD = "r: {default: a, models: [{id: a, successor: b}, {id: b}]}"


def test_a_good_catalog_is_read():
    assert [model.id for model in parse_catalog(GOOD).models("r")] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("r: {default: a, models: [{id: a}, {id: a}]}", "lists a twice"),
        ("r: {default: c, models: [{id: a}]}", "does not list its default, c"),
        ("r: {models: [{id: a}]}", "does not list its default"),
        ("r: {default: a, models: [{id: a, successor: z}]}", "does not list z, which follows a"),
        ("r: {default: a, models: [{id: a, successor: a}]}", "circle"),
        ("r: {default: a, models: [{id: a, successor: b}, {id: b, successor: a}]}", "circle"),
        ("r: {default: a, models: [{id: a, output_tokens: 9000}]}", "write more than it can"),
        ("r: {default: a, models: [{id: a, input_usd: 1}]}", "only one of two prices"),
    ],
    ids=["twice", "default", "no default", "follows", "itself", "circle", "output", "prices"],
)
def test_a_catalog_that_contradicts_itself_is_refused(text, problem):
    with pytest.raises(ValueError, match=problem):
        parse_catalog(text)


@pytest.mark.parametrize(
    "facts",
    [
        "tempreature: 0.4",
        "temperature: '0.4'",
        "temperature: 3.0",
        "effort: lots",
        "context_tokens: '1000'",
        "context_tokens: 0",
        "max_output_tokens: 1.5",
        "structured: loose",
        "batch: 1",
        "retires_on: soon",
        "requests_per_minute: {free: none}",
        "tokenizer_factor: 135.0",
        "input_usd: -1",
    ],
)
def test_a_fact_that_is_misspelt_or_of_another_kind_is_refused(facts):
    with pytest.raises(ValidationError):
        parse_catalog(f"r: {{default: a, models: [{{id: a, {facts}}}]}}")


def test_a_runtime_with_an_unknown_word_is_refused():
    with pytest.raises(ValidationError):
        parse_catalog("r: {default: a, modles: [{id: a}]}")


# --- nowhere else

SOURCES = [
    path
    for package in (copilot, engine)
    for path in sorted(Path(package.__file__).parent.rglob("*"))
    if path.suffix in {".py", ".yaml", ".json", ".html", ".js", ".css", ".sql", ".txt"}
    and path.name != "catalog.yaml"
]
IDS = "|".join(re.escape(one) for one in sorted({model.id for model in LISTED}))
LIKE_AN_ID = re.compile(
    rf"(?<![\w.-])({IDS})(?![\w-])|\bgpt-?\d|\bclaude-([a-z]+-)?\d|\bgemini-\d|\bo[1-9]-mini", re.I
)


@pytest.mark.parametrize(
    "text", ["gpt-4.1", "'claude-sonnet-4-20250514'", "gemini-1.5-pro", "o4-mini", 'model="o3"']
)
def test_the_search_knows_a_model_when_it_sees_one(text):
    assert LIKE_AN_ID.search(text)


def test_no_source_names_a_model():
    named = [
        f"{path}:{number}: {line.strip()}"
        for path in SOURCES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if LIKE_AN_ID.search(line)
    ]
    assert len(SOURCES) > 200
    assert not named, "\n".join(named)
