"""Steps that are stopped from outside: what they have done and used until then stays known."""

import asyncio
from decimal import Decimal

import pytest

from engine.definition import Budget
from engine.execution import ExecutionStatus
from engine.testing import (
    FunctionAction,
    ScriptedModel,
    actions,
    agent,
    calling,
    inline_engine,
    tool,
    workflow,
)
from tests.engine.nested import call, parallel, start

TIMED_OUT = ExecutionStatus.TIMED_OUT


class Endless(ScriptedModel):
    """Answers what it has in its script, and never after that."""

    is_waiting = False

    async def complete(self, question):
        if not self.answers:
            self.is_waiting = True
            await asyncio.Event().wait()
        return await super().complete(question)


class Office:
    """Actions that never end, and one that fails once the others wait."""

    def __init__(self):
        self.model = Endless([calling("echo", cost="0.02"), calling("echo", cost="0.03")])
        self.has_begun = False

    async def hang(self):
        self.has_begun = True
        await asyncio.Event().wait()

    async def fail(self):
        while not (self.has_begun and self.model.is_waiting):
            await asyncio.sleep(0.01)
        raise ValueError("no")

    def actions(self):
        send = FunctionAction(self.hang, repeatable=False)
        return actions(hang=self.hang, fail=self.fail, send=send)


@pytest.fixture
def office():
    return Office()


@pytest.fixture
def engine(tmp_path, office):
    with inline_engine(tmp_path, actions=office.actions(), model=office.model) as engine:
        yield engine


def timed_out(engine, *steps, **facts):
    flow = workflow(*steps, timeout_seconds=0.5, **facts)
    engine.put_workflow("acme", flow, workflow_id="w")
    run = engine.execution("acme", engine.submit("acme", "w").id)
    assert run.status is TIMED_OUT
    return run


def test_an_effect_that_was_begun_stays_noted(engine):
    run = timed_out(engine, tool("a", "send"))
    (step,) = engine.steps("acme", run.id)
    assert (step.status.value, step.error.code, step.effect) == ("failed", "run_timeout", True)


def test_without_an_effect_none_is_noted(engine):
    run = timed_out(engine, tool("a", "hang"))
    (step,) = engine.steps("acme", run.id)
    assert (step.status.value, step.error.code, step.effect) == ("failed", "run_timeout", False)


def test_turns_tokens_and_cost_until_then_are_counted(engine):
    run = timed_out(engine, agent("a", "?", tools=("echo",)))
    (step,) = engine.steps("acme", run.id)
    assert (step.turns, step.tokens_used, step.cost_usd) == (2, 30, Decimal("0.05"))
    assert (run.total_tokens_used, run.total_cost_usd) == (30, Decimal("0.05"))


def test_they_count_against_the_budget_of_the_run_in_its_next_round(engine, office):
    run = timed_out(engine, agent("a", "?", tools=("echo",)), budget=Budget(max_tokens=30))
    office.model.answers.append("done")
    engine.resume("acme", run.id, mode="partial")
    ended = engine.execution("acme", run.id)
    assert ended.error.message.startswith("Token limit of 30 exceeded: 45 used.")


def test_a_branch_that_is_stopped_keeps_what_it_has_used(engine):
    asking = {"id": "ask", "type": "agent", "prompt": "?", "tools": ["echo"]}
    sending = call("sending", "send")
    run = start(
        engine,
        parallel("p", on_failure="cancel", a=[asking], b=[sending], c=[call("bad", "fail")]),
    )
    ask, send = (
        next(one for one in engine.steps("acme", run.id) if one.step_id == name)
        for name in ("ask", "sending")
    )
    assert (ask.error.code, ask.turns, ask.cost_usd) == ("step_stopped", 2, Decimal("0.05"))
    assert (send.error.code, send.effect) == ("step_stopped", True)
    assert run.total_tokens_used == 30
