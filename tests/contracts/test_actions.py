"""What every action promises, whoever writes it: one more file, one more row here."""

import ast
import inspect
import re
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

import engine.actions
import engine.errors
from engine.actions import Action, catalog, is_repeatable, parameter_models, pick
from engine.definition.expressions import references
from engine.errors import InvalidParameters, StepError

FILES = sorted(
    path for path in Path(engine.actions.__path__[0]).glob("*.py") if not path.stem.startswith("_")
)
EVERY = pytest.mark.parametrize("action", list(catalog().values()), ids=list(catalog()))


def test_each_file_is_an_action_of_its_name() -> None:
    assert [path.stem for path in FILES] == list(catalog())


@EVERY
def test_parameters_forbid_what_they_do_not_know(action: Action) -> None:
    assert issubclass(action.Parameters, BaseModel)
    with pytest.raises(ValidationError) as caught:
        action.Parameters.model_validate({"no_such_parameter": 1})
    assert "extra_forbidden" in {error["type"] for error in caught.value.errors()}
    for model in _models(action):
        assert model.model_config.get("extra") == "forbid", model


def _models(action: Action) -> list[type[BaseModel]]:
    members = vars(inspect.getmodule(action.run)).values()
    return [one for one in members if isinstance(one, type) and issubclass(one, BaseModel)
            and one.__module__ == action.Parameters.__module__]  # fmt: skip


@EVERY
def test_schema_can_be_shown(action: Action) -> None:
    assert action.Parameters.model_json_schema()["type"] == "object"


@EVERY
def test_it_runs_without_blocking_and_says_what_it_does(action: Action) -> None:
    assert inspect.iscoroutinefunction(action.run)
    assert list(inspect.signature(action.run).parameters) == ["parameters", "context"]
    assert inspect.getdoc(inspect.getmodule(action.run))
    assert inspect.getdoc(action.run)


@EVERY
def test_repeatable_is_an_answer_or_a_question_about_parameters(action: Action) -> None:
    assert (
        isinstance(action.repeatable, bool)
        or len(inspect.signature(action.repeatable).parameters) == 1
    )


@EVERY
def test_errors_it_names_are_step_errors(action: Action) -> None:
    named = re.findall(r"`([A-Z]\w+)`", inspect.getdoc(action.run) or "")
    errors = [getattr(engine.errors, name) for name in named if hasattr(engine.errors, name)]
    assert all(issubclass(error, StepError) for error in errors)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_errors_it_raises_are_step_errors(path: Path) -> None:
    tree = ast.parse(path.read_text())
    raised = {
        node.exc.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
    }
    ours = {name for name in raised if name[0].isupper()} - {
        "ValueError",
        "TypeError",
    }  # for pydantic and json
    assert all(issubclass(getattr(engine.errors, name), StepError) for name in ours)


def test_unknown_name_fails_with_the_likely_one() -> None:
    with pytest.raises(InvalidParameters) as caught:
        pick("read_sheat")
    assert str(caught.value) == "Unknown action 'read_sheat'. Did you mean read_sheet?"
    assert caught.value.details["available"] == list(catalog())


def test_repeatable_may_depend_on_parameters() -> None:
    http = pick("http_request")
    for method, expected in (("GET", True), ("HEAD", True), ("POST", False), ("PUT", False)):
        parameters = http.Parameters.model_validate({"url": "https://a.example", "method": method})
        assert is_repeatable(http, parameters) is expected
    mail = pick("send_email")
    assert not is_repeatable(
        mail, mail.Parameters.model_validate({"to": "a@b.example", "body": ""})
    )


def test_parameter_models_cover_the_catalog() -> None:
    models = parameter_models()
    assert models.keys() == catalog().keys()
    assert not references(list(models))
