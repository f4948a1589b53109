"""The bounds of the settings: what is accepted, what is refused in which words, what is typed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.errors import InvalidInput, UnknownName
from copilot.policy import Policies, Policy, bounds_of, parse_setting
from copilot.policy.bounds import BOUNDS, shown
from copilot.storage.store import Store
from copilot.types.principal import Principal, Role

NUMBERS = st.integers(-5, 700_000) | st.floats(-1, 700_000) | st.sampled_from([0.5, 4.99, 0.0001])
VALUES = st.none() | st.booleans() | NUMBERS | st.text(max_size=8) | st.just("a@b.example")
FREE = [name for name, bounds in BOUNDS.items() if not bounds.fixed]
OWNER = Principal(id="person_1", name="Ada", workspace_id="acme", role=Role.OWNER)


@pytest.fixture
def policies(store: Store) -> Policies:
    return Policies(store.decisions, Policy())


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("budget_max_cost_per_task", 0, "must be more than 0 and at most 50 (USD)."),
        ("budget_max_cost_per_task", 50.01, "must be more than 0 and at most 50 (USD)."),
        ("budget_max_cost_per_task", "10", "must be more than 0 and at most 50 (USD)."),
        ("budget_max_cost_per_task", True, "must be more than 0 and at most 50 (USD)."),
        ("budget_max_cost_per_task", float("nan"), "must be more than 0 and at most 50 (USD)."),
        ("budget_max_cost_per_task", 10**400, "must be more than 0 and at most 50 (USD)."),
        ("budget_max_cost_per_task", 1.00005, "must have at most 4 decimals."),
        ("budget_max_daily_cost", 0.5, "must be a number from 1 to 500 (USD)."),
        ("budget_max_tokens_per_task", 999, "must be a whole number from 1000 to 500000 (tokens)."),
        ("pattern_window", 10.0, "must be a whole number from 2 to 100 (runs)."),
        ("pattern_window", "10", "must be a whole number from 2 to 100 (runs)."),
        ("pattern_window", True, "must be a whole number from 2 to 100 (runs)."),
        ("nightly_enabled", 1, "must be true or false."),
        ("nightly_enabled", "yes", "must be true or false."),
        ("undo_seconds", -1, "must be a number from 0 to 600 (seconds)."),
        ("agent_model", "", "must be a text of 1 to 200 characters on one line."),
        ("agent_model", "a\nb", "must be a text of 1 to 200 characters on one line."),
        ("agent_model", "\ud800", "must be a text of 1 to 200 characters on one line."),
        ("nightly_digest_to", "ada", "must be e-mail addresses with commas between, in at"),
        ("nightly_digest_to", "a@b.c\r\nBcc: x@y.z", "must be e-mail addresses"),
        ("pattern_window", [10], "must be a whole number from 2 to 100 (runs)."),
        ("verify_runs", {"a": 1}, "must be a whole number from 1 to 100 (runs)."),
        ("offline_credit_cost", 0, "is set by the installation."),
        ("offline_credit_cost", None, "is set by the installation."),
    ],
)
def test_a_bad_value_is_refused_in_words_and_with_all_the_others(
    policies: Policies, store: Store, name: str, value: object, problem: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        policies.change(OWNER, {"verify_runs": 9, name: value})
    assert str(refused.value).startswith(f"{name}: {problem}")
    assert policies.of("acme") == Policy()
    assert store.audit.page("acme").items == ()


def test_an_unknown_name_is_refused_with_those_it_may_have_meant(policies: Policies) -> None:
    with pytest.raises(UnknownName, match=r"setting called 'patern_window'.*pattern_window"):
        policies.change(OWNER, {"verify_runs": 9, "patern_window": 3})
    with pytest.raises(UnknownName) as refused:
        policies.change(OWNER, {"\x1b[31m" + "q" * 100_000: 3})
    assert len(str(refused.value)) < 1_000
    assert policies.of("acme") == Policy()


def test_every_setting_says_what_it_is(policies: Policies) -> None:
    values = {one.name: one for one in policies.values(OWNER)}
    assert values.keys() == Policy.model_fields.keys()
    assert all(one.description for one in values.values())
    cost = values["budget_max_cost_per_task"]
    assert (cost.type, cost.unit, cost.minimum, cost.maximum) == ("number", "USD", 0.0001, 50)
    assert cost.loosens == "raising or removing it"
    assert values["verify_runs"].loosens == "lowering it"
    assert values["nightly_digest_to"].loosens == "any change"
    assert (values["pattern_window"].type, values["pattern_window"].loosens) == ("integer", None)
    assert (values["nightly_enabled"].type, values["agent_model"].type) == ("boolean", "text")
    assert json.loads(json.dumps([one.model_dump(mode="json") for one in values.values()]))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("pattern_window", " 12 ", 12),
        ("budget_max_cost_per_task", "10", 10),
        ("budget_max_cost_per_task", "0.10", 0.1),
        ("nightly_enabled", "No", False),
        ("nightly_enabled", "on", True),
        ("agent_model", "10", "10"),
        ("nightly_digest_to", "", ""),
        ("verify_runs", "default", None),
    ],
)
def test_a_typed_text_becomes_a_value_of_the_settings_type(policies, name, text, value) -> None:
    assert parse_setting(name, text) == value
    policies.change(OWNER, {name: parse_setting(name, text)})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pattern_window", "1.5"),
        ("pattern_window", "1_0"),
        ("pattern_window", "٣"),
        ("pattern_window", "9" * 5_000),
        ("budget_max_daily_cost", "1e3"),
        ("budget_max_daily_cost", "nan"),
        ("nightly_enabled", "1"),
        ("verify_runs", ""),
    ],
)
def test_a_text_of_another_type_is_refused_with_the_bounds(name: str, text: str) -> None:
    with pytest.raises(InvalidInput, match=f"{name}: must be "):
        parse_setting(name, text)


def test_a_typed_name_must_be_one() -> None:
    with pytest.raises(UnknownName, match="verify_runs"):
        parse_setting("verify-run", "3")


@given(name=st.sampled_from(FREE), value=VALUES)
def test_a_value_is_accepted_exactly_when_the_policy_itself_accepts_it(name, value) -> None:
    try:
        checked = bounds_of(name).check(value)
    except InvalidInput:
        return
    assert not isinstance(value, bool) or name == "nightly_enabled"
    assert getattr(Policy.model_validate({"pattern_window": 100, name: checked}), name) == checked
    assert bounds_of(name).check(shown(checked)) == checked
