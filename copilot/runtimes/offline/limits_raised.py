"""A limit of the workflow's own that stopped a step, raised as far as the owner lets it."""

import math
from collections.abc import Iterator
from decimal import ROUND_UP, Decimal

from pydantic import JsonValue

from ...definitions import PlacedStep, steps
from ...fixes import number_of, shown_number
from ...fixes.raise_budget import Limit as BudgetLimit
from ...fixes.set_loop_bound import ITERATIONS_TIMES, MOST_ITERATIONS, bound_of
from ...fixes.timeout import LONGEST_REQUEST, LONGEST_RUN, TIMES, time_limit
from ...fixes.timeout import Limit as TimeLimit
from .scene import Scene, shown
from .suggestion import Suggestion, suggestion

#: How much more is asked for where the facts don't say what would be enough.
_TWICE = 2
_MOST_DIGITS = 9
#: Dollars are raised to whole cents.
_CENT = Decimal("0.01")
_UNITS: dict[str, BudgetLimit] = {"usd": "max_cost_usd", "tokens": "max_tokens"}
_NAMES: dict[BudgetLimit, str] = {
    "max_cost_usd": "USD",
    "max_tokens": "tokens",
    "max_turns": "turns",
}
#: The engine's code where it was the limit of the whole run.
RUN_TIMEOUT = "run_timeout"
#: How the engine names whose limit it was.
_STEPS_BUDGET, _WORKFLOWS_BUDGET = "the step's budget", "the workflow's budget"
#: A run's budget counts all its rounds.
_ONLY_NEW_RUNS = (
    ". That is for new runs: this one would go over it again when it is resumed, since what it has"
    " used already counts. Start a new run instead"
)
_ONLY_THIS_RUN = (
    ". Only this run needs it, since what it had used before it was resumed counts: a new run"
    " starts from nothing"
)
_STEPS_TIME, _STEPS_TURNS = "the step's max_seconds", "the step's max_turns"


def more_time(scene: Scene) -> Iterator[Suggestion]:
    """Twice the time, at the limit that was really met."""
    if scene.failure.error.code == RUN_TIMEOUT:
        yield from _longer_run(scene)
        return
    step, limit = scene.step, _time_limit_met(scene)
    if step is None or limit is None:
        return
    current = time_limit(step, limit)
    most = min(scene.ceilings.seconds, LONGEST_REQUEST if limit == "request" else math.inf)
    if current is None or (seconds := min(float(current) * _TWICE, most)) <= current:
        return
    data: dict[str, JsonValue] = {
        "type": "timeout",
        "step": step.id,
        "limit": limit,
        "seconds": seconds,
    }
    what = {"request": "a request of step", "max_seconds": "all attempts at step"}.get(
        limit, "step"
    )
    description = (
        f"Let {what} {shown(step.title)} take {seconds:g} s instead of {float(current):g} s"
    )
    if found := suggestion(scene, data, description, best=False):
        yield found


def _longer_run(scene: Scene) -> Iterator[Suggestion]:
    """Twice the time, or as much more as the step it was at may take by itself.

    Only where the limit is the workflow's own, not one that the run was started with.
    """
    met = number_of(scene.failure.error.details.get("limit"))
    current = number_of(scene.snapshot.definition.get("timeout_seconds"))
    if current is None or met != current:
        return
    attempt = None if scene.step is None else time_limit(scene.step, "timeout_seconds")
    wanted = max(current * _TWICE, current + (attempt or 0))
    most = Decimal(str(min(scene.ceilings.seconds, LONGEST_RUN)))
    wanted = min(wanted, current * TIMES, most)
    if wanted <= current:
        return
    data: dict[str, JsonValue] = {"type": "timeout", "limit": "run", "seconds": float(wanted)}
    description = (
        f"Let a run of this workflow take {shown_number(wanted)} s instead of"
        f" {shown_number(current)} s (its `timeout_seconds`), then resume it: steps that are done"
        " are kept"
    )
    if found := suggestion(scene, data, description, best=True):
        yield found


def _time_limit_met(scene: Scene) -> TimeLimit | None:
    """Which limit it was: the request's own, the attempt's, or that of all attempts."""
    step, details = scene.step, scene.failure.error.details
    if step is None:
        return None
    if details.get("unit") == "seconds":
        return "max_seconds" if details.get("set_by") == _STEPS_TIME else None
    met = number_of(details.get("limit"))
    limits: tuple[TimeLimit, ...] = ("request", "timeout_seconds")
    if met is None:
        return None
    if "name" not in details:  # the action itself names what did not answer
        limits = ("timeout_seconds",)
    return next((limit for limit in limits if time_limit(step, limit) == met), None)


def more_budget(scene: Scene) -> Iterator[Suggestion]:
    """A budget that is written in the workflow: to half as much again as was used, or twice."""
    details = scene.failure.error.details
    limit = _UNITS.get(str(details.get("unit")))
    if limit is not None:
        yield from _raised_budget(scene, limit, number_of(details.get("used")))


