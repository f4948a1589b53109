"""What a run may spend: which limit counts, and whether it is kept. Counted first, then checked.

The narrowest limit that somebody has set counts: the step's own, then its workflow's, then the
workspace's, then the constant here. A workflow's own limit is for the whole run, all rounds of it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ..definition.budget import Budget
from ..definition.steps import AgentStep
from ..errors import BudgetExceeded, TurnLimitReached
from ..ports import Limits
from .spending import Spending, Usage

WORKFLOW_STEP_MAX_BUDGET_USD = Decimal(5)
DEFAULT_MAX_BUDGET_USD = Decimal(2)

COST_SETTING = "workspace setting budget_max_cost_per_task"
TOKENS_SETTING = "workspace setting budget_max_tokens_per_task"
DAILY_SETTING = "workspace setting budget_max_daily_cost"
TURNS_SETTING = "workspace setting max_turns"
_STEP = "the step's budget"
_WORKFLOW = "the workflow's budget"


@dataclass(frozen=True, slots=True)
class Cap:
    """A limit and who set it, in words."""

    limit: Any
    set_by: str


def cost_cap(step: Budget, workflow: Budget, workspace: Limits, *, in_workflow: bool = True) -> Cap:
    """The most one step may cost, in USD; one outside every workflow has the smaller default."""
    default = WORKFLOW_STEP_MAX_BUDGET_USD if in_workflow else DEFAULT_MAX_BUDGET_USD
    return _first(
        Cap(step.max_cost_usd, _STEP),
        Cap(workflow.max_cost_usd, _WORKFLOW),
        Cap(workspace.max_cost_per_step_usd, COST_SETTING),
    ) or Cap(default, "the default for a workflow step" if in_workflow else "the default")


def token_cap(step: Budget, workflow: Budget, workspace: Limits) -> Cap | None:
    """The most tokens one step may use, if that is limited."""
    return _first(
        Cap(step.max_tokens, _STEP),
        Cap(workflow.max_tokens, _WORKFLOW),
        Cap(workspace.max_tokens_per_step, TOKENS_SETTING),
    )


def turn_cap(step: AgentStep, workflow: Budget, workspace: Limits) -> Cap:
    """How often one step may ask its model: the least of what everybody allows."""
    caps = (
        Cap(step.max_turns, "the step's max_turns"),
        Cap(step.budget.max_turns, _STEP),
        Cap(workflow.max_turns, _WORKFLOW),
        Cap(workspace.max_turns, TURNS_SETTING),
    )
    return min((cap for cap in caps if cap.limit is not None), key=lambda cap: cap.limit)


def _first(*caps: Cap) -> Cap | None:
    return next((cap for cap in caps if cap.limit is not None), None)


def exceeded(
    cost: Cap | None, tokens: Cap | None, spending: Spending | Usage
) -> BudgetExceeded | None:
    """The limit that *spending* is over, if any. What is exactly at a limit is within it."""
    used = spending.cost_usd if isinstance(spending, Spending) else spending.known_cost_usd
    if cost is not None and used > cost.limit:
        return _over_cost("Cost limit", cost, used)
    if tokens is not None and spending.tokens > tokens.limit:
        return BudgetExceeded(
            f"Token limit of {tokens.limit} exceeded: {spending.tokens} used. Set by "
            f"{tokens.set_by}.",
            limit=tokens.limit,
            used=spending.tokens,
            unit="tokens",
            set_by=tokens.set_by,
        )
    return None


def _over_cost(name: str, cap: Cap, used: Decimal, **facts: Any) -> BudgetExceeded:
    return BudgetExceeded(
        f"{name} of ${cap.limit:.2f} exceeded: ${_money(used)} used. Set by {cap.set_by}.",
        limit=str(cap.limit),
        used=str(used),
        unit="usd",
        set_by=cap.set_by,
        **facts,
    )


def _money(amount: Decimal) -> str:
    """Two decimals, or as many as the amount has."""
    cents = amount.quantize(Decimal("0.01"))
    return f"{cents if cents == amount else amount.normalize():f}"


@dataclass(frozen=True, slots=True)
class Governor:
    """Watches over one round. `spent_since` gives what the workspace's runs have cost since."""

    workflow: Budget
    workspace: Limits
    spending: Spending
    now: Callable[[], datetime]
    spent_since: Callable[[datetime], Awaitable[Decimal]]

    async def admit(self, step: AgentStep, usage: Usage) -> None:
        """Before a model is asked. Raises `TurnLimitReached`, or `BudgetExceeded` for the day."""
        turns = turn_cap(step, self.workflow, self.workspace)
        if usage.calls >= turns.limit:
            raise TurnLimitReached(
                f"Turn limit of {turns.limit} reached. Set by {turns.set_by}.",
                limit=turns.limit,
                set_by=turns.set_by,
            )
        cap = self.workspace.max_daily_cost_usd
        if cap is not None and (used := await self._today(usage)) >= cap:
            raise self._over_day(cap, used, "Daily cost limit of ${:.2f} used up: ${} used.")

    async def breach(self, step: AgentStep, usage: Usage) -> BudgetExceeded | None:
        """After a step, whose use is among the run's *spending* already."""
        run = exceeded(
            _first(Cap(self.workflow.max_cost_usd, _WORKFLOW)),
            _first(Cap(self.workflow.max_tokens, _WORKFLOW)),
            self.spending,
        )
        own = exceeded(
            cost_cap(step.budget, self.workflow, self.workspace),
            token_cap(step.budget, self.workflow, self.workspace),
            usage,
        )
        if run is not None or own is not None:
            return run or own
        cap = self.workspace.max_daily_cost_usd
        if cap is not None and (used := await self._today(usage)) > cap:
            return self._over_day(cap, used, "Daily cost limit of ${:.2f} exceeded: ${} used.")
        return None

    async def _today(self, usage: Usage) -> Decimal:
        """The step under way is not stored yet, so its cost is added."""
        return await self.spent_since(_midnight(self.now())) + usage.known_cost_usd

    def _over_day(self, cap: Decimal, used: Decimal, words: str) -> BudgetExceeded:
        midnight = _midnight(self.now()) + timedelta(days=1)
        return BudgetExceeded(
            f"{words.format(cap, _money(used))} Set by {DAILY_SETTING}. It starts again at "
            "midnight UTC.",
            limit=str(cap),
            used=str(used),
            unit="usd",
            set_by=DAILY_SETTING,
            resets_at=midnight.isoformat(),
        )


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
