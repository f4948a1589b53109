"""Let a workflow or one of its steps spend more, never more than the owner's own limit."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field, JsonValue

from ..definitions import Pointer, look_up
from ..snapshot import Snapshot
from ._base import Change
from ._reach import STEP, Reach
from ._rises import Rise, number_of, shown_number, spelled_like
from ._steps import Id, step_called, title_of, written

MOST_USD, MOST_TOKENS, MOST_TURNS = 50, 500_000, 50
_TIMES = 2
_FOUR_PLACES = Decimal("0.0001")

Limit: TypeAlias = Literal["max_cost_usd", "max_tokens", "max_turns"]
Whole: TypeAlias = Annotated[int, Field(gt=0, le=MOST_TOKENS)]
Broken: TypeAlias = Annotated[float, Field(gt=0, le=MOST_USD)]
_WORDS: Mapping[Limit, str] = {
    "max_cost_usd": "USD",
    "max_tokens": "tokens",
    "max_turns": "turns of a model",
}


class RaiseBudget(Change):
    """Raise one limit of a budget that is written in the workflow, at most to twice what it is.

    Never above what the owner of the workspace lets one step have, and only an owner approves.
    """

    reach: ClassVar[Reach] = Reach(
        writes=(
            ("change", "/definition/budget/*"),
            ("change", f"/definition/{STEP}/budget/*"),
        ),
        approver="owner",
        opens=frozenset({"budget", "max_cost_usd", "max_tokens"}),
        rises=(
            Rise("budget/max_cost_usd", MOST_USD, times=_TIMES),
            Rise("budget/max_tokens", MOST_TOKENS, times=_TIMES),
            Rise("budget/max_turns", MOST_TURNS, times=_TIMES),
        ),
    )
    button: ClassVar[str] = "Raise Budget"
    causes: ClassVar[frozenset[str]] = frozenset({"budget_exceeded", "turn_limit", "unknown"})

    type: Literal["raise_budget"] = "raise_budget"
    step: Id | None = None
    """Id of the step whose own budget it is; left out for the workflow's."""
    limit: Limit
    """Which limit of the budget: USD, tokens, or turns of a model in one step."""
    value: Whole | Broken
    """The new limit, higher than it is now; tokens and turns are whole numbers."""

    @property
    def question(self) -> str:
        amount = f"{shown_number(self.value)} {_WORDS[self.limit]}"
        return f"Would you like me to raise the budget to {amount}?"

    def apply(self, snapshot: Snapshot) -> Snapshot:
        way = self._way(snapshot)
        old = _standing(snapshot, way)
        current, wanted = number_of(old), Decimal(str(self.value))
        if current is None:
            raise self.refuse("no such limit is written there.")
        if wanted <= current:
            raise self.refuse(f"the limit there is {shown_number(current)} already.")
        if wanted % (_FOUR_PLACES if self.limit == "max_cost_usd" else 1):
            raise self.refuse(f"{self.value} has more places than the limit can have.")
        return written(snapshot, way, spelled_like(old, wanted))

    def summary(self, snapshot: Snapshot) -> str:
        whose = "The budget" if self.step is None else "The budget of step "
        title = "" if self.step is None else repr(title_of(snapshot, self.step))
        current = number_of(_standing(snapshot, self._way(snapshot)))
        was = "" if current is None else f" instead of {shown_number(current)}"
        return f"{whose}{title} becomes {shown_number(self.value)} {_WORDS[self.limit]}{was}."

    def _way(self, snapshot: Snapshot) -> Pointer:
        if self.step is None:
            return ("budget", self.limit)
        return (*step_called(self, snapshot, self.step).pointer, "budget", self.limit)


def _standing(snapshot: Snapshot, way: Pointer) -> JsonValue:
    """The limit as it is written; None for none."""
    try:
        return look_up(snapshot.definition, way)
    except LookupError:
        return None


FIX = RaiseBudget
