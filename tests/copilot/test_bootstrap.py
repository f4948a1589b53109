"""An application put together: what people have decided is in force from the first run on."""

import json
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import pytest
from pydantic import BaseModel

from copilot.bootstrap import open_app, read_workflow
from copilot.bootstrap.ports import Decided
from copilot.errors import InvalidInput
from copilot.settings import load
from copilot.targets.engine import EngineTarget
from engine.errors import InvalidDefinition, InvalidSchedule
from engine.plugins import PluginOutcome
from engine.ports import Completion
from engine.schedule.streaks import Allowance
from engine.storage.shares import QueueLimits
from engine.testing import ScriptedModel
from tests.copilot.workflow_bench import Bench, render

THINK = {"id": "think", "type": "agent", "prompt": "Is it so?", "retry": {"max_retries": 0}}


@contextmanager
def opened(folder, *, dispatch=True, model=None, **settings):
    with open_app(load({}, data=folder, **settings), dispatch=dispatch, model=model) as app:
        yield app


def change(app, workspace="default", **values):
    return app.owner(workspace).account.set_settings(values)


def answer(tokens=100, cost="0.01"):
    return Completion("yes", input_tokens=tokens, output_tokens=0, cost_usd=Decimal(cost))


def test_a_run_that_waited_for_a_worker_is_carried_out_under_the_workspaces_limits(tmp_path):
    with opened(tmp_path, dispatch=False) as app:
        bench = Bench(app)
        bench.put(THINK)
        change(app, bench.workspace, budget_max_tokens_per_task=1_000)
        started = bench.service.executions.start("w")
    with opened(tmp_path, model=ScriptedModel([answer(tokens=5_000)])) as app:
        ended = app.owner(bench.workspace).executions.wait(started.id, 60)
    assert (ended.status, ended.error.code) == ("failed", "budget_exceeded")
    assert "budget_max_tokens_per_task" in ended.error.message


def test_the_limits_of_a_day_are_the_workspaces(tmp_path):
    with opened(tmp_path, model=ScriptedModel([answer(tokens=1_500), answer()])) as app:
        bench = Bench(app)
        bench.put(THINK)
        change(app, bench.workspace, budget_max_daily_tokens=1_000)
        first, second = bench.run(), bench.run()
        assert {first.status, second.status} <= {"failed", "succeeded"}
        assert second.error.code == "budget_exceeded"
        assert "budget_max_daily_tokens" in second.error.message


def test_every_limit_that_is_set_reaches_the_engine(tmp_path):
    with opened(tmp_path, dispatch=False) as app:
        change(
            app,
            budget_max_cost_per_task=3,
            budget_max_tokens_per_task=2_000,
            budget_max_seconds_per_task=90,
            budget_max_daily_cost=20,
            budget_max_daily_tokens=50_000,
            agent_max_turns=7,
            agent_model="gpt-4o",
            agent_runtime="vertex",
            schedule_gap_minutes=2,
            schedule_max_running=9,
            schedule_failures=4,
            schedule_breaches=6,
            schedule_notices_to="ada@acme.example",
        )
        decided = Decided()
        decided.bind(app.policies)
        limits, rules = decided.limits("default"), decided.schedule_rules("default")
        assert None not in vars_of(limits).values()
        assert limits.max_seconds_per_step == 90.0
        assert (limits.max_daily_tokens, limits.max_turns) == (50_000, 7)
        assert rules.gap == timedelta(minutes=2)
        assert (rules.most_running, rules.allowance) == (9, Allowance(breaches=6, others=4))
        assert decided.notices_to("default") == "ada@acme.example"
        assert decided.notices_to("other") == ""


def vars_of(limits):
    return {name: getattr(limits, name) for name in type(limits).__dataclass_fields__}


def test_before_the_policies_are_there_nothing_is_unlimited():
    with pytest.raises(RuntimeError, match="policies"):
        Decided().limits("default")


def test_the_queue_goes_by_the_installation_and_by_each_workspace(tmp_path):
    limits = {"max_running": 20, "workspace_max_running": 4}
    with opened(tmp_path, **limits) as app:
        queue = app.engine.queue_limits
        assert queue.limits() == QueueLimits(total=20, each=4)
        change(app, "acme", workspace_max_running=2)
        assert queue.limits() == QueueLimits(total=20, each=4, workspaces={"acme": 2})
        change(app, "acme", verify_runs=9)
        change(app, "acme", workspace_max_running=None)
        assert queue.limits() == QueueLimits(total=20, each=4)
    with opened(tmp_path) as app:  # without the settings there is no limit any more
        assert app.engine.queue_limits.limits() == QueueLimits()


