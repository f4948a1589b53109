"""What fixes may do in a workspace: how far they may raise its limits, and whom they may ask."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal

from engine.run.budget import WORKFLOW_STEP_MAX_BUDGET_USD

from ..fixes import Ceilings
from ..fixes.raise_budget import MOST_TOKENS, MOST_TURNS
from ..fixes.timeout import LONGEST_STEP
from ..pipeline.validate import FixPolicy
from ..policy import Policy
from ..runtimes import chain, load_catalog
from ..settings import Settings


def fix_policy(
    settings: Settings, policy: Callable[[str], Policy], now: Callable[[], datetime]
) -> Callable[[str], FixPolicy]:
    """By workspace, as its policy is then: nothing goes above what its owner has set.

    Where the owner has set nothing it is the limit that counts without: that of the engine for
    what a step may cost, and for the rest the most that a fix of the type may write.
    """

    def allowed(workspace_id: str) -> FixPolicy:
        own = policy(workspace_id)
        return FixPolicy(
            ceilings=Ceilings(
                cost_usd=_lower(
                    own.budget_max_cost_per_task or WORKFLOW_STEP_MAX_BUDGET_USD,
                    own.budget_max_daily_cost,
                ),
                tokens=_least(
                    own.budget_max_tokens_per_task or MOST_TOKENS, own.budget_max_daily_tokens
                ),
                turns=own.agent_max_turns or MOST_TURNS,
                seconds=own.budget_max_seconds_per_task or LONGEST_STEP,
                models=usable_models(settings, own, now().date()),
            )
        )

    return allowed


def usable_models(settings: Settings, policy: Policy, today: date) -> frozenset[tuple[str, str]]:
    """Runtime and model of all that can be asked here today.

    Those that the catalog lists for the runtimes in use, but for retired ones; of a server that
    alone knows its models, those that the settings or the owner name.
    """
    catalog = load_catalog()
    used = dict.fromkeys(settings.runtimes)
    listed = [model for name in used for model in catalog.models(name)]
    named = [
        *(chain(settings, catalog) if used else ()),
        *(
            catalog.find(runtime, model)
            for runtime, model in (
                (policy.agent_runtime, policy.agent_model),
                (policy.analysis_runtime, policy.analysis_model),
            )
            if runtime in used and model is not None and catalog.takes_any(runtime)
        ),
    ]
    return frozenset(
        (model.runtime, model.id)
        for model in (*listed, *named)
        if model.retires_on is None or model.retires_on > today
    )


def _lower(limit: Decimal, other: Decimal | None) -> Decimal:
    return limit if other is None else min(limit, other)


def _least(limit: int, other: int | None) -> int:
    return limit if other is None else min(limit, other)
