"""The shape of a workflow: how its steps are put together, and how many there are."""

from collections.abc import Iterator
from dataclasses import dataclass

from .steps import ApprovalStep, BranchStep, LoopStep, ParallelStep, Step, WorkStep, branches
from .workflow import Workflow

SEQUENCE = "sequence"
_KINDS = ("branch", "parallel", "loop", "approval")


@dataclass(frozen=True, slots=True)
class Shape:
    """What workflows have in common that can be compared with each other.

    `pattern` is `sequence`, or the kinds of step that make it more than one, in a fixed order:
    `parallel+loop`. `step_count` is how many steps do something themselves, wherever they stand.
    """

    pattern: str
    step_count: int


_MOST_KNOWN = 500
#: By identity: to compare two definitions takes longer than to look through one.
_known: dict[int, tuple[Workflow, Shape]] = {}


def shape(workflow: Workflow) -> Shape:
    """The shape of one version."""
    known = _known.get(id(workflow))
    if known is not None and known[0] is workflow:
        return known[1]
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    found = _shape(workflow)
    _known[id(workflow)] = (workflow, found)
    return found


def _shape(workflow: Workflow) -> Shape:
    kinds = {step.type for _, step in _every(workflow.steps, "")}
    count = sum(1 for _ in working_steps(workflow))
    return Shape("+".join(kind for kind in _KINDS if kind in kinds) or SEQUENCE, count)


def working_steps(workflow: Workflow) -> Iterator[tuple[str, WorkStep]]:
    """The steps that do something themselves, each with its place: `rows/*/send`."""
    for place, step in _every(workflow.steps, ""):
        if not isinstance(step, BranchStep | ParallelStep | LoopStep | ApprovalStep):
            yield place, step


def _every(steps: tuple[Step, ...], prefix: str) -> Iterator[tuple[str, Step]]:
    for step in steps:
        place = f"{prefix}{step.id}"
        yield place, step
        for name, inside in branches(step):
            yield from _every(inside, f"{place}/{name}/")