def _raised_budget(scene: Scene, limit: BudgetLimit, used: Decimal | None) -> Iterator[Suggestion]:
    set_by, step = scene.failure.error.details.get("set_by"), scene.step
    holder = step.data if step is not None and set_by == _STEPS_BUDGET else None
    if set_by == _WORKFLOWS_BUDGET:
        holder = scene.snapshot.definition
    budget = holder.get("budget") if holder is not None else None
    current = number_of(budget.get(limit)) if isinstance(budget, dict) else None
    if current is None or holder is None or (used is not None and used > current * _TWICE):
        return
    is_own = step is not None and holder is step.data  # a run's budget counts all its rounds
    wanted = _enough(current, used, limit) if is_own else current * _TWICE
    wanted = min(wanted, scene.ceilings.most(limit) or Decimal(0))
    if wanted <= current or wanted < (used or 0):
        return
    data: dict[str, JsonValue] = {"type": "raise_budget", "limit": limit, "value": _plain(wanted)}
    whose = "the workflow"
    if step is not None and is_own:
        data["step"], whose = step.id, f"step {shown(step.title)}"
    amount = f"{_plain(wanted):,} {_NAMES[limit]} instead of {_plain(current):,}"
    description = f"Raise the budget of {whose} to {amount}, within what the owner allows"
    if not is_own:
        helps, carried = _lets_it_go_on(scene, wanted, used), _is_only_carried(scene, current, used)
        if carried and not helps:  # a new run needs no more than it may use now
            return
        description += _ONLY_THIS_RUN if carried else "" if helps else _ONLY_NEW_RUNS
    if found := suggestion(scene, data, description, best=False):
        yield found


def _lets_it_go_on(scene: Scene, wanted: Decimal, used: Decimal | None) -> bool:
    """Whether this run can be resumed: what it has used counts, and its step comes once again.

    As far as the facts say; where they don't, nothing speaks against it.
    """
    again = number_of(scene.failure.error.details.get("by_step"))
    return used is None or again is None or used + again <= wanted


def _is_only_carried(scene: Scene, current: Decimal, used: Decimal | None) -> bool:
    """Whether a run would have kept to the limit without what it used before it was resumed."""
    aside = number_of(scene.failure.error.details.get("put_aside"))
    return used is not None and aside is not None and aside > 0 and used - aside <= current


def _enough(current: Decimal, used: Decimal | None, limit: BudgetLimit) -> Decimal:
    """What would have been enough with room to spare, and at most twice what it is."""
    twice = current * _TWICE
    if used is None:
        return twice
    unit = _CENT if limit == "max_cost_usd" else Decimal(1)
    wanted = max(used, current) * Decimal("1.5")
    return min(wanted.quantize(unit, rounding=ROUND_UP), twice)


def higher_bound(scene: Scene) -> Iterator[Suggestion]:
    """More rounds for the loop or the agent that met its bound; a budget's turns where it was that."""
    details, step = scene.failure.error.details, scene.step
    if details.get("set_by") in (_STEPS_BUDGET, _WORKFLOWS_BUDGET):
        yield from _raised_budget(scene, "max_turns", None)
        return
    if step is None or details.get("set_by") not in (None, _STEPS_TURNS):
        return
    looped = step if step.type in ("loop", "agent") else _loop_around(scene, step)
    current = number_of(bound_of(looped)) if looped is not None else None
    if looped is None or current is None:
        return
    wanted = _rounds(scene, looped, int(current))
    if wanted is None or wanted <= current:
        return
    data: dict[str, JsonValue] = {"type": "set_loop_bound", "step": looped.id, "value": wanted}
    what = "the loop" if looped.type == "loop" else "the agent of step"
    turns = "rounds" if looped.type == "loop" else "turns"
    description = f"Let {what} {shown(looped.title)} take {wanted:,} {turns} instead of {current:,}"
    if found := suggestion(scene, data, description, best=False):
        yield found


def _rounds(scene: Scene, step: PlacedStep, current: int) -> int | None:
    """As many as there are items; for an agent twice as many. None where nobody can tell.

    A loop that waits for a condition may never end: more rounds would only cost more.
    """
    if step.type == "agent":
        return min(current * _TWICE, scene.ceilings.turns)
    items = scene.diagnosis.captures.get("items", "")
    if not items.isdecimal() or len(items) > _MOST_DIGITS:
        return None
    most = min(current * ITERATIONS_TIMES, MOST_ITERATIONS)
    return int(items) if int(items) <= most else None


def _loop_around(scene: Scene, step: PlacedStep) -> PlacedStep | None:
    """The innermost loop that *step* stands in."""
    around = [one for one in steps(scene.snapshot.definition) if one.holds(step)]
    return next((one for one in reversed(around) if one.type == "loop"), None)


def _plain(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)
