"""What a run has used so far, and what one step of it has."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(slots=True)
class Spending:
    """What every round of this run has used, for its caps; unknown prices can't be counted."""

    tokens: int = 0
    cost_usd: Decimal = Decimal(0)

    def add(self, step: "Usage") -> None:
        self.tokens += step.tokens
        self.cost_usd += step.known_cost_usd


@dataclass(slots=True)
class Usage:
    """What one step has used over its attempts. A single unknown price makes the cost unknown."""

    tokens: int = 0
    known_cost_usd: Decimal = Decimal(0)
    calls: int = 0
    unpriced_calls: int = 0

    def add(self, *, tokens: int, cost_usd: Decimal | None) -> None:
        self.calls += 1
        self.tokens += tokens
        if cost_usd is None:
            self.unpriced_calls += 1
        else:
            self.known_cost_usd += cost_usd

    @property
    def cost_usd(self) -> Decimal | None:
        return self.known_cost_usd if self.calls and not self.unpriced_calls else None
