"""A run that met a limit of its own workflow: offered, approved, applied, resumed, and it succeeds."""

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from pydantic import SecretStr

from copilot.bootstrap import open_app
from copilot.errors import Forbidden, InvalidFix
from copilot.settings import load
from copilot.types.principal import Principal, Role
from engine.errors import ModelUnavailable, StepTimeout, UpstreamFailed
from engine.ports import Completion, Question
from engine.testing import ScriptedModel, calling
from tests.copilot.workflow_bench import Bench, render

NO_WAIT = {"max_retries": 0, "backoff_seconds": 0}


@dataclass
class HangsUnlessGiven:
    """Answers whoever gives it *seconds*, and keeps all others waiting."""

    seconds: float

    async def complete(self, question: Question) -> Completion:
        if question.timeout_seconds < self.seconds:
            await asyncio.sleep(60)
        return Completion("It is so.", 10, 5, None)


@dataclass
class Retired:
    """Has some models no more, and answers when asked for another."""

    gone: str
    asked: list[tuple[str | None, str | None]] = field(default_factory=list)

    async def complete(self, question: Question) -> Completion:
        self.asked.append((question.runtime, question.model))
        if question.model == self.gone:
            text = f"The model {self.gone} is not available at openai: it is gone."
            raise ModelUnavailable(text, model=self.gone, runtime="openai")
        return Completion("It is so.", 10, 5, None)


@contextmanager
def bench_with(folder, model, **settings):
    with open_app(load({}, data=folder, **settings), model=model) as app:
        yield Bench(app)


def agent(step_id="think", **settings):
    return {"id": step_id, "type": "agent", "prompt": "Is it so?", "retry": NO_WAIT, **settings}


def offered(report):
    """The fixes that can be applied."""
    return [one.type for one in report.suggested_fixes if one.auto_fix_available]


def repaired(bench, fix_type, run=None):
    """The run after its fix was approved and applied and it was resumed; and what was offered."""
    failed = run or bench.run()
    assert failed.status == "failed"
    report = bench.report(failed)
    assert fix_type in offered(report)
    change = bench.apply(report, fix_type)
    assert change.state == "applied"
    return bench.resume(failed), report


def step_of(bench, number=0):
    return bench.service.workflows.get("w").workflow.steps[number]


def test_a_step_that_failed_of_a_busy_service_is_tried_again_more_often(tmp_path):
    busy = [UpstreamFailed("openai is overloaded: m-1 did not answer.", status=503)] * 3
    with bench_with(tmp_path, ScriptedModel([*busy, "It is so."])) as bench:
        bench.put(agent(retry={"max_retries": 1, "backoff_seconds": 0.01}))
        ended, report = repaired(bench, "retry_policy")
        assert ended.status == "succeeded"
        assert step_of(bench).retry.max_retries == 4
        words = [one.type for one in report.suggested_fixes if not one.auto_fix_available]
        assert "retry_policy" not in words


def test_a_step_that_took_too_long_gets_twice_the_time(tmp_path):
    with bench_with(tmp_path, HangsUnlessGiven(seconds=0.8)) as bench:
        bench.put(agent(timeout_seconds=0.5))
        ended, _ = repaired(bench, "timeout")
        assert ended.status == "succeeded"
        assert step_of(bench).timeout_seconds == 1.0


BUDGETS = {
    "the step's": ([agent(budget={"max_tokens": 10})], {}, 20),
    "the workflow's": ([agent(), agent("more")], {"budget": {"max_tokens": 25}}, 50),
}


@pytest.mark.parametrize("whose", BUDGETS)
def test_a_budget_is_raised_to_what_would_have_been_enough(tmp_path, whose):
    steps, settings, raised = BUDGETS[whose]
    with bench_with(tmp_path, ScriptedModel(["It is so."] * 9)) as bench:
        bench.put(*steps, **settings)
        ended, _ = repaired(bench, "raise_budget")
        assert ended.status == "succeeded"
        budget = (
            bench.service.workflows.get("w").workflow.budget if settings else step_of(bench).budget
        )
        assert budget.max_tokens == raised


def test_a_run_that_is_over_its_new_budget_by_what_it_used_before_leaves_the_fix_open(tmp_path):
    """One step of 15 tokens: 20 hold a new run, and not what the failed one has used besides."""
    with bench_with(tmp_path, ScriptedModel(["It is so."] * 9)) as bench:
        bench.service.account.set_settings({"verify_runs": 1})
        bench.put(agent(), budget={"max_tokens": 10})
        failed = bench.run()
        report = bench.report(failed)
        (told,) = [one.description for one in report.suggested_fixes if one.type == "raise_budget"]
        assert "to 20 tokens instead of 10" in told
        assert "Start a new run instead" in told
        change = bench.apply(report, "raise_budget")
        resumed = bench.resume(failed)
        assert resumed.error.details["put_aside"] == 15
        found = bench.service.fixes.outcome(change.change_id)
        assert (found.state, found.rollback_proposed) == ("not_exercised", False)
        assert "says nothing of a new run" in found.explanation
        assert "raise_budget" not in offered(bench.report(resumed))
        assert bench.run().status == "succeeded"
        assert bench.service.fixes.outcome(change.change_id).state == "verified"


@dataclass
class NeedsMoreEachTime:
    """Uses 15 tokens, then 25, then 35."""

    tokens: int = 5

    async def complete(self, question: Question) -> Completion:
        self.tokens += 10
        return Completion("It is so.", self.tokens - 5, 5, None)