def test_a_process_that_does_not_work_leaves_the_limits_of_the_installation_alone(tmp_path):
    with opened(tmp_path, max_running=20):
        pass
    with opened(tmp_path, dispatch=False) as app:
        change(app, "acme", workspace_max_running=2)
        assert app.engine.queue_limits.limits() == QueueLimits(total=20, workspaces={"acme": 2})
    with opened(tmp_path, max_running=20) as app:
        app.limits.tick()
        assert app.engine.queue_limits.limits().workspaces == {"acme": 2}


def test_what_an_engine_may_carry_out_at_once_is_a_setting(tmp_path):
    with opened(tmp_path, dispatch=False, concurrency=3) as app:
        assert app.engine.settings.concurrency == 3


def test_prices_are_known_before_a_run_starts(tmp_path):
    with opened(tmp_path, dispatch=False) as app:
        bench = Bench(app)
        bench.put({**THINK, "model": "gpt-4o"})
        estimate = bench.service.executions.start("w").estimate
        assert "gpt-4o" not in json.dumps(estimate.get("unknown", ""))
        assert any(value for key, value in numbers(estimate) if "cost" in key)


def numbers(value, key=""):
    """Every scalar in *value* with the name it stands under."""
    if isinstance(value, dict):
        for name, inside in value.items():
            yield from numbers(inside, name)
    elif isinstance(value, list):
        for inside in value:
            yield from numbers(inside, key)
    else:
        yield key, value


class Refuses:
    class Parameters(BaseModel):
        pass

    async def check(self, output, parameters, context):
        return PluginOutcome(False, "no")


def test_plugins_of_the_application_can_be_named_and_asked(tmp_path):
    with open_app(load({}, data=tmp_path), plugins={"crm_check": Refuses()}) as app:
        bench = Bench(app)
        bench.put({**render("look", "no"), "plugins": ["crm_check"]})
        assert bench.run().error.code == "plugin_failed"


def test_everything_of_a_workspace_goes_out_and_away_but_no_secret(tmp_path):
    secrets = tmp_path / "secrets.json"
    secrets.write_text('{"w": {"TOKEN": "s3cr3t-value"}}', encoding="utf-8")
    with opened(tmp_path / "data", secrets_file=secrets) as app:
        bench = Bench(app)
        bench.put(render("look", "the word is s3cr3t-value {name}"))
        bench.report()
        lines = [json.loads(line) for line in app.data.export(bench.workspace)]
        tables = {line["table"] for line in lines if "table" in line}
        assert {"execution", "copilot_failure", "copilot_analysis"} <= tables
        assert "s3cr3t-value" not in json.dumps(lines)
        counts = app.data.clear(bench.workspace, confirm=bench.workspace)
        assert counts["copilot_failure"] == counts["execution"] == 1
        assert [one for one in app.data.export(bench.workspace) if '"row"' in one] == []


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("steps: [{id: a, action: nope}]", InvalidDefinition, "nope"),
        (
            "steps: [{id: a, action: render_template, with: {body: x}, validators: [no_empty]}]",
            InvalidDefinition,
            "not_empty",
        ),
        (
            "steps: [{id: a, action: render_template, with: {body: x}}]\n"
            "trigger: {type: schedule, schedule: every now and then}",
            (InvalidSchedule, InvalidDefinition),
            "every now and then",
        ),
    ],
)
def test_a_file_is_checked_against_all_that_is_shipped(tmp_path, text, error, words):
    path = tmp_path / "w.yaml"
    path.write_text(f"name: W\n{text}\n", encoding="utf-8")
    with pytest.raises(error, match=words):
        read_workflow(path)


def test_a_fix_can_not_name_what_nobody_has(tmp_path):
    with opened(tmp_path, dispatch=False) as app:
        bench = Bench(app)
        bench.put({**render("look", "no"), "validators": ["not_empty"]})
        target = EngineTarget(app.engine)
        snapshot = target.snapshot(bench.workspace, "w")
        assert target.problems(snapshot) == []
        step = {**snapshot.definition["steps"][0], "validators": ["no_empty"]}
        broken = snapshot.evolve(definition={**snapshot.definition, "steps": [step]})
        (problem,) = target.problems(broken)
        assert "no_empty" in problem
        assert "not_empty" in problem


def test_settings_that_can_not_be_used_close_what_was_opened(tmp_path):
    with pytest.raises(InvalidSchedule), opened(tmp_path, nightly="sometimes"):
        pass
    with pytest.raises(InvalidInput), opened(tmp_path, allowed_hosts=("nowhere",)):
        pass
    with opened(tmp_path, lock_wait_seconds=0):
        pass
