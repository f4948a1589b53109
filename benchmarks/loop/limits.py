"""Faults of time, money and other systems."""

from decimal import Decimal

from pydantic import JsonValue

from .behaviours import Busy, Gone, Refuses, Thinks, Uses
from .case import Case
from .plot import Plot, Step, tool

#: Stands for the address of the benchmark's own server, which is known when it runs.
HOST = "@@host@@"
NO_RETRY: JsonValue = {"max_retries": 0, "backoff_seconds": 0.01}


def too_few_retries(plot: Plot) -> Case:
    """A service that fails once more than the step tries, at the start of each run."""
    retries = plot.rng.randint(0, 1)
    policy: JsonValue = {"max_retries": retries, "backoff_seconds": 0.01}
    how = plot.rng.choice(("busy", "cut"))
    step = _request(plot, how, retry=policy)
    definition = plot.definition(_beside(plot, step))
    return plot.case(definition, "upstream_error", "network_error", flaky=retries + 1)


def busy_model(plot: Plot) -> Case:
    step = plot.ask("Is it so?", retry=NO_RETRY)
    definition = plot.definition(_beside(plot, step))
    return plot.case(definition, "upstream_error", behaviour=Busy(1), flaky=1)


def short_request_time(plot: Plot) -> Case:
    """A server that needs longer than the request may."""
    step = _request(plot, f"slow/{plot.rng.randint(7, 9) / 10}", retry=NO_RETRY)
    parameters = step["with"]
    assert isinstance(parameters, dict)
    parameters["timeout_seconds"] = 0.6
    return plot.case(plot.definition(_beside(plot, step)), "timeout")


def short_step_time(plot: Plot) -> Case:
    """A model that thinks longer than its step may."""
    seconds = plot.rng.choice((0.4, 0.5, 0.8))
    step = plot.ask("Think hard.", timeout_seconds=seconds, retry=NO_RETRY)
    definition = plot.definition(_beside(plot, step))
    return plot.case(definition, "timeout", behaviour=Thinks(seconds * 1.4))


def small_step_budget(plot: Plot) -> Case:
    """An agent that costs up to twice what its step may."""
    share = plot.rng.uniform(0.55, 0.95)
    tokens = plot.rng.randint(200, 9000)
    cost = Decimal(plot.rng.randint(5, 90)) / 100
    limit: JsonValue = {"max_tokens": int(tokens * share)}
    if plot.rng.random() < 0.5:
        limit = {"max_cost_usd": round(float(cost) * share, 3)}
    step = plot.ask("Sum it up.", budget=limit)
    definition = plot.definition(plot.nested_once([step]))
    return plot.case(definition, "budget_exceeded", behaviour=Uses(tokens, cost))


def small_run_budget(plot: Plot) -> Case:
    """Agents that together cost up to twice what the workflow may."""
    count, tokens = plot.rng.randint(1, 4), plot.rng.randint(200, 9000)
    limit = int(count * tokens * plot.rng.uniform(0.55, 0.95))
    asked = [plot.ask("One more question.") for _ in range(count)]
    definition = plot.definition(asked, budget={"max_tokens": limit})
    return plot.case(definition, "budget_exceeded", behaviour=Uses(tokens))


def retired_model(plot: Plot) -> Case:
    """A model whose successor can be asked here."""
    step = plot.ask("Is it so?", model="gpt-5-mini")
    definition = plot.definition(plot.nested([step]))
    return plot.case(definition, "model_unavailable", behaviour=Gone("gpt-5-mini"))


def refusing_model(plot: Plot) -> Case:
    """A model that refuses what another one of the workflow answers."""
    other = plot.ask("Begin.", model="gpt-6-luna")
    step = plot.ask("Write about knives.", model="gpt-5-mini")
    definition = plot.definition([other, *plot.nested([step])])
    return plot.case(definition, "content_filtered", behaviour=Refuses("gpt-5-mini"))


def not_connected(plot: Plot) -> Case:
    """An account that only a person can connect."""
    name = plot.rng.choice(("HubSpot", "Pipedrive", "Salesforce", "Acme CRM"))
    step = _request(plot, "fine", integration=name)
    definition = plot.definition(plot.nested([step]))
    account: Step = {"type": name.split()[0].lower(), "connected": False}
    known = {name: account} if plot.rng.random() < 0.7 else {}
    return plot.case(definition, "missing_integration", integrations=known, ending="by_hand")


def quota_reached(plot: Plot) -> Case:
    """An account whose allowance is used up by the workflow itself."""
    first, second = (_invited(plot, count) for count in (80, plot.rng.randint(21, 60)))
    account: Step = {"type": "linkedin", "connected": True}
    definition = plot.definition([first, second], on_quota="fail")
    accounts = {"LinkedIn": account}
    return plot.case(definition, "quota_exhausted", integrations=accounts, ending="by_time")


def _invited(plot: Plot, count: int) -> Step:
    step = _request(plot, "fine", integration="LinkedIn", counts={"invitations": count})
    parameters = step["with"]
    assert isinstance(parameters, dict)
    parameters |= {"method": "POST", "json": {"count": count}}
    return step


def _request(
    plot: Plot,
    way: str,
    *,
    retry: JsonValue = None,
    integration: str | None = None,
    counts: JsonValue = None,
) -> Step:
    given: Step = {"url": f"http://{HOST}/{way}/{plot.key.lstrip('#')}"}
    given |= {"integration": integration} if integration else {}
    given |= {"counts": counts} if counts else {}
    step = tool(plot.id(), "http_request", **given)
    return {**step, "retry": retry} if retry else step


def _beside(plot: Plot, step: Step) -> list[Step]:
    return plot.nested_once([step])
