"""Which steps read which: for every step of a workflow, nested ones too.

A step is named by its place: the ids and branches on the way to it, with `*` for any iteration of a
loop (`fan/left/send`, `rows/*/send`). A top-level step's place is its id.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from .conditions import condition_references
from .expressions import Reference, find_references
from .quality import part_texts
from .steps import (
    EACH,
    AgentStep,
    ApprovalStep,
    BranchStep,
    LoopStep,
    ParallelStep,
    Step,
    ToolStep,
    branches,
)
from .workflow import Workflow

#: What of a loop's variable comes from the iterations before.
CARRIED = ("previous", "state")


@dataclass(frozen=True, slots=True)
class Node:
    """A step at its place. `reads` are places it reads itself, with what decides how it goes on.

    `inputs_of` holds what a container reads to decide which of its steps run, and on what; when
    that changes, nothing done inside can be kept. `carried` says that a step reads what iterations
    before its own have left.
    """

    place: str
    step: Step
    parent: str | None
    reads: frozenset[str]
    inputs_of: frozenset[str] = frozenset()
    carried: bool = False


def nodes(workflow: Workflow) -> dict[str, Node]:
    """Every step of *workflow* by place, each before what it holds."""
    found: dict[str, Node] = {}
    _collect(workflow.steps, "", None, {}, found)
    return found


def dependencies(workflow: Workflow) -> dict[str, tuple[str, ...]]:
    """Place to the places whose output is read there, both in the workflow's order.

    A step that holds others reads what they read, as far as it comes from outside it.
    """
    known = nodes(workflow)
    order = {place: position for position, place in enumerate(known)}
    outside: dict[str, set[str]] = {place: set(node.reads) for place, node in known.items()}
    for place in reversed(list(known)):
        parent = known[place].parent
        if parent is not None:
            outside[parent] |= outside[place]
    return {
        place: tuple(
            sorted(
                (read for read in reads if not _is_within(read, place) and read in order),
                key=order.__getitem__,
            )
        )
        for place, reads in outside.items()
    }


def step_texts(step: Step) -> Iterator[JsonValue]:
    """The parts of *step* itself in which expressions are resolved."""
    match step:
        case ToolStep():
            yield from step.parameters.values()
            yield from part_texts(step)
        case AgentStep():
            yield step.prompt
            yield from part_texts(step)
        case LoopStep():
            yield from (step.for_each, step.state, step.update)
        case ApprovalStep():
            yield step.message
        case BranchStep() | ParallelStep():
            return


def names_read(steps: tuple[Step, ...]) -> frozenset[str]:
    """The first names of all references in *steps* and inside them."""
    found: set[str] = set()
    for step in steps:
        found.update(reference.root for reference in _references(step))
        for _, held in branches(step):
            found |= names_read(held)
    return frozenset(found)


def _conditions(step: Step) -> Iterator[str]:
    if isinstance(step, LoopStep):
        yield from (text for text in (step.while_, step.until) if text is not None)
    elif isinstance(step, BranchStep):
        yield from (arm.when for arm in step.branches if arm.when is not None)


def _references(step: Step) -> Iterator[Reference]:
    for text in step_texts(step):
        yield from find_references(text)
    for condition in _conditions(step):
        yield from condition_references(condition)


def _collect(
    steps: tuple[Step, ...],
    prefix: str,
    parent: str | None,
    names: Mapping[str, str],
    found: dict[str, Node],
) -> None:
    """*names* leads from what can be seen to its place; a loop's variable to its loop and `*`."""
    seen = dict(names)
    for step in steps:
        place = f"{prefix}{step.id}"
        inside = seen
        if isinstance(step, LoopStep):
            body = {one.id: f"{place}/{EACH}/{one.id}" for one in step.steps}
            inside = {**seen, step.variable: f"{place}/{EACH}"}
            own = {**inside, **body}
        else:
            own = inside = {**seen, step.id: place} if isinstance(step, ApprovalStep) else seen
        references = list(_references(step))
        reads = {own[one.root] for one in references if one.root in own}
        decides = bool(list(branches(step)))
        found[place] = Node(
            place,
            step,
            parent,
            frozenset(read for read in reads if not read.endswith(EACH) and read != place),
            frozenset(read for read in reads if not _is_within(read, place))
            if decides
            else frozenset(),
            any(_is_carried(one, own) for one in references),
        )
        for name, held in branches(step):
            _collect(held, f"{place}/{name}/", place, inside, found)
        seen[step.id] = place


def _is_carried(reference: Reference, names: Mapping[str, str]) -> bool:
    is_loop = names.get(reference.root, "").endswith(EACH)
    return is_loop and (not reference.keys or reference.keys[0] in CARRIED)


def _is_within(place: str, container: str) -> bool:
    return place == container or place.startswith(f"{container}/")