def test_a_new_run_that_is_over_the_raised_budget_is_a_regression(tmp_path):
    with bench_with(tmp_path, NeedsMoreEachTime()) as bench:
        bench.put(agent(), budget={"max_tokens": 10})
        change = bench.apply(bench.report(), "raise_budget")
        assert "put_aside" not in bench.run().error.details
        assert bench.service.fixes.outcome(change.change_id).state == "regressed"


def test_a_resumed_run_that_is_over_it_by_what_it_needs_now_is_a_regression(tmp_path):
    with bench_with(tmp_path, NeedsMoreEachTime()) as bench:
        bench.put(agent(), budget={"max_tokens": 10})
        failed = bench.run()
        change = bench.apply(bench.report(failed), "raise_budget")
        details = bench.resume(failed).error.details
        assert (details["used"], details["put_aside"], details["by_step"]) == (40, 15, 25)
        assert bench.service.fixes.outcome(change.change_id).state == "regressed"


def over_budget(bench):
    bench.put(agent(budget={"max_cost_usd": 0.008}))
    return bench.run()


def test_above_the_owners_own_limit_no_budget_is_raised(tmp_path):
    with bench_with(tmp_path, ScriptedModel(["It is so."] * 9)) as bench:
        bench.service.account.set_settings({"budget_max_cost_per_task": 0.009})
        report = bench.report(over_budget(bench))
        assert "raise_budget" not in offered(report)
        assert "raise_budget" in [one.type for one in report.suggested_fixes]


def test_a_limit_that_the_owner_lowers_meanwhile_holds_for_what_was_offered(tmp_path):
    with bench_with(tmp_path, ScriptedModel(["It is so."] * 9)) as bench:
        report = bench.report(over_budget(bench))
        assert "raise_budget" in offered(report)
        bench.service.account.set_settings({"budget_max_cost_per_task": 0.009})
        with pytest.raises(InvalidFix, match=r"0\.009 at most in this workspace"):
            bench.apply(report, "raise_budget")


def as_an_approver(bench):
    who = Principal(id="bob", name="Bob", workspace_id=bench.workspace, role=Role.APPROVER)
    bench.service = bench.app.copilot.serve(who)


def test_only_an_owner_approves_more_money(tmp_path):
    with bench_with(tmp_path, ScriptedModel(["It is so."] * 9)) as bench:
        report = bench.report(over_budget(bench))
        as_an_approver(bench)
        with pytest.raises(Forbidden):
            bench.apply(report, "raise_budget")


@pytest.mark.parametrize(("seconds", "is_allowed"), [(300, True), (301, False)])
def test_a_step_gets_more_than_ten_minutes_only_from_an_owner(tmp_path, seconds, is_allowed):
    late = StepTimeout(f"m-1 at openai gave no answer in {seconds} s.", limit=float(seconds))
    with bench_with(tmp_path, ScriptedModel([late])) as bench:
        bench.put(agent(timeout_seconds=seconds))
        report = bench.report()
        as_an_approver(bench)
        if is_allowed:
            assert bench.apply(report, "timeout").state == "applied"
        else:
            with pytest.raises(Forbidden):
                bench.apply(report, "timeout")


def test_an_agent_that_needs_one_more_turn_gets_twice_as_many(tmp_path):
    turns = [calling("filter_rows"), calling("filter_rows"), "Done."]
    tools = [{"name": "filter_rows", "with": {"rows": [], "where": []}}]
    with bench_with(tmp_path, ScriptedModel(turns)) as bench:
        bench.put(agent(tools=tools, max_turns=1))
        ended, _ = repaired(bench, "set_loop_bound")
        assert ended.status == "succeeded"
        assert step_of(bench).max_turns == 2


def test_a_loop_that_has_more_items_than_rounds_gets_as_many(tmp_path):
    loop = {
        "id": "rows",
        "type": "loop",
        "for_each": ["a", "b", "c", "d", "e"],
        "max_iterations": 3,
        "steps": [render("note", "Hello {name}", name="{{ loop.item }}")],
    }
    with bench_with(tmp_path, ScriptedModel([])) as bench:
        bench.put(loop)
        ended, _ = repaired(bench, "set_loop_bound")
        assert ended.status == "succeeded"
        assert step_of(bench).max_iterations == 5


def test_a_model_that_is_gone_is_replaced_by_its_successor_of_this_installation(tmp_path):
    model = Retired("gpt-5-mini")
    used = {"runtimes": ("openai",), "openai_api_key": SecretStr("sk-test")}
    with bench_with(tmp_path, model, **used) as bench:
        bench.put(agent(model="gpt-5-mini"))
        ended, _ = repaired(bench, "switch_runtime")
        assert ended.status == "succeeded"
        assert [name for _, name in model.asked] == ["gpt-5-mini", "gpt-6-luna"]


def test_a_model_that_is_gone_stays_where_nothing_else_can_be_asked(tmp_path):
    with bench_with(tmp_path, Retired("gpt-5-mini")) as bench:
        bench.put(agent(model="gpt-5-mini"))
        report = bench.report()
        assert report.root_cause == "model_unavailable"
        assert "switch_runtime" not in offered(report)
        assert "switch_runtime" in [one.type for one in report.suggested_fixes]
