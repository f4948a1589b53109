"""Making one output of those of parallel branches."""

from collections.abc import Mapping
from typing import Any, cast

from ...definition.steps import ParallelStep
from ...errors import InvalidData, MergeConflict


def merged(step: ParallelStep, outputs: Mapping[str, Any]) -> Any:
    """*outputs* by branch, in the order of the branches, as the step's strategy says.

    Raises `MergeConflict`, or `InvalidData` for an output without fields where fields are merged.
    """
    if step.merge == "namespaced":
        return dict(outputs)
    given = {branch: output for branch, output in outputs.items() if output is not None}
    if step.merge == "append":
        return [item for output in given.values() for item in _items(output)]
    found: dict[str, Any] = {}
    owners: dict[str, str] = {}
    for branch, output in given.items():
        for key, value in _fields(step, branch, output).items():
            if step.merge == "error_on_conflict" and key in found and found[key] != value:
                raise MergeConflict(
                    f"The branches {owners[key]!r} and {branch!r} of {step.title!r} gave different "
                    f"values under {key!r}.",
                    branches=[owners[key], branch],
                    key=key,
                )
            found[key] = value
            owners.setdefault(key, branch)
    return found


def _items(output: Any) -> list[Any]:
    return list(cast("list[Any]", output)) if isinstance(output, list | tuple) else [output]


def _fields(step: ParallelStep, branch: str, output: Any) -> Mapping[str, Any]:
    if isinstance(output, Mapping):
        return cast("Mapping[str, Any]", output)
    raise InvalidData(
        f"{step.title!r} merges the fields of its branches with {step.merge}, and the branch "
        f"{branch!r} gave {type(output).__name__}.",
        kind="shape",
        field=branch,
    )
