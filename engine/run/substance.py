"""What makes a step another step: everything but its name, and how patient and careful it is."""

import json
from collections.abc import Mapping
from typing import Any

from ..definition.reads import Node, nodes
from ..definition.steps import AgentStep, ApprovalStep, BranchStep, LoopStep, ParallelStep, ToolStep
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
            if _control(then[place]) != _control(now[place]):
                inside = {one for one in ran if is_within(one, place)}
                found |= dict.fromkeys(inside, "definition_changed")
    return found


def _step(workflow: Workflow, node: Node) -> str:
    """What the step itself does; an agent also follows the workflow's orders."""
    step = node.step
    match step:
        case ToolStep() | AgentStep():
            data: dict[str, Any] = step.model_dump(mode="json", exclude=set(_COSMETIC))
            if isinstance(step, AgentStep):
                data["orders"] = [workflow.instructions, workflow.restrictions]
            data["documents"] = [*workflow.documents, *step.documents]
        case BranchStep():
            data = {"control": _control(node)}
        case ParallelStep():
            data = {"merge": step.merge, "branches": [one.id for one in step.branches]}
        case LoopStep():
            data = {"control": _control(node), "output": step.output, "last": step.steps[-1].id}
        case ApprovalStep():
            data = {"control": _control(node)}
    return json.dumps([step.type, data], sort_keys=True)


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
