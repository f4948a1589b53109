"""The parts of an engine are wired to its face: ports reach steps, stored workflows are checked."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from pydantic import BaseModel

from engine.dispatch.inline import InlineDispatcher
from engine.engine import Engine
from engine.errors import BudgetExceeded, InvalidDefinition, InvalidParameters, InvalidSchedule
from engine.plugins import PluginOutcome
from engine.ports import Limits, ModelFacts
from engine.storage.queue_tables import QUEUE
from engine.storage.schedule_tables import SCHEDULE
from engine.storage.shares import QueueLimits
from engine.testing import (
    FrozenClock,
    KnownModels,
    ScriptedModel,
    actions,
    agent,
    inline_engine,
    settings,
    tool,
    workflow,
)

NINE = datetime(2026, 1, 5, 9, tzinfo=UTC)
DEAR = ModelFacts(
    id="dear", context_tokens=100_000, input_usd=Decimal(1000), output_usd=Decimal(1000)
)


class Says:
    """A plugin that gives one answer."""

    class Parameters(BaseModel, extra="forbid"):
        topic: str = ""

    def __init__(self, outcome):
        self.outcome = outcome

    async def check(self, output, parameters, context):
        return self.outcome


class LowLimits:
    def limits(self, workspace_id):
        return Limits(max_cost_per_step_usd=Decimal("0.01"))


def scheduled(expression, **step):
    return {
        "name": "Report",
        "trigger": {"type": "schedule", "schedule": expression},
        "steps": [{"id": "a", "action": "echo", **step}],
    }


def test_a_plugin_of_the_application_reaches_steps(tmp_path):
    plugins = {"crm": Says(PluginOutcome(success=False, feedback="not ours"))}
    with inline_engine(tmp_path, actions=actions(), plugins=plugins) as engine:
        given = {"name": "N", "steps": [{"id": "a", "action": "echo", "plugins": ["crm"]}]}
        made = engine.workspace("acme").workflows.create(given)
        run = engine.submit("acme", made.workflow_id)
        assert engine.wait("acme", run.id, 60).error.code == "plugin_failed"


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        ({"processors": ["strip_fence"]}, "unknown processor 'strip_fence'. Did you mean"),
        ({"validators": [{"name": "rang", "with": {}}]}, "unknown validator 'rang'. Did you mean"),
        ({"plugins": ["cmr"]}, "unknown plugin 'cmr'. Did you mean crm?"),
        ({"plugins": [{"name": "crm", "with": {"topik": "x"}}]}, "topik"),
        ({"fallback": {"action": "ehco"}}, "unknown action 'ehco'. Did you mean echo?"),
        (
            {"fallback": {"action": "echo", "validators": ["not_emty"]}},
            "unknown validator 'not_emty'. Did you mean not_empty?",
        ),
        (
            {"action": None, "prompt": "x", "tools": ["ehco"]},
            "unknown action 'ehco'. Did you mean echo?",
        ),
    ],
)
def test_an_unknown_name_is_refused_when_the_workflow_is_stored(tmp_path, step, problem):
    plugins = {"crm": Says(PluginOutcome(success=True))}
    written = {"id": "a", "action": "echo", **step}
    given = {"name": "N", "steps": [{key: value for key, value in written.items() if value}]}
    with inline_engine(tmp_path, actions=actions(), plugins=plugins) as engine:
        with pytest.raises(InvalidDefinition) as refused:
            engine.workspace("acme").workflows.create(given)
        assert problem in str(refused.value)
        assert engine.workflows("acme") == ()


def test_a_schedule_that_cannot_be_read_is_not_stored(tmp_path):
    with inline_engine(tmp_path, actions=actions()) as engine:
        workflows = engine.workspace("acme").workflows
        with pytest.raises(InvalidSchedule):
            workflows.create(scheduled("every tuesday-ish"), workflow_id="w")
        workflows.create(scheduled("1h"), workflow_id="w")
        with pytest.raises(InvalidSchedule):
            workflows.replace("w", scheduled("30s"), expected_version=1)
        assert workflows.get("w").version == 1


def test_schedules_tick_by_the_engines_own_dispatcher(tmp_path):
    clock, queue = FrozenClock(NINE - timedelta(minutes=1)), InlineDispatcher()
    with inline_engine(tmp_path, dispatcher=queue, clock=clock, actions=actions()) as engine:
        engine.workspace("acme").workflows.create(scheduled("1h"), workflow_id="w")
        queue.tick(NINE - timedelta(minutes=1))
        clock.advance(60)
        queue.tick(NINE)
        (run,) = engine.executions("acme")
        assert (run.trigger, run.workflow_id) == ("schedule", "w")
        assert engine.schedules.get("acme", "w").next_at == NINE + timedelta(hours=1)


def test_a_lifted_pause_forgets_the_failures_and_no_pause_none(tmp_path):
    clock, queue = FrozenClock(NINE), InlineDispatcher()
    with inline_engine(tmp_path, dispatcher=queue, clock=clock, actions=actions()) as engine:
        workflows = engine.workspace("acme").workflows
        workflows.create(scheduled("1h"), workflow_id="w")
        queue.tick(NINE)
        with engine.database.begin() as connection:
            connection.execute(sa.update(SCHEDULE).values(failures='{"auth_failed": 2}'))
        workflows.unpause("w")
        assert engine.schedules.get("acme", "w").failures == {"auth_failed": 2}
        workflows.pause("w")
        workflows.unpause("w")
        assert engine.schedules.get("acme", "w").failures == {}


def test_a_priority_goes_to_the_queue(tmp_path):
    with closing(Engine.open(settings(tmp_path), dispatch=False, actions=actions())) as engine:
        engine.put_workflow("acme", workflow(tool("a")), workflow_id="w")
        engine.submit("acme", "w", priority=0)
        engine.submit("acme", "w")
        for wrong in (-1, 10):
            with pytest.raises(InvalidParameters):
                engine.submit("acme", "w", priority=wrong)
        with engine.database.connect() as connection:
            found = connection.scalars(sa.select(QUEUE.c.priority)).all()
        assert sorted(found) == [0, 5]


def test_limits_of_the_queue_are_kept(tmp_path):
    limits = QueueLimits(total=9, each=2, workspaces={"acme": 1})
    with inline_engine(tmp_path) as engine:
        assert engine.queue_limits.limits() == QueueLimits()
        engine.queue_limits.set_limits(limits)
    with inline_engine(tmp_path) as engine:
        assert engine.queue_limits.limits() == limits


def asking(**settings):
    return workflow(agent("a", "Say something."), **settings)


def test_the_estimate_of_a_run_is_stored_and_is_plain(tmp_path):
    model, catalog = ScriptedModel(["fine"]), KnownModels((DEAR,))
    with inline_engine(tmp_path, model=model, catalog=catalog, limits=LowLimits()) as engine:
        engine.put_workflow("acme", asking(), workflow_id="w")
        run = engine.submit("acme", "w")
        seen = engine.workspace("acme").executions.get(run.id)
        assert run.estimate == seen.estimate
        assert [step["place"] for step in run.estimate["steps"]] == ["a"]
        assert Decimal(run.estimate["most_cost_usd"]) > Decimal("0.01")
        assert run.estimate["warnings"][0]["certain"]
        assert model.asked  # advice keeps nothing from starting


def test_an_enforced_estimate_refuses_what_is_sure_to_break_a_limit(tmp_path):
    model, catalog = ScriptedModel([]), KnownModels((DEAR,))
    with inline_engine(tmp_path, model=model, catalog=catalog, limits=LowLimits()) as engine:
        engine.put_workflow("acme", asking(estimate="enforce"), workflow_id="w")
        with pytest.raises(BudgetExceeded, match="was not started"):
            engine.submit("acme", "w")
        assert engine.executions("acme") == ()


def test_what_earlier_runs_used_counts_in_the_next_estimate(tmp_path):
    model = ScriptedModel(["one", "two", "three", "four"])
    with inline_engine(tmp_path, model=model) as engine:
        engine.put_workflow("acme", asking(), workflow_id="w")
        estimates = [engine.submit("acme", "w").estimate for _ in range(4)]
        assert [one["steps"][0]["samples"] for one in estimates] == [0, 0, 0, 3]
        assert (estimates[3]["least_tokens"], estimates[3]["most_tokens"]) == (15, 15)
