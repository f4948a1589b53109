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


def shape(workflow: Workflow) -> Shape:
    """The shape of one version."""
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
