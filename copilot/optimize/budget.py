"""What a run may cost against the limits of its steps, and against what such steps have cost."""

from collections.abc import Iterator
from decimal import Decimal

from pydantic import JsonValue

from ..types.outlook import LimitWarning, Outlook, PlannedStep
from ..types.suggestion import BudgetForecast, StepBudget, SuggestionEvidence, SuggestionKind
from .draft import Draft, from_runs, named

#: A limit so many times above what such steps cost stops nothing in time.
FAR_ABOVE = 5
_CENT = Decimal("0.01")


def forecast(outlook: Outlook) -> BudgetForecast | None:
    """Every step that asks a model with its limit; None where none does."""
    if not outlook.steps:
        return None
    past = outlook.hints.budget
    return BudgetForecast(
        steps=tuple(
            StepBudget(
                place=step.place,
                title=step.title,
                least_cost_usd=step.least_cost_usd,
                most_cost_usd=step.most_cost_usd,
                cap_usd=step.cap_usd,
                cap_set_by=step.cap_set_by,
                samples=step.samples,
            )
            for step in outlook.steps
        ),
        least_cost_usd=outlook.least_cost_usd,
        most_cost_usd=outlook.most_cost_usd,
        per_step_usd=None if past is None else past.per_step_usd,
        mean_usd=None if past is None else past.mean_usd,
        deviation_usd=None if past is None else past.deviation_usd,
        samples=0 if past is None else past.samples,
    )


def suggest_budget(outlook: Outlook) -> Iterator[Draft]:
    """Limits that such steps come up to, that stop nothing in time, or that the estimate is over."""
    yield from (_over_limit(one, outlook) for one in outlook.over_limit)
    past = outlook.hints.budget
    if past is None:
        return
    usual = past.per_step_usd
    low = tuple(step for step in outlook.steps if step.cap_usd < usual)
    if low:
        yield _too_low(low, outlook, usual)
    high = tuple(step for step in outlook.steps if step.cap_usd > usual * FAR_ABOVE)
    if high and not low and len(high) == len(outlook.steps):
        yield _too_high(high, outlook, usual)


def _over_limit(one: LimitWarning, outlook: Outlook) -> Draft:
    steps = tuple(step for step in outlook.steps if step.place == one.place)
    return Draft(
        kind=SuggestionKind.BUDGET,
        code="over_limit",
        severity="high" if one.certain else "medium",
        title="The run is sure to break a limit" if one.certain else "The run may break a limit",
        evidence=(
            SuggestionEvidence(
                source="estimate",
                text=one.text,
                samples=sum(step.samples for step in steps) or None,
            ),
        ),
        advice="Raise the limit, take a smaller model, or give the step less to read.",
        essence=(one.place or "", "cost" if "$" in one.text else "tokens"),
        steps=tuple(step.id for step in steps),
    )


def _too_low(steps: tuple[PlannedStep, ...], outlook: Outlook, usual: Decimal) -> Draft:
    lowest = min(steps, key=lambda step: step.cap_usd)
    return Draft(
        kind=SuggestionKind.BUDGET,
        code="limit_too_low",
        severity="high",
        title=f"Such steps cost up to ${_money(usual)}, and the limit of "
        f"{named(tuple(step.title for step in steps))} is ${_money(lowest.cap_usd)}",
        evidence=(_past(outlook), _set_by(lowest)),
        advice=f"Set budget.max_cost_usd to {_money(_rounded(usual))} or more, or a run may stop "
        "there.",
        essence=tuple(step.id for step in steps),
        weight=float(usual),
        steps=tuple(step.id for step in steps),
        fixes=tuple(_raised(lowest, usual)),
    )


def _raised(step: PlannedStep, usual: Decimal) -> Iterator[dict[str, JsonValue]]:
    """The step's own limit, else the workflow's: where it is written is for the fix to find."""
    value = float(_rounded(usual))
    yield {"type": "raise_budget", "step": step.id, "limit": "max_cost_usd", "value": value}
    yield {"type": "raise_budget", "limit": "max_cost_usd", "value": value}


def _too_high(steps: tuple[PlannedStep, ...], outlook: Outlook, usual: Decimal) -> Draft:
    lowest = min(steps, key=lambda step: step.cap_usd)
    times = int(lowest.cap_usd / usual)
    return Draft(
        kind=SuggestionKind.BUDGET,
        code="limit_far_above",
        severity="low",
        title=f"The limit of ${_money(lowest.cap_usd)} a step is {times} times what such steps cost",
        evidence=(_past(outlook), _set_by(lowest)),
        advice=f"Set budget.max_cost_usd of the steps to {_money(_rounded(usual))}: mean and one "
        "standard deviation. A step that goes round in circles then stops early.",
        steps=tuple(step.id for step in steps),
    )


def _past(outlook: Outlook) -> SuggestionEvidence:
    past = outlook.hints.budget
    if past is None:
        raise ValueError("no run has said what a step costs")
    return from_runs(
        f"A step in {outlook.hints.runs} runs of workflows built like this one cost "
        f"${_money(past.mean_usd)} on average, ± ${_money(past.deviation_usd)} (one standard "
        f"deviation, {past.samples} steps).",
        past.samples,
    )


def _set_by(step: PlannedStep) -> SuggestionEvidence:
    text = f"The limit of '{step.title}' is ${_money(step.cap_usd)}, set by {step.cap_set_by}."
    return SuggestionEvidence(source="definition", text=text)


def _rounded(amount: Decimal) -> Decimal:
    """Up to a whole cent, which is the least that a limit is worth setting to."""
    return max(_CENT, amount.quantize(_CENT, rounding="ROUND_CEILING"))


def _money(amount: Decimal) -> str:
    """'0.0123', '5.00'."""
    return f"{amount:.4f}".removesuffix("00")
