"""Settings come from the environment once, and a wrong one says what is right."""

import pytest

from copilot.errors import InvalidInput
from copilot.settings import Settings, load


def test_defaults_need_no_environment():
    settings = load({})
    assert settings == Settings()
    assert settings.database.startswith("sqlite:////")


def test_arguments_win_over_the_environment():
    assert load({"ASK_COPILOT_WORKSPACE": "one"}, workspace="two").workspace == "two"
    assert load({"ASK_COPILOT_WORKSPACE": "one"}, workspace=None).workspace == "one"


def test_a_misspelt_variable_is_an_error_with_the_likely_name():
    with pytest.raises(InvalidInput, match="Did you mean ASK_COPILOT_UNDO_SECONDS"):
        load({"ASK_COPILOT_UNDO_SECOND": "9"})


def test_a_value_out_of_bounds_names_the_variable_and_the_bound():
    with pytest.raises(InvalidInput, match=r"ASK_COPILOT_PATTERN_THRESHOLD.*equal to 2"):
        load({"ASK_COPILOT_PATTERN_THRESHOLD": "1"})


def test_a_password_is_not_shown():
    assert "hunter2" not in repr(load({"ASK_COPILOT_SMTP_PASSWORD": "hunter2"}))


def test_every_setting_says_what_it_is():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_what_belongs_to_the_tests_is_no_setting():
    assert load({"ASK_COPILOT_TEST_POSTGRES": "x", "ASK_COPILOT_REQUIRE": "all"}) == Settings()


@pytest.mark.parametrize(
    ("name", "text"),
    [("RETENTION_DAYS", "0"), ("CONCURRENCY", "0"), ("MAX_RUNNING", "-1")],
)
def test_a_limit_of_nothing_is_refused(name, text):
    with pytest.raises(InvalidInput, match=f"ASK_COPILOT_{name}"):
        load({f"ASK_COPILOT_{name}": text})


def test_without_limits_nothing_is_deleted_and_nobody_waits():
    settings = load({})
    assert (settings.retention_days, settings.max_running) == (None, None)
    assert (settings.workspace_max_running, settings.concurrency) == (None, 50)


@pytest.mark.parametrize(
    "name", ["../x", "", "-a", "a" * 64], ids=["path", "empty", "dash", "long"]
)
def test_a_workspace_that_can_not_be_one_is_told_in_words(name):
    with pytest.raises(InvalidInput) as caught:
        load({}, workspace=name)
    assert "1 to 63 letters, digits, - and _" in str(caught.value)
    assert "pattern" not in str(caught.value)
