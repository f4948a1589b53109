"""What a workspace allows its agent steps, and what counts before it."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy.dialects import sqlite

from engine.definition import Budget, load_workflow, to_data
from engine.errors import BudgetExceeded, TurnLimitReached
from engine.execution import ExecutionStatus
from engine.ports import Completion, Limits
from engine.run.budget import (
    COST_SETTING,
    TOKENS_SETTING,
    TURNS_SETTING,
    Governor,
    cost_cap,
)
from engine.run.day import DAILY_COST_SETTING, DAILY_TOKENS_SETTING
from engine.run.spending import Spending, Usage
from engine.storage.spending import USED_SINCE, Spent
from engine.testing import FrozenClock, ScriptedModel, actions, agent, inline_engine, tool, workflow

NONE = Budget()


class Settings:
    """Limits of workspaces that a test can change."""

    def __init__(self, **limits):
        self.now = Limits(**limits)
        self.asked = []

    def limits(self, workspace_id):
        self.asked.append(workspace_id)
        return self.now


def costing(*prices, tokens=15):
    return ScriptedModel(
        [
            Completion("x", input_tokens=tokens, cost_usd=None if p is None else Decimal(p))
            for p in prices
        ]
    )


@pytest.fixture
def engine_with(tmp_path):
    opened = []

    def open_engine(**ports):
        manager = inline_engine(tmp_path, actions=actions(), **ports)
        opened.append(manager)
        return manager.__enter__()

    yield open_engine
    for manager in opened:
        manager.__exit__(None, None, None)


def run(engine, *steps, workspace="acme", **facts):
    stored = engine.put_workflow(workspace, workflow(*steps, **facts))
    return engine.execution(workspace, engine.submit(workspace, stored.workflow_id).id)


@pytest.mark.parametrize(
    ("step", "flow", "workspace", "limit", "set_by"),
    [
        ("1", "2", "3", "1", "the step's budget"),
        (None, "2", "3", "2", "the workflow's budget"),
        (None, None, "3", "3", COST_SETTING),
        (None, None, None, "5", "the default for a workflow step"),
        ("9", "2", "3", "9", "the step's budget"),
    ],
)
def test_the_narrowest_budget_that_is_set_counts(step, flow, workspace, limit, set_by):
    def amount(text):
        return None if text is None else Decimal(text)

    limits = Limits(max_cost_per_step_usd=amount(workspace))
    cap = cost_cap(Budget(max_cost_usd=step), Budget(max_cost_usd=flow), limits)
    assert (cap.limit, cap.set_by) == (Decimal(limit), set_by)


def test_outside_a_workflow_the_default_is_two_dollars():
    assert cost_cap(NONE, NONE, Limits(), in_workflow=False).limit == 2


def test_a_step_may_cost_five_dollars_by_default(engine_with):
    engine = engine_with(model=costing("5.00", "5.01"))
    assert run(engine, agent("a", "?")).status is ExecutionStatus.SUCCEEDED
    ended = run(engine, agent("a", "?"))
    assert ended.error.message == (
        "Cost limit of $5.00 exceeded: $5.01 used. Set by the default for a workflow step."
    )


def test_two_steps_are_limited_each_for_itself(engine_with):
    engine = engine_with(model=costing("3", "3"))
    assert run(engine, agent("a", "?"), agent("b", "?")).status is ExecutionStatus.SUCCEEDED


def test_a_workspace_setting_takes_effect_in_the_next_run(engine_with):
    settings = Settings(max_cost_per_step_usd=Decimal(10))
    engine = engine_with(model=costing("7", "7"), limits=settings)
    assert run(engine, agent("a", "?")).status is ExecutionStatus.SUCCEEDED
    settings.now = replace(settings.now, max_cost_per_step_usd=Decimal("1.20"))
    ended = run(engine, agent("a", "?"))
    assert settings.asked == ["acme"] * 4  # by the estimate of each run, and by its start
    assert ended.error.code == "budget_exceeded"
    assert ended.error.message.startswith("Cost limit of $1.20 exceeded: $7.00 used.")
    details = ended.error.details
    assert details == {"limit": "1.20", "used": "7", "unit": "usd", "set_by": COST_SETTING}


def test_the_breaching_step_stays_in_the_history_with_what_it_used(engine_with):
    settings = Settings(max_tokens_per_step=14)
    engine = engine_with(model=costing("0.01"), limits=settings)
    ended = run(engine, agent("a", "?"), tool("b", "echo"))
    (step,) = engine.history("acme", ended.id)
    assert (step.status.value, step.tokens_used, step.output) == ("failed", 15, "x")
    assert (step.error.details["set_by"], step.error.details["used"]) == (TOKENS_SETTING, 15)
    assert ended.total_tokens_used == 15


def test_a_steps_own_budget_is_written_in_its_definition(engine_with):
    text = "name: N\nsteps: [{id: a, prompt: '?', budget: {max_cost_usd: '0.10', max_tokens: 20}}]"
    parsed = load_workflow(text, source="n.yaml")
    assert to_data(parsed)["steps"][0]["budget"] == {"max_cost_usd": "0.10", "max_tokens": 20}
    engine = engine_with(model=costing("0.11"), limits=Settings(max_cost_per_step_usd=Decimal(9)))
    ended = run(engine, *parsed.steps)
    assert ended.error.details["set_by"] == "the step's budget"


def test_a_changed_budget_does_not_run_a_step_again(engine_with):
    engine = engine_with(model=costing("0.01", "0.09", "0.09"))
    budget = Budget(max_cost_usd="0.05")
    stored = engine.put_workflow("acme", workflow(agent("a", "?"), agent("b", "?", budget=budget)))
    first = engine.submit("acme", stored.workflow_id)
    raised = Budget(max_cost_usd="0.50")
    steps = (agent("a", "?", budget=raised), agent("b", "?", budget=raised))
    engine.put_workflow("acme", workflow(*steps), workflow_id=stored.workflow_id)
    engine.resume("acme", first.id, mode="partial")
    assert engine.execution("acme", first.id).status is ExecutionStatus.SUCCEEDED
    assert [step.path for step in engine.history("acme", first.id)] == ["/a", "/b", "/b"]


def test_the_day_is_checked_before_a_model_is_asked_and_after(engine_with):
    clock = FrozenClock()
    settings = Settings(max_daily_cost_usd=Decimal(2))
    model = costing("1.50", "1.00", "1.00", "0.75")
    engine = engine_with(model=model, limits=settings, clock=clock)
    assert run(engine, agent("a", "?")).status is ExecutionStatus.SUCCEEDED
    after = run(engine, agent("a", "?"))
    assert after.error.message == (
        "Daily cost limit of $2.00 exceeded: $2.50 used. Set by workspace setting "
        "budget_max_daily_cost. It starts again at midnight UTC."
    )
    asked = len(model.asked)
    before = run(engine, agent("a", "?"))
    assert len(model.asked) == asked
    assert before.error.message.startswith("Daily cost limit of $2.00 used up: $2.50 used.")
    assert before.error.details["set_by"] == DAILY_COST_SETTING
    assert before.error.details["resets_at"] == "2026-01-06T00:00:00+00:00"
    # Another workspace has a day of its own, and tomorrow is another day.
    assert run(engine, agent("a", "?"), workspace="other").status is ExecutionStatus.SUCCEEDED
    clock.advance(15 * 3600)
    assert run(engine, agent("a", "?")).status is ExecutionStatus.SUCCEEDED


def test_the_tokens_of_a_day_are_limited_likewise_whatever_they_cost(engine_with):
    clock = FrozenClock()
    settings = Settings(max_daily_tokens=30)
    engine = engine_with(model=costing(None, "1", None, "1"), limits=settings, clock=clock)
    assert run(engine, agent("a", "?")).status is ExecutionStatus.SUCCEEDED
    assert run(engine, agent("a", "?")).status is ExecutionStatus.SUCCEEDED  # exactly at the limit
    before = run(engine, agent("a", "?"))
    assert before.error.message == (
        "Daily token limit of 30 used up: 30 used. Set by workspace setting "
        "budget_max_daily_tokens. It starts again at midnight UTC."
    )
    assert before.error.details == {
        "limit": 30,
        "used": 30,
        "unit": "tokens",
        "set_by": DAILY_TOKENS_SETTING,
        "resets_at": "2026-01-06T00:00:00+00:00",
    }
    settings.now = Limits(max_daily_tokens=40)
    after = run(engine, agent("a", "?"))
    assert after.error.message.startswith("Daily token limit of 40 exceeded: 45 used.")
    clock.advance(15 * 3600)
    assert run(engine, agent("a", "?")).status is ExecutionStatus.SUCCEEDED


def test_what_a_day_has_used_is_found_by_its_time_and_not_run_by_run(engine_with):
    query = str(USED_SINCE.compile(dialect=sqlite.dialect()))
    with engine_with().database.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", ("", "acme", "2026-01-05"))
        assert "USING INDEX ix_step_run_used (completed_at>?)" in str(plan.all())


def test_a_step_without_a_model_of_its_own_uses_the_workspaces(engine_with):
    model = costing("0", "0")
    engine = engine_with(model=model, limits=Settings(model="small"))
    run(engine, agent("a", "?"), agent("b", "?", model="large"))
    assert [question.model for question in model.asked] == ["small", "large"]


@pytest.mark.parametrize(
    ("step", "flow", "workspace", "set_by"),
    [
        (NONE, NONE, 2, TURNS_SETTING),
        (Budget(max_turns=2), NONE, 3, "the step's budget"),
        (Budget(max_turns=4), Budget(max_turns=2), 3, "the workflow's budget"),
    ],
)
def test_the_least_number_of_turns_counts(step, flow, workspace, set_by):
    governor = Governor(
        workflow=flow,
        workspace=Limits(max_turns=workspace),
        spending=Spending(),
        now=FrozenClock().now,
        spent_since=nothing_spent,
    )
    asked = agent("a", "?", budget=step)
    asyncio.run(governor.admit(asked, Usage(calls=1)))
    with pytest.raises(TurnLimitReached, match="Turn limit of 2 reached") as caught:
        asyncio.run(governor.admit(asked, Usage(calls=2)))
    assert caught.value.details == {"limit": 2, "set_by": set_by}


async def nothing_spent(_moment):
    return Spent()


def test_an_unknown_price_is_not_counted_as_a_cost(engine_with):
    engine = engine_with(model=costing(None), limits=Settings(max_daily_cost_usd=Decimal("0.01")))
    assert run(engine, agent("a", "?")).status is ExecutionStatus.SUCCEEDED


def test_a_breach_is_not_tried_again(engine_with):
    model = costing("9", "9")
    engine = engine_with(model=model, limits=Settings(max_cost_per_step_usd=Decimal(1)))
    run(engine, agent("a", "?", retries=2))
    assert len(model.asked) == 1
    assert BudgetExceeded.retryable is False
