"""Workflow definitions between text, plain data and `Workflow`; every problem named at once."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from pydantic import JsonValue, ValidationError

from . import checks, notation
from .outline import RawGroup, every, outline, with_step_types
from .problems import Problems, add_errors
from .steps import ApprovalStep, BranchStep, LoopStep, ParallelStep, Step
from .visibility import check_references
from .workflow import Workflow

PartModels: TypeAlias = Mapping[str, checks.Models]


@dataclass(frozen=True, slots=True)
class Known:
    """What a definition may name; None where nobody can tell by now.

    `actions` are their parameters by name; `parts` such mappings for `processors`, `validators` and
    `plugins`.
    """

    actions: checks.Models | None = None
    parts: PartModels | None = None
    runtimes: Collection[str] | None = None


def load_workflow(
    text: str, *, source: str, actions: checks.Models | None = None, parts: PartModels | None = None
) -> Workflow:
    """The workflow in YAML or JSON *text*; *source* is the file name that problems begin with.

    With *actions* and *parts* their names and parameters are checked too, as `Known` has them.
    Raises `InvalidDefinition` with all problems.
    """
    return _loaded(text, source, Known(actions, parts))


def parse_workflow(
    data: Any, *, source: str, actions: checks.Models | None = None, parts: PartModels | None = None
) -> Workflow:
    """The workflow in plain *data*, checked like `load_workflow` does."""
    return _checked(data, Problems(source), Known(actions, parts))


def parse_definition(definition: str | Mapping[str, Any], known: Known) -> Workflow:
    """The workflow somebody sent: YAML or JSON text, or plain data. Raises `InvalidDefinition`."""
    if isinstance(definition, str):
        return _loaded(definition, "definition", known)
    return _checked(dict(definition), Problems("definition"), known)


def _loaded(text: str, source: str, known: Known) -> Workflow:
    problems = Problems(source)
    try:
        data, lines = notation.read(text, problems)
    except notation.Unreadable:
        data, lines = None, {}
        problems.raise_any()
    problems.lines = lines
    return _checked(data, problems, known)


def to_data(workflow: Workflow) -> dict[str, JsonValue]:
    """Plain data that `parse_workflow` turns into an equal workflow; defaults are left out."""
    data = workflow.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    data["steps"] = _step_data(workflow.steps, data["steps"])
    return data


def _step_data(steps: tuple[Step, ...], dumped: list[dict[str, Any]]) -> list[JsonValue]:
    """*dumped* with the type of each step, which is a default and would be left out."""
    return [_one_step(step, data) for step, data in zip(steps, dumped, strict=True)]


def _one_step(step: Step, data: dict[str, Any]) -> JsonValue:
    found: dict[str, Any] = {"id": step.id, "type": step.type} | data
    match step:
        case BranchStep() | ParallelStep():
            found["branches"] = [
                one | {"steps": _step_data(branch.steps, one["steps"])}
                for branch, one in zip(step.branches, data["branches"], strict=True)
            ]
        case LoopStep():
            found["steps"] = _step_data(step.steps, data["steps"])
        case ApprovalStep() if step.on_reject:
            found["on_reject"] = _step_data(step.on_reject, data["on_reject"])
        case _:
            pass
    return found


def dump_workflow(workflow: Workflow) -> str:
    """Canonical YAML of `to_data`."""
    return notation.write(cast("JsonValue", to_data(workflow)))


def _checked(data: Any, problems: Problems, known: Known) -> Workflow:
    if not isinstance(data, dict):
        problems.add((), "a workflow is a mapping with a name and steps")
        problems.raise_any()
    if not notation.check_plain(data, problems):
        problems.raise_any()
    content = with_step_types(cast("dict[str, JsonValue]", data))
    steps = outline(content, problems)
    workflow = _validated(content, problems)
    _check_names(content, steps, problems, known)
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
    content: dict[str, JsonValue], top: RawGroup, problems: Problems, known: Known
) -> None:
    checks.check_ids(top, problems)
    if known.actions is not None:
        checks.check_actions(every(top.steps), known.actions, problems)
    if known.parts is not None:
        checks.check_parts(every(top.steps), known.parts, problems)
    if known.runtimes is not None:
        checks.check_runtimes(content, every(top.steps), known.runtimes, problems)
    checks.check_shapes(top, problems)
    checks.check_stages(content, top, problems)
    checks.check_trigger(content, problems)
    declared = content.get("inputs")
    inputs = list(declared) if isinstance(declared, dict) else []
    check_references(top, inputs, problems)
