"""What a run may spend: which limit counts, and whether it is kept. Counted first, then checked.

The narrowest limit that somebody has set counts: the step's own, then its workflow's, then the
workspace's, then the constant here. A workflow's own limit is for the whole run, all rounds of it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from ..definition.budget import Budget
from ..definition.steps import AgentStep, WorkStep
from ..errors import BudgetExceeded, TurnLimitReached
from ..ports import Limits
from ..storage.spending import Spent
from .day import Day, cost_of, money, tokens_of
from .reservations import Gauge, Hold, Need, Reservations
from .spending import Spending, Usage

WORKFLOW_STEP_MAX_BUDGET_USD = Decimal(5)
DEFAULT_MAX_BUDGET_USD = Decimal(2)

COST_SETTING = "workspace setting budget_max_cost_per_task"
TOKENS_SETTING = "workspace setting budget_max_tokens_per_task"
TURNS_SETTING = "workspace setting agent_max_turns"
TIME_SETTING = "workspace setting budget_max_seconds_per_task"
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
    if step.max_seconds is None and workspace.max_seconds_per_step is None:
        return None
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
    cost: Cap | None,
    tokens: Cap | None,
    spending: Spending | Usage,
    *,
    step: Usage | None = None,
) -> BudgetExceeded | None:
    """The limit that *spending* is over, if any. What is exactly at a limit is within it.

    step: what the step has used that is looked at, where *spending* is the whole run's.
    """
    used = spending.cost_usd if isinstance(spending, Spending) else spending.known_cost_usd
    if cost is not None and used > cost.limit:
        return _over_cost("Cost limit", cost, used, **_parts("usd", spending, step))
    if tokens is not None and spending.tokens > tokens.limit:
        return BudgetExceeded(
            f"Token limit of {tokens.limit} exceeded: {spending.tokens} used. Set by "
            f"{tokens.set_by}.",
            limit=tokens.limit,
            used=spending.tokens,
            unit="tokens",
            set_by=tokens.set_by,
            **_parts("tokens", spending, step),
        )
    return None


def _parts(unit: str, spending: Spending | Usage, step: Usage | None) -> dict[str, Any]:
    """What of a run's use says how much another round, or a new run, will need.

    put_aside: of steps that are done again, left out where there are none. by_step: of the step.
    """
    if not isinstance(spending, Spending):
        return {}
    found: dict[str, Any] = {}
    in_usd = unit == "usd"
    aside = spending.put_aside_cost_usd if in_usd else spending.put_aside_tokens
    if aside:
        found["put_aside"] = str(aside) if in_usd else aside
    if step is not None:
        found["by_step"] = str(step.known_cost_usd) if in_usd else step.tokens
    return found


def _over_cost(name: str, cap: Cap, used: Decimal, **facts: Any) -> BudgetExceeded:
    return BudgetExceeded(
        f"{name} of ${money(cap.limit)} exceeded: ${money(used)} used. Set by {cap.set_by}.",
        limit=str(cap.limit),
        used=str(used),
        unit="usd",
        set_by=cap.set_by,
        **facts,
    )


@dataclass(slots=True)
class Governor:
    """Watches over one round. `spent_since` gives what the workspace's runs have used since.

    Every call of a model is let in by `admit` and ended by `settle`; `close` ends a step.
    """

    workflow: Budget
    workspace: Limits
    spending: Spending
    now: Callable[[], datetime]
    spent_since: Callable[[datetime], Awaitable[Spent]]
    _day: Day = field(init=False)
    _reservations: Reservations = field(init=False)

    def __post_init__(self) -> None:
        self._day = Day(self.workspace, self.now, self.spent_since)
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
        self._day.open(usage)
        await self._day.look()
        return await self._reservations.reserve(need or Need())

    def settle(self, hold: Hold, usage: Usage) -> None:
        """After the model has answered or failed; what it used is in *usage*."""
        self.spending.add(usage)
        self._reservations.release(hold)

    def close(self, usage: Usage) -> None:
        """The step has ended."""
        self.spending.add(usage)
        self._day.close(usage)

    async def breach(self, step: AgentStep, usage: Usage) -> BudgetExceeded | None:
        """After a turn or a step, whose use is among the run's *spending* already."""
        own = exceeded(
            cost_cap(step.budget, self.workflow, self.workspace),
            token_cap(step.budget, self.workflow, self.workspace),
            usage,
        )
        if (run := self._run_exceeded(usage)) is not None or own is not None:
            return run or own
        await self._day.look()
        return self._day.exceeded()

    def _run_exceeded(self, step: Usage | None = None) -> BudgetExceeded | None:
        return exceeded(
            _first(Cap(self.workflow.max_cost_usd, WORKFLOW_BUDGET)),
            _first(Cap(self.workflow.max_tokens, WORKFLOW_BUDGET)),
            self.spending,
            step=step,
        )

    def _refusal(self) -> BudgetExceeded | None:
        """Why no call at all is let in, if there is a reason."""
        return self._run_exceeded() or self._day.used_up()

    def _gauges(self) -> tuple[Gauge, ...]:
        """The limits that branches share; a step's own is kept by its one call at a time."""
        gauges: list[Gauge] = []
        if (cost := self.workflow.max_cost_usd) is not None:
            gauges.append(Gauge(cost, lambda: self.spending.cost_usd, cost_of))
        if (tokens := self.workflow.max_tokens) is not None:
            gauges.append(Gauge(Decimal(tokens), lambda: Decimal(self.spending.tokens), tokens_of))
        return (*gauges, *self._day.gauges())
