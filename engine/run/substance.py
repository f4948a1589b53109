"""What makes a step another step: everything but its name, and how patient and careful it is."""

import json
from collections.abc import Mapping
from typing import Any

from ..definition.reads import Node, nodes
from ..definition.steps import (
    AgentStep,
    ApprovalStep,
    BranchStep,
    LoopStep,
    ParallelStep,
    ToolStep,
    branches,
)
from ..definition.workflow import Workflow
from ..execution import StaleReason
from ..storage.journal import LiveStep
from .places import is_within, place_of

COSMETIC = frozenset(
    {"id", "name", "retry", "timeout_seconds", "max_seconds", "budget", "repeatable"}
)


def changed_places(
    steps: tuple[LiveStep, ...], versions: Mapping[int, Workflow], workflow: Workflow
) -> dict[str, StaleReason]:
    """Places of *steps* that would not be carried out as they were, or are gone.

    Where what decides which steps run inside another has changed, these count as changed too. A
    name may lead to another step than it did, though nobody has touched who reads it.
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
            elif place in then and substance(old, then[place]) != substance(workflow, now[place]):
                found[place] = "definition_changed"
            elif place in then and then[place].reads != now[place].reads:
                found[place] = "input_changed"
        for place in then.keys() & now.keys():
            inside = {one for one in ran if is_within(one, place)}
            if _control(then[place]) != _control(now[place]) or _hands_on(place, then) != _hands_on(
                place, now
            ):
                found |= dict.fromkeys(inside, "definition_changed")
            elif then[place].inputs_of != now[place].inputs_of:
                found |= dict.fromkeys(inside - found.keys(), "input_changed")
    return found


def loops_anew(
    steps: tuple[LiveStep, ...], versions: Mapping[int, Workflow], workflow: Workflow
) -> set[str]:
    """Places of loops of *steps* whose iterations are of other items than they were."""
    now = nodes(workflow)
    found: set[str] = set()
    for version in {step.workflow_version for step in steps}:
        then = nodes(versions[version])
        found |= {
            place for place in then.keys() & now.keys() if _items(then[place]) != _items(now[place])
        }
    return found


def same_places(old: Workflow, new: Workflow) -> set[str]:
    """Places whose step is the same in both."""
    then, now = nodes(old), nodes(new)
    both = then.keys() & now.keys()
    return {place for place in both if substance(old, then[place]) == substance(new, now[place])}


def substance(workflow: Workflow, node: Node) -> str:
    """What the step itself does; who asks a model also follows the workflow's orders."""
    step = node.step
    match step:
        case ToolStep() | AgentStep():
            data: dict[str, Any] = step.model_dump(mode="json", exclude=set(COSMETIC))
            if isinstance(step, AgentStep):
                data["orders"] = [workflow.instructions, workflow.restrictions]
                data["runtime"] = step.runtime or step.model or workflow.runtime
            elif step.fallback is not None and step.fallback.action is None:
                data["orders"] = [workflow.instructions, workflow.restrictions]
                data["runtime"] = step.fallback.model or workflow.runtime
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


def _items(node: Node) -> str | None:
    """What the iterations of a loop are of; how many of them there are is another matter."""
    step = node.step
    if not isinstance(step, LoopStep):
        return None
    if step.for_each is not None:
        return json.dumps([step.for_each, sorted(node.inputs_of)], sort_keys=True)
    return json.dumps([step.state, step.update], sort_keys=True)
