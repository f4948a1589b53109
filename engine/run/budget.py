"""What a run may spend: which limit counts, and whether it is kept. Counted first, then checked.

The narrowest limit that somebody has set counts: the step's own, then its workflow's, then the
workspace's, then the constant here. A workflow's own limit is for the whole run, all rounds of it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ..definition.budget import Budget
from ..definition.steps import AgentStep, WorkStep
from ..errors import BudgetExceeded, TurnLimitReached
from ..ports import Limits
from .reservations import Gauge, Hold, Need, Reservations
from .spending import Spending, Usage

WORKFLOW_STEP_MAX_BUDGET_USD = Decimal(5)
DEFAULT_MAX_BUDGET_USD = Decimal(2)

COST_SETTING = "workspace setting budget_max_cost_per_task"
TOKENS_SETTING = "workspace setting budget_max_tokens_per_task"
DAILY_SETTING = "workspace setting budget_max_daily_cost"
TURNS_SETTING = "workspace setting max_turns"
TIME_SETTING = "workspace setting max_seconds_per_step"
_STEP = "the step's budget"
WORKFLOW_BUDGET = "the workflow's budget"


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
        Cap(workflow.max_cost_usd, WORKFLOW_BUDGET),
        Cap(workspace.max_cost_per_step_usd, COST_SETTING),
    ) or Cap(default, "the default for a workflow step" if in_workflow else "the default")


def token_cap(step: Budget, workflow: Budget, workspace: Limits) -> Cap | None:
    """The most tokens one step may use, if that is limited."""
    return _first(
        Cap(step.max_tokens, _STEP),
        Cap(workflow.max_tokens, WORKFLOW_BUDGET),
        Cap(workspace.max_tokens_per_step, TOKENS_SETTING),
    )


def turn_cap(step: AgentStep, workflow: Budget, workspace: Limits) -> Cap:
    """How often one step may ask its model: the least of what everybody allows."""
    caps = (
        Cap(step.max_turns, "the step's max_turns"),
        Cap(step.budget.max_turns, _STEP),
        Cap(workflow.max_turns, WORKFLOW_BUDGET),
        Cap(workspace.max_turns, TURNS_SETTING),
    )
    return min((cap for cap in caps if cap.limit is not None), key=lambda cap: cap.limit)


def time_cap(step: WorkStep, workspace: Limits) -> Cap | None:
    """How long one step may take, in seconds: all attempts and the waits between them."""
    return _first(
        Cap(step.max_seconds, "the step's max_seconds"),
        Cap(workspace.max_seconds_per_step, TIME_SETTING),
    )


def over_time(cap: Cap) -> BudgetExceeded:
    """A step has taken longer than *cap* allows."""
    return BudgetExceeded(
        f"Time limit of {cap.limit:g} s exceeded. Set by {cap.set_by}.",
        limit=cap.limit,
        unit="seconds",
        set_by=cap.set_by,
    )


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
        f"{name} of ${money(cap.limit)} exceeded: ${money(used)} used. Set by {cap.set_by}.",
        limit=str(cap.limit),
        used=str(used),
        unit="usd",
        set_by=cap.set_by,
        **facts,
    )


def money(amount: Decimal) -> str:
    """Two decimals, or as many as the amount has."""
    cents = amount.quantize(Decimal("0.01"))
    return f"{cents if cents == amount else amount.normalize():f}"


@dataclass(slots=True)
class Governor:
    """Watches over one round. `spent_since` gives what the workspace's runs have cost since.

    Every call of a model is let in by `admit` and ended by `settle`; `close` ends a step.
    """

    workflow: Budget
    workspace: Limits
    spending: Spending
    now: Callable[[], datetime]
    spent_since: Callable[[datetime], Awaitable[Decimal]]
    _reservations: Reservations = field(init=False)
    _open: dict[int, Usage] = field(init=False, default_factory=dict[int, Usage])
    _stored_today: Decimal = field(init=False, default=Decimal(0))

    def __post_init__(self) -> None:
        self._reservations = Reservations(self._gauges(), self._refusal)

    async def admit(self, step: AgentStep, usage: Usage, need: Need | None = None) -> Hold:
        """Before a model is asked, which may use *need* at most. Waits for other branches.

        Raises `TurnLimitReached`, or `BudgetExceeded` where nothing may be spent any more.
        """
        turns = turn_cap(step, self.workflow, self.workspace)
        if usage.calls >= turns.limit:
            raise TurnLimitReached(
                f"Turn limit of {turns.limit} reached. Set by {turns.set_by}.",
                limit=turns.limit,
                set_by=turns.set_by,
            )
        self._open[id(usage)] = usage
        if self.workspace.max_daily_cost_usd is not None:
            self._stored_today = await self.spent_since(_midnight(self.now()))
        return await self._reservations.reserve(need or Need())

    def settle(self, hold: Hold, usage: Usage) -> None:
        """After the model has answered or failed; what it used is in *usage*."""
        self.spending.add(usage)
        self._reservations.release(hold)

    def close(self, usage: Usage) -> None:
        """The step has ended."""
        self.spending.add(usage)
        self._open.pop(id(usage), None)

    async def breach(self, step: AgentStep, usage: Usage) -> BudgetExceeded | None:
        """After a turn or a step, whose use is among the run's *spending* already."""
        own = exceeded(
            cost_cap(step.budget, self.workflow, self.workspace),
            token_cap(step.budget, self.workflow, self.workspace),
            usage,
        )
        if (run := self._run_exceeded()) is not None or own is not None:
            return run or own
        cap = self.workspace.max_daily_cost_usd
        if cap is None:
            return None
        self._stored_today = await self.spent_since(_midnight(self.now()))
        if (used := self._today(usage)) > cap:
            return self._over_day(cap, used, "Daily cost limit of ${} exceeded: ${} used.")
        return None

    def _run_exceeded(self) -> BudgetExceeded | None:
        return exceeded(
            _first(Cap(self.workflow.max_cost_usd, WORKFLOW_BUDGET)),
            _first(Cap(self.workflow.max_tokens, WORKFLOW_BUDGET)),
            self.spending,
        )

    def _refusal(self) -> BudgetExceeded | None:
        """Why no call at all is let in, if there is a reason."""
        run = self._run_exceeded()
        cap = self.workspace.max_daily_cost_usd
        if run is None and cap is not None and (used := self._today()) >= cap:
            return self._over_day(cap, used, "Daily cost limit of ${} used up: ${} used.")
        return run

    def _gauges(self) -> tuple[Gauge, ...]:
        """The limits that branches share; a step's own is kept by its one call at a time."""
        gauges: list[Gauge] = []
        if (cost := self.workflow.max_cost_usd) is not None:
            gauges.append(Gauge(cost, lambda: self.spending.cost_usd, _cost_of))
        if (tokens := self.workflow.max_tokens) is not None:
            gauges.append(Gauge(Decimal(tokens), lambda: Decimal(self.spending.tokens), _tokens_of))
        if (day := self.workspace.max_daily_cost_usd) is not None:
            gauges.append(Gauge(day, self._today, _cost_of))
        return tuple(gauges)

    def _today(self, usage: Usage | None = None) -> Decimal:
        """Steps under way are not stored yet, so what they have cost is added."""
        under_way = self._open if usage is None else self._open | {id(usage): usage}
        return self._stored_today + sum(one.known_cost_usd for one in under_way.values())

    def _over_day(self, cap: Decimal, used: Decimal, words: str) -> BudgetExceeded:
        midnight = _midnight(self.now()) + timedelta(days=1)
        return BudgetExceeded(
            f"{words.format(money(cap), money(used))} Set by {DAILY_SETTING}. It starts again at "
            "midnight UTC.",
            limit=str(cap),
            used=str(used),
            unit="usd",
            set_by=DAILY_SETTING,
            resets_at=midnight.isoformat(),
        )


def _cost_of(need: Need) -> Decimal | None:
    return need.cost_usd


def _tokens_of(need: Need) -> Decimal | None:
    return None if need.tokens is None else Decimal(need.tokens)


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
