"""What makes a step another step: everything but its name, and how patient and careful it is."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, cast

from ..definition.reads import Node, nodes
from ..definition.steps import (
    AgentStep,
    ApprovalStep,
    BranchStep,
    LoopStep,
    ParallelStep,
    Step,
    ToolStep,
    branches,
)
from ..definition.workflow import Workflow
from ..execution import StaleReason
from ..storage.journal import LiveStep
from .places import is_within, place_of

_COSMETIC = frozenset({"name", "retry", "timeout_seconds", "max_seconds", "budget", "repeatable"})


def changed_places(
    steps: tuple[LiveStep, ...], versions: Mapping[int, Workflow], workflow: Workflow
) -> dict[str, StaleReason]:
    """Places of *steps* that would not be carried out as they were, or are gone.

    Where what decides which steps run inside another has changed, these count as changed too.
    """
    now = nodes(workflow)
    found: dict[str, StaleReason] = {}
    for version, old in versions.items():
        if old is workflow:
            continue
        then = nodes(old)
        ran = {place_of(step.path, then) for step in steps if step.workflow_version == version}
        for place in ran:
            if place not in now:
                found[place] = "gone"
            elif place in then and _step(old, then[place]) != _step(workflow, now[place]):
                found[place] = "definition_changed"
        for place in then.keys() & now.keys():
            if _control(then[place]) != _control(now[place]) or _hands_on(place, then) != _hands_on(
                place, now
            ):
                inside = {one for one in ran if is_within(one, place)}
                found |= dict.fromkeys(inside, "definition_changed")
    return found


def same_places(old: Workflow, new: Workflow) -> set[str]:
    """Places whose step is the same in both."""
    then, now = nodes(old), nodes(new)
    both = then.keys() & now.keys()
    return {place for place in both if _step(old, then[place]) == _step(new, now[place])}


def moved_paths(
    steps: tuple[LiveStep, ...], workflow: Workflow, changed_at: Mapping[str, datetime]
) -> dict[str, str]:
    """Paths of *steps* that name a template or document which has changed since they began.

    *changed_at* is by `kind/name`; the value is the one that has changed. A text that stands alone
    in a step's parameters names a resource if it is its name, as it does when the step runs.
    """
    if not changed_at:
        return {}
    known = nodes(workflow)
    by_name = {one.partition("/")[2].casefold(): one for one in changed_at}
    named = {place: _named(workflow, node.step) for place, node in known.items()}
    found: dict[str, str] = {}
    for step in steps:
        for name in named.get(place_of(step.path, known), ()):
            resource = by_name.get(name)
            began = step.started_at
            if resource is not None and began is not None and changed_at[resource] > began:
                found[step.path] = resource
    return found


def _named(workflow: Workflow, step: Step) -> set[str]:
    match step:
        case ToolStep() | AgentStep():
            data: Any = step.model_dump(mode="json", exclude=set(_COSMETIC))
            texts = {*_texts(data), *workflow.documents}
            return {text.casefold() for text in texts}
        case _:
            return set()


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for item in cast("dict[str, Any]", value).values():
                yield from _texts(item)
        case list():
            for item in cast("list[Any]", value):
                yield from _texts(item)
        case _:
            return


def _step(workflow: Workflow, node: Node) -> str:
    """What the step itself does; an agent also follows the workflow's orders."""
    step = node.step
    match step:
        case ToolStep() | AgentStep():
            data: dict[str, Any] = step.model_dump(mode="json", exclude=set(_COSMETIC))
            if isinstance(step, AgentStep):
                data["orders"] = [workflow.instructions, workflow.restrictions]
                data["runtime"] = step.runtime or step.model or workflow.runtime
            data["documents"] = [*workflow.documents, *step.documents]
        case BranchStep():
            data = {"control": _control(node)}
        case ParallelStep():
            data = {"merge": step.merge}
        case LoopStep():
            data = {"control": _control(node), "output": step.output}
        case ApprovalStep():
            data = {"control": _control(node)}
    data["inside"] = [(name, [one.id for one in held]) for name, held in branches(step)]
    return json.dumps([step.type, data], sort_keys=True)


def _hands_on(place: str, known: Mapping[str, Node]) -> str | None:
    """The step of a loop whose output its next iteration reads; None if none reads it."""
    step = known[place].step
    if not isinstance(step, LoopStep):
        return None
    reads = any(node.carried for other, node in known.items() if is_within(other, place))
    return step.steps[-1].id if reads else None


def _control(node: Node) -> str:
    """What decides which steps run inside, and on what."""
    step = node.step
    match step:
        case BranchStep():
            data: Any = [step.default, [(one.id, one.when) for one in step.branches]]
        case LoopStep():
            data = step.model_dump(
                mode="json",
                include={"for_each", "while_", "until", "state", "update", "variable"},
            )
        case ApprovalStep():
            data = [step.message, step.role]
        case ToolStep() | AgentStep() | ParallelStep():
            data = None
    return json.dumps([step.type, data], sort_keys=True)
