"""The limits of one run: what it has used is counted first, then checked."""

from ..definition.workflow import Budget
from ..errors import BudgetExceeded
from .context import Spending


def exceeded(budget: Budget, spending: Spending) -> BudgetExceeded | None:
    """The limit that *spending* is over, if any. What is exactly at a limit is within it."""
    cost, tokens = budget.max_cost_usd, budget.max_tokens
    if cost is not None and spending.cost_usd > cost:
        return BudgetExceeded(
            f"Cost limit of ${cost:.2f} exceeded",
            limit=str(cost),
            used=str(spending.cost_usd),
            unit="usd",
        )
    if tokens is not None and spending.tokens > tokens:
        return BudgetExceeded(
            f"Token limit of {tokens} exceeded", limit=tokens, used=spending.tokens, unit="tokens"
        )
    return None
