"""A branch step: the first way whose condition holds, else the default one, else none."""

from typing import Any

from ...definition.judging import holds
from ...definition.steps import Arm, BranchStep
from ..outcome import Outcome
from .walking import Walking


async def carry_out(step: BranchStep, scope: dict[str, Any], path: str, walk: Walking) -> Outcome:
    """The output of the way that is taken. Raises what a condition raises."""
    taken = _taken(step, scope)
    if taken is None:
        return Outcome()
    walk.run.events.note("branch_taken", path, branch=taken.id)
    return await walk.steps(taken.steps, dict(scope), f"{path}/{taken.id}")


def _taken(step: BranchStep, scope: dict[str, Any]) -> Arm | None:
    for arm in step.branches:
        if arm.id != step.default and arm.when is not None and holds(arm.when, scope):
            return arm
    return next((arm for arm in step.branches if arm.id == step.default), None)
