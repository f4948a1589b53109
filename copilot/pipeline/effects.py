"""What a change does to the cost of a run, by the estimates of the workflow before and after."""

from decimal import Decimal

from ..types import CostEffect, RunRange
from ..types.outlook import Outlook


def cost_effect(before: Outlook, after: Outlook) -> CostEffect:
    """Ranges of one run, and the difference in a sentence."""
    old, new = _range(before), _range(after)
    return CostEffect(before=old, after=new, explanation=_told(old, new))


def _range(outlook: Outlook) -> RunRange:
    return RunRange(
        least_tokens=outlook.least_tokens,
        most_tokens=outlook.most_tokens,
        least_cost_usd=outlook.least_cost_usd,
        most_cost_usd=outlook.most_cost_usd,
    )


def _told(old: RunRange, new: RunRange) -> str:
    if old == new:
        unknown = "" if new.most_cost_usd is not None else "; a price is unknown"
        used = "no tokens" if new.most_tokens == 0 else f"at most {new.most_tokens:,} tokens"
        return f"A run is expected to use what it did before: {used}{unknown}."
    tokens = f"{_span(new.least_tokens, new.most_tokens)} tokens"
    was = _span(old.least_tokens, old.most_tokens)
    return f"A run is expected to use {tokens} (before: {was}){_cost(old, new)}."


def _span(least: int, most: int) -> str:
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def _cost(old: RunRange, new: RunRange) -> str:
    if new.most_cost_usd is None or old.most_cost_usd is None:
        return "; what it costs is unknown"
    if new.most_cost_usd == old.most_cost_usd:
        return f"; at most ${_money(new.most_cost_usd)}, as before"
    return f"; at most ${_money(new.most_cost_usd)} (before: ${_money(old.most_cost_usd)})"


def _money(amount: Decimal) -> str:
    return f"{amount:.4f}" if amount < 1 else f"{amount:.2f}"
