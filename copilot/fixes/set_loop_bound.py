"""Let a loop go round, or an agent ask its model, more often."""

from decimal import Decimal
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field, JsonValue

from ..definitions import PlacedStep
from ..snapshot import Snapshot
from ._base import Change
from ._reach import STEP, Reach
from ._rises import Rise, number_of, shown_number, spelled_like
from ._steps import Id, step_called, title_of, written

MOST_ITERATIONS = 1_000
#: What counts while an agent step says nothing, and the most that it may have.
TURNS, MOST_TURNS = 10, 50
ITERATIONS_TIMES, _TURNS_TIMES = 10, 3

Bound: TypeAlias = Annotated[int, Field(ge=2, le=MOST_ITERATIONS)]


class SetLoopBound(Change):
    """Raise `max_iterations` of a loop step, or `max_turns` of an agent step.

    A loop's at most to ten times what it is and to 1000, an agent's to three times and to 50, and
    not above a budget's own limit of turns.
    """

    reach: ClassVar[Reach] = Reach(
        writes=(
            ("change", f"/definition/{STEP}/max_iterations"),
            ("change", f"/definition/{STEP}/max_turns"),
            ("add", f"/definition/{STEP}/max_turns"),
        ),
        rises=(
            Rise("max_iterations", MOST_ITERATIONS, times=ITERATIONS_TIMES),
            Rise("max_turns", MOST_TURNS, times=_TURNS_TIMES, default=TURNS),
        ),
    )
    button: ClassVar[str] = "Raise Limit"
    causes: ClassVar[frozenset[str]] = frozenset({"turn_limit", "unknown"})

    type: Literal["set_loop_bound"] = "set_loop_bound"
    step: Id
    """Id of the loop step or of the agent step."""
    value: Bound
    """How often it may go round, or ask its model, at most; more than now."""

    @property
    def question(self) -> str:
        return f"Would you like me to raise the limit to {shown_number(self.value)} rounds?"

    def apply(self, snapshot: Snapshot) -> Snapshot:
        step = step_called(self, snapshot, self.step)
        name = "max_iterations" if step.type == "loop" else "max_turns"
        if step.type not in ("loop", "agent"):
            raise self.refuse(f"step {self.step!r} is neither a loop nor an agent's.")
        old = bound_of(step)
        current = number_of(old)
        if current is None or self.value <= current:
            raise self.refuse(f"step {self.step!r} may go round {old} times already.")
        least = _turns_of_budgets(snapshot, step) if step.type == "agent" else None
        if least is not None and self.value > least:
            raise self.refuse(f"a budget allows {shown_number(least)} turns and no more.")
        changed = spelled_like(old, Decimal(self.value))
        return written(snapshot, (*step.pointer, name), changed)

    def summary(self, snapshot: Snapshot) -> str:
        step = step_called(self, snapshot, self.step)
        title = title_of(snapshot, self.step)
        was = f"{shown_number(self.value)} times instead of {bound_of(step)}"
        if step.type == "loop":
            return f"The loop {title!r} may go round {was}."
        return f"In step {title!r} the agent may ask its model {was}."


def bound_of(step: PlacedStep) -> JsonValue:
    """How often a loop step may go round, or an agent step ask its model."""
    if step.type == "loop":
        return step.data.get("max_iterations")
    return step.data.get("max_turns", TURNS)


def _turns_of_budgets(snapshot: Snapshot, step: PlacedStep) -> Decimal | None:
    """The least number of turns that a budget lets the step have; None where none says."""
    budgets = (step.data.get("budget"), snapshot.definition.get("budget"))
    limits = (number_of(one.get("max_turns")) for one in budgets if isinstance(one, dict))
    return min((limit for limit in limits if limit is not None), default=None)


FIX = SetLoopBound
