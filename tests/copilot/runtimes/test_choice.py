"""Which models are asked in which order, and what is said when the process starts."""

from datetime import date
from types import SimpleNamespace

import pytest

from copilot.errors import InvalidInput, UnknownName
from copilot.runtimes import RUNTIMES, chain, check, default_model, load_catalog
from copilot.runtimes._choice import check_runtimes
from copilot.settings import Settings

CATALOG = load_catalog()
QUIET, LATER = date(2026, 1, 1), date(2027, 2, 15)
LUNA = CATALOG.default("openai").id
HAIKU = CATALOG.default("anthropic").id
READY = {name: SimpleNamespace(missing=lambda _: None) for name in CATALOG.runtimes}


def using(*names, **settings):
    return Settings(runtimes=names, **settings)


def asked(*arguments):
    return [f"{model.runtime}/{model.id}" for model in chain(arguments[0], CATALOG, *arguments[1:])]


def checked(settings, *, today=QUIET, **modules):
    return check_runtimes(settings, CATALOG, READY | modules, today=today)


# --- whom to ask


def test_without_a_runtime_nobody_is_asked():
    assert asked(Settings()) == []


def test_the_settings_order_is_the_order_of_asking():
    assert asked(using("anthropic", "openai")) == [f"anthropic/{HAIKU}", f"openai/{LUNA}"]


def test_a_runtime_that_is_named_twice_is_asked_once():
    assert asked(using("openai", "anthropic", "openai")) == [
        f"openai/{LUNA}",
        f"anthropic/{HAIKU}",
    ]


def test_a_workspaces_runtime_comes_before_the_others():
    both = using("openai", "anthropic")
    assert asked(both, "anthropic") == [f"anthropic/{HAIKU}", f"openai/{LUNA}"]
    assert asked(both, "anthropic", "claude-opus-5-5") == [
        "anthropic/claude-opus-5-5",
        f"openai/{LUNA}",
    ]


def test_a_model_says_which_runtime_is_meant():
    both = using("openai", "anthropic")
    assert asked(both, None, "claude-opus-5-5")[0] == "anthropic/claude-opus-5-5"


def test_of_two_runtimes_with_a_model_the_first_in_use_is_asked():
    google_first = using("google", "vertex")
    assert asked(google_first, None, "gemini-4-argon")[0] == "google/gemini-4-argon"


def test_a_server_that_takes_any_model_is_asked_for_one_that_nobody_lists():
    both = using("compatible", "openai", compatible_model="qwen3:8b")
    assert asked(both) == ["compatible/qwen3:8b", f"openai/{LUNA}"]
    assert asked(both, None, "qwen3:32b")[0] == "compatible/qwen3:32b"
    assert asked(both, None, LUNA)[0] == f"openai/{LUNA}"


def test_a_workspace_can_choose_the_rules_alone():
    assert asked(using("openai"), "offline") == []
    assert asked(Settings(), "offline") == []


def test_a_misspelt_runtime_fails_with_the_close_ones():
    with pytest.raises(UnknownName, match=r"no runtime called 'opnai'. Did you mean openai"):
        asked(using("openai"), "opnai")


@pytest.mark.parametrize("runtime", ["openai", None])
def test_a_misspelt_model_fails_with_the_close_ones(runtime):
    with pytest.raises(UnknownName, match="Did you mean gpt-6-luna"):
        asked(using("openai"), runtime, "gpt-6-lunar")


def test_a_runtime_that_is_not_in_use_is_never_asked():
    with pytest.raises(InvalidInput, match=r"anthropic is not in use here.*ASK_COPILOT_RUNTIMES"):
        asked(using("openai"), "anthropic")


def test_a_model_can_not_be_asked_where_nothing_is_in_use():
    with pytest.raises(InvalidInput, match="no runtime is in use"):
        asked(Settings(), None, LUNA)


def test_a_server_without_a_named_model_has_no_default():
    with pytest.raises(InvalidInput, match="no model of its own"):
        default_model(Settings(), CATALOG, "compatible")


# --- when the process starts


def test_nothing_is_wrong_where_nothing_is_in_use():
    assert checked(Settings(), today=LATER) == ()


def test_a_misspelt_runtime_names_the_variable_and_the_close_ones():
    with pytest.raises(InvalidInput) as raised:
        checked(using("openai", "vertx"))
    assert str(raised.value) == (
        "ASK_COPILOT_RUNTIMES: There is no runtime called 'vertx'. Did you mean vertex?"
    )


def test_the_rules_are_not_something_to_ask():
    with pytest.raises(InvalidInput, match="Leave it out"):
        checked(using("offline", "openai"))


def test_a_runtime_that_lacks_something_says_what_to_do():
    lacking = SimpleNamespace(missing=lambda _: "Set OPENAI_API_KEY.")
    with pytest.raises(InvalidInput) as raised:
        checked(using("openai"), openai=lacking)
    assert str(raised.value) == (
        "ASK_COPILOT_RUNTIMES: openai can't be used. Set OPENAI_API_KEY. Or leave it out."
    )


def test_what_is_not_in_use_may_lack_anything():
    lacking = SimpleNamespace(missing=lambda _: "Set OPENAI_API_KEY.")
    assert checked(using("anthropic"), openai=lacking) == ()


def test_a_default_that_goes_is_told_and_starts_all_the_same():
    (said,) = checked(using("openai", "vertex"), today=LATER)
    assert said.startswith("gemini-2.5-pro of vertex retires on 2027-03-31.")


def test_what_is_shipped_can_be_checked():
    assert check(Settings()) == ()
    with pytest.raises(InvalidInput, match="no runtime called 'nobody'"):
        check(using("nobody"))


@pytest.mark.parametrize("name", CATALOG.runtimes)
def test_every_runtime_of_the_catalog_is_shipped_and_says_what_it_lacks(name):
    module = RUNTIMES[name]
    assert set(module.CAPABILITIES) <= {"structured", "tools", "stream", "thinking"}
    problem = module.missing(Settings())
    assert problem is None or len(problem.split()) > 1
    assert callable(module.make)


def test_no_runtime_is_shipped_that_the_catalog_does_not_have():
    assert RUNTIMES.keys() == {*CATALOG.runtimes, "offline"}
