"""What a run has used so far, and what one step of it has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any


@dataclass(slots=True)
class Usage:
    """What one step has used over its attempts. A single unknown price makes the cost unknown."""

    tokens: int = 0
    known_cost_usd: Decimal = Decimal(0)
    calls: int = 0
    unpriced_calls: int = 0
    _uncounted_tokens: int = field(init=False, default=0)
    _uncounted_cost_usd: Decimal = field(init=False, default=Decimal(0))

    def __post_init__(self) -> None:
        self._uncounted_tokens = self.tokens
        self._uncounted_cost_usd = self.known_cost_usd

    def add(self, *, tokens: int, cost_usd: Decimal | None) -> None:
        self.calls += 1
        self.tokens += tokens
        self._uncounted_tokens += tokens
        if cost_usd is None:
            self.unpriced_calls += 1
        else:
            self.known_cost_usd += cost_usd
            self._uncounted_cost_usd += cost_usd

    def add_failed(self, details: Mapping[str, Any]) -> None:
        """A call that failed is no turn, and yet costs what it used, as far as its error tells."""
        tokens, cost = details.get("tokens"), details.get("cost_usd")
        if isinstance(tokens, int):
            self.add(tokens=tokens, cost_usd=None if cost is None else Decimal(str(cost)))
            self.calls -= 1

    def take_uncounted(self) -> tuple[int, Decimal]:
        """Tokens and USD that no total has been told of yet; told now."""
        found = self._uncounted_tokens, self._uncounted_cost_usd
        self._uncounted_tokens, self._uncounted_cost_usd = 0, Decimal(0)
        return found

    @property
    def cost_usd(self) -> Decimal | None:
        was_used = self.calls or self.known_cost_usd
        return self.known_cost_usd if was_used and not self.unpriced_calls else None


@dataclass(slots=True)
class Spending:
    """What every round of this run has used, for its caps; unknown prices can't be counted.

    put_aside: the part of it that was used by steps which a resume does again.
    """

    tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    put_aside_tokens: int = 0
    put_aside_cost_usd: Decimal = Decimal(0)

    def add(self, step: Usage) -> None:
        """Counts what *step* has used since it was counted last, which may be while it goes on."""
        tokens, cost = step.take_uncounted()
        self.tokens += tokens
        self.cost_usd += cost
