"""The values a run is started with, checked against what its workflow takes."""

from collections.abc import Mapping
from typing import Any

from ..definition.suggestions import did_you_mean, near
from ..definition.workflow import Workflow
from ..errors import InvalidParameters


def complete_inputs(workflow: Workflow, given: Mapping[str, Any]) -> dict[str, Any]:
    """*given* with defaults filled in.

    Raises `InvalidParameters` for a required input that is missing and for an unknown one; a
    workflow that declares no inputs takes any.
    """
    if workflow.inputs:
        for name in given.keys() - workflow.inputs.keys():
            raise InvalidParameters(
                f"This workflow has no input {name!r}.{did_you_mean(near(name, workflow.inputs))}",
                parameter=name,
                available=sorted(workflow.inputs),
            )
    return with_defaults(workflow, given)


def with_defaults(workflow: Workflow, given: Mapping[str, Any]) -> dict[str, Any]:
    """*given*, whatever it holds, with what the workflow has defaults for.

    Raises `InvalidParameters` for a required input that is missing.
    """
    for name, declared in workflow.inputs.items():
        if declared.required and name not in given:
            raise InvalidParameters(f"The input {name!r} is required.", parameter=name)
    return {name: one.default for name, one in workflow.inputs.items()} | dict(given)
