"""What a workspace may spend in a day, all its runs together, from midnight to midnight UTC."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ..errors import BudgetExceeded
from ..ports import Limits
from ..storage.spending import Spent
from .reservations import Gauge, Need
from .spending import Usage

DAILY_COST_SETTING = "workspace setting budget_max_daily_cost"
DAILY_TOKENS_SETTING = "workspace setting budget_max_daily_tokens"


@dataclass(slots=True)
class Day:
    """One run's view of it. `spent_since` gives what the steps stored since then have used."""

    limits: Limits
    now: Callable[[], datetime]
    spent_since: Callable[[datetime], Awaitable[Spent]]
    _stored: Spent = field(init=False, default=Spent())
    _open: dict[int, Usage] = field(init=False, default_factory=dict[int, Usage])

    @property
    def is_limited(self) -> bool:
        return (self.limits.max_daily_cost_usd, self.limits.max_daily_tokens) != (None, None)

    def open(self, usage: Usage) -> None:
        """A step under way is not stored yet: what it has used is added."""
        self._open[id(usage)] = usage

    def close(self, usage: Usage) -> None:
        self._open.pop(id(usage), None)

    async def look(self) -> None:
        """Asks for what is stored by now, if that can matter."""
        if self.is_limited:
            self._stored = await self.spent_since(_midnight(self.now()))

    def used_up(self) -> BudgetExceeded | None:
        """Why nothing more may be spent, if there is a reason."""
        limits = self.limits
        if (cost := limits.max_daily_cost_usd) is not None and self._cost() >= cost:
            return self._over("cost", cost, self._cost(), "used up")
        if (tokens := limits.max_daily_tokens) is not None and self._tokens() >= tokens:
            return self._over("token", tokens, self._tokens(), "used up")
        return None

    def exceeded(self) -> BudgetExceeded | None:
        """The limit that the day is over, if any."""
        limits = self.limits
        if (cost := limits.max_daily_cost_usd) is not None and self._cost() > cost:
            return self._over("cost", cost, self._cost(), "exceeded")
        if (tokens := limits.max_daily_tokens) is not None and self._tokens() > tokens:
            return self._over("token", tokens, self._tokens(), "exceeded")
        return None

    def gauges(self) -> tuple[Gauge, ...]:
        """The same for branches that spend at the same moment."""
        gauges: list[Gauge] = []
        if (cost := self.limits.max_daily_cost_usd) is not None:
            gauges.append(Gauge(cost, self._cost, cost_of))
        if (tokens := self.limits.max_daily_tokens) is not None:
            gauges.append(Gauge(Decimal(tokens), lambda: Decimal(self._tokens()), tokens_of))
        return tuple(gauges)

    def _cost(self) -> Decimal:
        return self._stored.cost_usd + sum(one.known_cost_usd for one in self._open.values())

    def _tokens(self) -> int:
        return self._stored.tokens + sum(one.tokens for one in self._open.values())

    def _over(
        self, kind: str, limit: Decimal | int, used: Decimal | int, how: str
    ) -> BudgetExceeded:
        is_cost = kind == "cost"
        set_by = DAILY_COST_SETTING if is_cost else DAILY_TOKENS_SETTING
        shown = [
            f"${money(one)}" if isinstance(one, Decimal) else str(one) for one in (limit, used)
        ]
        facts: dict[str, Any] = {"limit": limit, "used": used, "unit": "tokens"}
        if is_cost:
            facts = {"limit": str(limit), "used": str(used), "unit": "usd"}
        midnight = _midnight(self.now()) + timedelta(days=1)
        return BudgetExceeded(
            f"Daily {kind} limit of {shown[0]} {how}: {shown[1]} used. Set by {set_by}. It starts "
            "again at midnight UTC.",
            set_by=set_by,
            resets_at=midnight.isoformat(),
            **facts,
        )


def money(amount: Decimal) -> str:
    """Two decimals, or as many as the amount has."""
    cents = amount.quantize(Decimal("0.01"))
    return f"{cents if cents == amount else amount.normalize():f}"


def cost_of(need: Need) -> Decimal | None:
    return need.cost_usd


def tokens_of(need: Need) -> Decimal | None:
    return None if need.tokens is None else Decimal(need.tokens)


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
