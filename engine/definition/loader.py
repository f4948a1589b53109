"""Workflow definitions between text, plain data and `Workflow`; every problem named at once."""

from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, JsonValue, ValidationError

from . import checks, notation
from .problems import Problems, add_errors
from .workflow import Workflow


def load_workflow(
    text: str, *, source: str, actions: Mapping[str, type[BaseModel]] | None = None
) -> Workflow:
    """The workflow in YAML or JSON *text*; *source* is the file name that problems begin with.

    With *actions* (name to parameters), actions and their parameters are checked too. Raises
    `InvalidDefinition` with all problems.
    """
    problems = Problems(source)
    try:
        data, lines = notation.read(text, problems)
    except notation.Unreadable:
        data, lines = None, {}
        problems.raise_any()
    problems.lines = lines
    return _checked(data, problems, actions)


def parse_workflow(
    data: Any, *, source: str, actions: Mapping[str, type[BaseModel]] | None = None
) -> Workflow:
    """The workflow in plain *data*, checked like `load_workflow` does."""
    return _checked(data, Problems(source), actions)


def parse_definition(
    definition: str | Mapping[str, Any], actions: Mapping[str, type[BaseModel]]
) -> Workflow:
    """The workflow somebody sent: YAML or JSON text, or plain data. Raises `InvalidDefinition`."""
    if isinstance(definition, str):
        return load_workflow(definition, source="definition", actions=actions)
    return parse_workflow(dict(definition), source="definition", actions=actions)


def to_data(workflow: Workflow) -> dict[str, JsonValue]:
    """Plain data that `parse_workflow` turns into an equal workflow; defaults are left out."""
    data = workflow.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    data["steps"] = [
        {"id": step.id, "type": step.type}
        | step.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        for step in workflow.steps
    ]
    return data


def dump_workflow(workflow: Workflow) -> str:
    """Canonical YAML of `to_data`."""
    return notation.write(cast("JsonValue", to_data(workflow)))


def _checked(
    data: Any, problems: Problems, actions: Mapping[str, type[BaseModel]] | None
) -> Workflow:
    if not isinstance(data, dict):
        problems.add((), "a workflow is a mapping with a name and steps")
        problems.raise_any()
    if not notation.check_plain(data, problems):
        problems.raise_any()
    content = _with_step_types(cast("dict[str, JsonValue]", data))
    steps = checks.raw_steps(content)
    problems.step_ids = {step.index: step.id[:64] for step in steps if step.id}
    workflow = _validated(content, problems)
    _check_names(content, steps, problems, actions)
    problems.raise_any()
    assert workflow is not None  # noqa: S101 - nothing was wrong, so it is there
    return workflow


def _validated(content: dict[str, JsonValue], problems: Problems) -> Workflow | None:
    try:
        return Workflow.model_validate(content)
    except ValidationError as error:
        add_errors(problems, error.errors(include_url=False), model=Workflow)
        return None


def _check_names(
    content: dict[str, JsonValue],
    steps: list[checks.RawStep],
    problems: Problems,
    actions: Mapping[str, type[BaseModel]] | None,
) -> None:
    positions = checks.check_ids(steps, problems)
    if actions is not None:
        checks.check_actions(steps, actions, problems)
    declared = content.get("inputs")
    inputs = list(declared) if isinstance(declared, dict) else []
    checks.check_references(steps, positions, inputs, problems)


def _with_step_types(data: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """A step that does not say its type is an agent if it has a prompt and no action, else a tool."""
    steps = data.get("steps")
    if not isinstance(steps, list):
        return data
    return {**data, "steps": [_with_type(step) for step in steps]}


def _with_type(step: JsonValue) -> JsonValue:
    if not isinstance(step, dict) or "type" in step:
        return step
    is_agent = "prompt" in step and "action" not in step
    return {**step, "type": "agent" if is_agent else "tool"}
