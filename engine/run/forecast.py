"""Ranges of tokens and money, and what nesting does to them."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Forecast:
    """Between the least and the most. Costs are None where a price is unknown."""

    least_tokens: int = 0
    most_tokens: int = 0
    least_cost_usd: Decimal | None = _NOTHING
    most_cost_usd: Decimal | None = _NOTHING


NOTHING = Forecast()


def together(parts: Iterable[Forecast]) -> Forecast:
    """All of them happen, one after the other or at once."""
    return reduce(_sum, parts, NOTHING)


def alternatives(ways: Iterable[Forecast]) -> Forecast:
    """One of them happens. Raises ValueError for none."""
    listed = list(ways)
    least, most = [one.least_cost_usd for one in listed], [one.most_cost_usd for one in listed]
    return Forecast(
        min(one.least_tokens for one in listed),
        max(one.most_tokens for one in listed),
        None if None in least else min(cost for cost in least if cost is not None),
        None if None in most else max(cost for cost in most if cost is not None),
    )


def times(one: Forecast, *, least: int, most: int) -> Forecast:
    """It happens so often."""
    return Forecast(
        one.least_tokens * least,
        one.most_tokens * most,
        _NOTHING if least == 0 else _product(one.least_cost_usd, least),
        _NOTHING if most == 0 else _product(one.most_cost_usd, most),
    )


def _product(cost: Decimal | None, count: int) -> Decimal | None:
    return None if cost is None else cost * count


def _sum(one: Forecast, other: Forecast) -> Forecast:
    return Forecast(
        one.least_tokens + other.least_tokens,
        one.most_tokens + other.most_tokens,
        _plus(one.least_cost_usd, other.least_cost_usd),
        _plus(one.most_cost_usd, other.most_cost_usd),
    )


def _plus(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one + other
