"""What happens inside a step, as a run stores it."""

import asyncio
from decimal import Decimal

import pytest

from engine import errors
from engine.definition import load_workflow
from engine.execution import ExecutionStatus
from engine.ports import Completion
from engine.testing import ScriptedModel, actions, inline_engine


@pytest.fixture
def engine_with(tmp_path):
    opened = []

    def open_engine(*, functions=None, **ports):
        manager = inline_engine(tmp_path, actions=actions(**(functions or {})), **ports)
        opened.append(manager)
        return manager.__enter__()

    yield open_engine
    for manager in opened:
        manager.__exit__(None, None, None)


def ended(engine, text):
    flow = load_workflow(f"name: N\n{text}", source="n.yaml")
    stored = engine.put_workflow("acme", flow)
    run = engine.submit("acme", stored.workflow_id)
    return engine.execution("acme", run.id), engine.history("acme", run.id)


def test_a_refused_output_is_in_the_record_of_the_failed_step(engine_with):
    run, (step,) = ended(
        engine_with(model=ScriptedModel(['{"n": "x"}'])),
        """
steps:
  - id: judge
    prompt: go
    processors: [parse_json]
    validators:
      - {name: json_schema, with: {schema: {properties: {n: {type: integer}}}}}
""",
    )
    assert run.error.code == "validation_failed"
    assert (step.status.value, step.output, step.attempts) == ("failed", {"n": "x"}, 1)
    assert step.feedback == ("Validation failed: json_schema: /n: 'x' is not of type 'integer'",)
    assert (step.tokens_used, step.cost_usd) == (15, Decimal("0.01"))


def test_a_fallback_is_recorded_with_its_attempts_and_its_output_goes_on(engine_with):
    def fail():
        raise errors.UpstreamFailed("503")

    run, (first, second) = ended(
        engine_with(functions={"fail": fail}),
        """
steps:
  - id: ask
    action: fail
    retry: {max_retries: 1, backoff_seconds: 0}
    fallback: {action: echo, with: {value: [plan, b]}}
  - {id: use, action: echo, with: {value: "{{ ask[1] }}"}}
""",
    )
    assert (run.status, run.output) == (ExecutionStatus.SUCCEEDED, "b")
    assert (first.output, first.attempts, first.error) == (["plan", "b"], 2, None)
    assert first.feedback[-1] == "Fallback engaged: echo."
    assert (first.fallback.title, first.fallback.attempts) == ("echo", 1)
    assert first.fallback.succeeded
    assert first.fallback.error.code == "upstream_failed"
    assert second.fallback is None


def test_parallel_branches_share_the_workflows_budget(engine_with):
    class Slow:
        asked = 0

        async def complete(self, question):
            self.asked += 1
            await asyncio.sleep(0.01)
            return Completion("x", 10, 10, Decimal("0.15"))

    model = Slow()
    lanes = "\n".join(f"      - {{id: l{n}, steps: [{{id: s, prompt: go}}]}}" for n in range(5))
    run, steps = ended(
        engine_with(model=model),
        f"""
budget: {{max_cost_usd: "0.20"}}
steps:
  - id: fan
    type: parallel
    branches:
{lanes}
""",
    )
    assert run.error.code == "budget_exceeded"
    assert run.error.message.startswith("Cost limit of $0.20 exceeded: $0.30 used.")
    assert model.asked == 2
    assert sum(step.cost_usd or 0 for step in steps) == Decimal("0.30")
    assert run.total_cost_usd == Decimal("0.30")
