"""A loop step: its steps again and again, each iteration seeing what the one before has left."""

from collections.abc import Sequence
from typing import Any, cast

from ...definition.expressions import resolve
from ...definition.judging import holds
from ...definition.steps import LoopStep
from ...errors import InvalidData, LoopLimitReached
from ..outcome import Outcome
from .walking import Walking


async def carry_out(step: LoopStep, scope: dict[str, Any], path: str, walk: Walking) -> Outcome:
    """What `output` of the step asks for.

    Raises `LoopLimitReached`, `InvalidData` for what is no list, and what conditions and
    expressions raise.
    """
    items = _items(step, scope)
    state = cast("dict[str, Any]", resolve(step.state, scope))
    outputs: list[Any] = []
    for number in range(1, step.max_iterations + 2):
        around = {"number": number, "previous": outputs[-1] if outputs else None, "state": state}
        if items is not None:
            if number > len(items):
                break
            around["item"] = items[number - 1]
        seen = {**scope, step.variable: around}
        if step.while_ is not None and not holds(step.while_, seen):
            break
        if number > step.max_iterations:
            raise _limit(step)
        outcome = await walk.steps(step.steps, seen, f"{path}/{number}")
        if not outcome.is_done:
            return outcome
        outputs.append(outcome.output)
        state = state | cast("dict[str, Any]", resolve(step.update, seen))
        walk.run.events.note("iteration_completed", path, number=number)
        if step.until is not None:
            after = {**seen, step.variable: {**around, "state": state}}
            if holds(step.until, after):
                break
    return Outcome(_output(step, outputs, state))


def _items(step: LoopStep, scope: dict[str, Any]) -> Sequence[Any] | None:
    if step.for_each is None:
        return None
    items = resolve(step.for_each, scope)
    if not isinstance(items, list | tuple):
        raise InvalidData(
            f"Loop {step.id!r} goes through a list, and for_each gave {type(items).__name__}.",
            kind="shape",
            field="for_each",
        )
    found = cast("Sequence[Any]", items)
    if len(found) > step.max_iterations:
        raise LoopLimitReached(
            f"Loop {step.id!r} has {len(found)} items to go through, and at most "
            f"{step.max_iterations} iterations.",
            limit=step.max_iterations,
        )
    return found


def _limit(step: LoopStep) -> LoopLimitReached:
    return LoopLimitReached(
        f"Loop {step.id!r} was not done after {step.max_iterations} iterations.",
        limit=step.max_iterations,
    )


def _output(step: LoopStep, outputs: list[Any], state: dict[str, Any]) -> Any:
    match step.output:
        case "all":
            return outputs
        case "last":
            return outputs[-1] if outputs else None
        case "state":
            return state
