"""The order inside a step: action or agent, processors, validators, plugins; then a fallback."""

import asyncio
import time
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from engine import errors
from engine.plugins import PluginOutcome
from engine.ports import Completion, Limits
from engine.run.reach import Reach
from engine.testing import (
    AnyParameters,
    FrozenClock,
    FunctionAction,
    KnownSecrets,
    ScriptedModel,
    actions,
    agent,
    step_bench,
    tool,
    workflow,
)


@dataclass
class AskedPlugin:
    """A plugin of the application that answers from a list."""

    answers: list = field(default_factory=list)
    seen: list = field(default_factory=list)
    Parameters: type = AnyParameters

    async def check(self, output, parameters, context):
        self.seen.append((output, context.path))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def with_parts(step, **parts):
    return type(step).model_validate({**step.model_dump(by_alias=True), **parts})


def a_schema(**properties):
    return {"name": "json_schema", "with": {"schema": {"type": "object", "properties": properties}}}


def test_processors_come_before_validators_and_these_before_plugins(tmp_path):
    plugin = AskedPlugin([PluginOutcome(True)])
    bench = step_bench(
        tmp_path,
        model=ScriptedModel(['```json\n{"names": ["Ada"]}\n```']),
        reach=Reach(plugins={"crm": plugin}),
    )
    step = agent(
        "a",
        "go",
        processors=["strip_fences", "parse_json", {"name": "take", "with": {"path": "names"}}],
        validators=[{"name": "range", "with": {"min": 1, "max": 1}}],
        plugins=["crm"],
    )
    done = bench.do(step)
    assert (done.error, done.output, done.text) == (None, ["Ada"], '["Ada"]')
    assert plugin.seen == [(["Ada"], "/a")]


def test_a_validator_sees_what_the_processors_made_and_a_plugin_nothing_it_refused(tmp_path):
    plugin = AskedPlugin()
    bench = step_bench(tmp_path, reach=Reach(plugins={"crm": plugin}))
    step = with_parts(
        tool("a", value='{"n": "7"}'),
        processors=["parse_json"],
        validators=[a_schema(n={"type": "integer"})],
        plugins=["crm"],
    )
    done = bench.do(step)
    assert done.error.message == (
        "Validation failed: json_schema: /n: '7' is not of type 'integer'"
    )
    assert done.output == {"n": "7"}
    assert plugin.seen == []


@pytest.mark.parametrize("kind", ["tool", "agent"])
def test_a_refused_output_is_kept_and_not_asked_for_again(tmp_path, kind):
    model = ScriptedModel(["", "second"])
    bench = step_bench(tmp_path, model=model)
    step = agent("a", "go", retries=3) if kind == "agent" else tool("a", value="", retries=3)
    done = bench.do(with_parts(step, validators=["not_empty"]))
    assert done.attempts == 1
    assert done.error.code == "validation_failed"
    assert (done.output, done.text) == ("", '""')
    assert done.feedback == ("Validation failed: not_empty: it is empty",)


def test_every_validator_is_heard(tmp_path):
    step = with_parts(
        tool("a", value=[]),
        validators=["not_empty", {"name": "range", "with": {"min": 1}}],
    )
    done = step_bench(tmp_path).do(step)
    assert done.error.message == (
        "Validation failed: not_empty: it is empty; range: 0 items is less than 1"
    )
    assert done.error.details == {"validators": ["not_empty", "range"]}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (PluginOutcome(False, "no such contact"), "Plugin failed: crm: no such contact"),
        (PluginOutcome(False), "Plugin failed: crm: it refused the output"),
        (errors.NetworkFailed("reset"), "Plugin failed: crm: reset"),
        (KeyError(), "Plugin failed: crm: KeyError"),
        ("yes", "Plugin failed: crm: it gave no PluginOutcome"),
    ],
)
def test_whatever_a_plugin_does_but_agree_is_a_refusal(tmp_path, answer, words):
    bench = step_bench(tmp_path, reach=Reach(plugins={"crm": AskedPlugin([answer])}))
    done = bench.do(with_parts(tool("a", value=1, retries=2), plugins=["crm"]))
    assert (done.attempts, done.output, done.feedback) == (1, 1, (words,))
    assert (done.error.code, done.error.message) == ("plugin_failed", words)


def test_a_step_that_is_not_strict_passes_its_output_on_with_the_note(tmp_path):
    plugin = AskedPlugin([PluginOutcome(False, "unknown")])
    bench = step_bench(tmp_path, reach=Reach(plugins={"crm": plugin}))
    step = with_parts(tool("a", value=""), validators=["not_empty"], plugins=["crm"], strict=False)
    done = bench.do(step)
    assert (done.error, done.output) == (None, "")
    assert done.feedback == (
        "Validation failed: not_empty: it is empty",
        "Plugin failed: crm: unknown",
    )


def test_a_processor_that_can_not_work_fails_the_step_and_keeps_what_it_was_given(tmp_path):
    step = with_parts(tool("a", value="{", retries=2), processors=["parse_json"], strict=False)
    done = step_bench(tmp_path).do(step)
    assert (done.error.code, done.attempts, done.output) == ("invalid_data", 1, "{")
    assert done.feedback[0].startswith("Processing failed: The output is not JSON")


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"processors": ["parse_jsn"]}, r"Unknown processor 'parse_jsn'. Did you mean parse_json?"),
        ({"validators": ["not_emty"]}, r"Unknown validator 'not_emty'. Did you mean not_empty?"),
        ({"plugins": ["http_chek"]}, r"Unknown plugin 'http_chek'. Did you mean http_check?"),
        (
            {"validators": [{"name": "matches", "with": {"pattern": "("}}]},
            "The validator matches can't be used: pattern: the pattern '(' can't be used",
        ),
    ],
)
def test_a_wrong_part_is_named_before_anything_is_done(tmp_path, parts, words):
    called = []
    send = FunctionAction(lambda: called.append(1), repeatable=False)
    bench = step_bench(tmp_path, actions=actions(send=send))
    done = bench.do(with_parts(tool("a", "send", retries=2), **parts))
    assert done.error.code == "invalid_parameters"
    assert words in done.error.message
    assert (called, bench.intents) == ([], 0)


def test_parameters_of_parts_are_resolved_like_others(tmp_path):
    step = with_parts(
        tool("a", value=5), validators=[{"name": "range", "with": {"max": "{{ inputs.most }}"}}]
    )
    assert step_bench(tmp_path).do(step, inputs={"most": 5}).error is None
    assert "5 is more than 4" in step_bench(tmp_path).do(step, inputs={"most": 4}).error.message


# ---------------------------------------------------------------- fallback


def failing(error):
    def fail():
        raise error

    return actions(fail=fail)


def test_the_fallback_is_engaged_when_the_step_has_failed_for_good(tmp_path):
    bench = step_bench(tmp_path, actions=failing(errors.NetworkFailed("reset")))
    step = tool("a", "fail", retries=1, backoff=0)
    done = bench.do(with_parts(step, fallback={"action": "echo", "with": {"value": "plan b"}}))
    assert (done.error, done.output, done.attempts) == (None, "plan b", 2)
    assert done.feedback == (
        "Attempt 1 failed: reset",
        "Attempt 2 failed: reset",
        "Fallback engaged: echo.",
    )
    assert (done.fallback.attempts, done.fallback.succeeded) == (1, True)
    assert done.fallback.error.code == "network_failed"


def test_a_step_that_works_needs_no_fallback(tmp_path):
    step = with_parts(tool("a", value=1), fallback={"action": "nonsense"})
    done = step_bench(tmp_path).do(step)
    assert (done.output, done.fallback) == (1, None)


@pytest.mark.parametrize("error", ["variable", "action"])
def test_a_step_that_can_not_even_begin_has_its_fallback(tmp_path, error):
    step = tool("a", value="{{ missing }}") if error == "variable" else tool("a", "nowhere")
    done = step_bench(tmp_path).do(with_parts(step, fallback={"action": "echo"}))
    assert (done.error, done.output, done.attempts) == (None, None, 1)


def test_a_fallback_can_use_the_output_that_was_refused(tmp_path):
    step = with_parts(
        agent("draft", "go"),
        validators=[{"name": "matches", "with": {"pattern": "^Dear"}}],
        fallback={"action": "echo", "with": {"value": "Dear reader, {{ draft }}"}},
    )
    done = step_bench(tmp_path, model=ScriptedModel(["hello"])).do(step)
    assert (done.error, done.output) == (None, "Dear reader, hello")
    assert done.fallback.replaced == "hello"
    assert done.fallback.error.code == "validation_failed"


def test_an_agent_falls_back_to_another_model_under_the_same_rules(tmp_path):
    model = ScriptedModel([errors.AgentFailed("busy"), "bad", "good"])
    step = agent("a", "go", runtime="near", fallback={"model": "second"}, validators=["not_empty"])
    done = step_bench(tmp_path, model=model).do(step)
    assert (done.error, done.output) == (None, "bad")
    assert [(one.model, one.runtime) for one in model.asked] == [(None, "near"), ("second", None)]
    assert "Attempt 1 failed: busy" in model.asked[1].messages[0].text
    assert done.usage.tokens == 15


def test_when_the_fallback_fails_too_the_first_failure_is_the_steps(tmp_path):
    step = with_parts(
        tool("a", value="", retries=1, backoff=0),
        validators=["not_empty"],
        fallback={"action": "fail"},
    )
    bench = step_bench(tmp_path, actions=failing(errors.UpstreamFailed("503")))
    done = bench.do(step)
    assert (done.error.code, done.output, done.text) == ("validation_failed", "", '""')
    assert done.feedback == (
        "Validation failed: not_empty: it is empty",
        "Fallback engaged: fail.",
        "Fallback attempt 1 failed: 503",
        "Fallback attempt 2 failed: 503",
    )
    assert (done.fallback.attempts, done.fallback.succeeded) == (2, False)


def test_a_limit_on_spending_is_not_got_round(tmp_path):
    flow = workflow(tool("a"), budget={"max_cost_usd": "0.005"})
    model = ScriptedModel(["one", "two"])
    bench = step_bench(tmp_path, flow=flow, model=model)
    bench.do(agent("first", "go"))
    done = bench.do(agent("a", "go", fallback={"action": "echo"}))
    assert (done.error.code, done.fallback) == ("budget_exceeded", None)
    assert len(model.asked) == 1


def test_a_tool_with_a_model_to_fall_back_to_needs_a_question(tmp_path):
    bench = step_bench(tmp_path, actions=failing(errors.InvalidData("x")), model=ScriptedModel([]))
    done = bench.do(with_parts(tool("a", "fail"), fallback={"model": "other"}))
    assert done.error.code == "invalid_data"
    assert "names a model and asks nothing" in done.feedback[-1]


def test_an_effect_of_the_fallback_is_announced_too(tmp_path):
    send = FunctionAction(lambda: "sent", repeatable=False)

    def fail():
        raise errors.InvalidData("no")

    known = actions(send=send, fail=FunctionAction(fail))
    bench = step_bench(tmp_path, actions=known)
    assert bench.do(with_parts(tool("a", "echo"), fallback={"action": "send"})).output is None
    assert bench.intents == 0
    assert bench.do(with_parts(tool("a", "fail"), fallback={"action": "send"})).output == "sent"
    assert bench.intents == 1


# ---------------------------------------------------------------- time


@pytest.mark.parametrize("settled", ["step", "workspace"])
def test_a_step_has_so_much_time_for_all_its_attempts(tmp_path, settled):
    async def slow():
        await asyncio.sleep(30)

    limits = Limits(max_seconds_per_step=0.05) if settled == "workspace" else Limits()
    bench = step_bench(tmp_path, actions=actions(slow=slow), limits=limits)
    step = tool("a", "slow", retries=3)
    started = time.perf_counter()
    done = bench.do(with_parts(step, max_seconds=0.05 if settled == "step" else None))
    assert time.perf_counter() - started < 5
    assert (done.error.code, done.attempts) == ("budget_exceeded", 1)
    owner = (
        "the step's max_seconds"
        if settled == "step"
        else "workspace setting budget_max_seconds_per_task"
    )
    assert done.error.message == f"Time limit of 0.05 s exceeded. Set by {owner}."


@pytest.mark.parametrize(
    ("own", "run", "attempts"), [(100, None, 1), (130, None, 2), (None, 100, 1), (None, 130, 2)]
)
def test_a_wait_that_ends_too_late_is_not_begun(tmp_path, own, run, attempts):
    clock = FrozenClock()
    bench = step_bench(
        tmp_path,
        actions=failing(errors.RateLimited("later", retry_after=120)),
        clock=clock,
        timeout_seconds=run,
    )
    done = bench.do(with_parts(tool("a", "fail", retries=1), max_seconds=own))
    assert (done.error.code, done.attempts) == ("rate_limited", attempts)
    assert clock.slept == [120.0] * (attempts - 1)


def test_notes_of_parts_are_masked_like_errors(tmp_path):
    bench = step_bench(tmp_path, masker=KnownSecrets({"T": "s3cret"}))
    parts = {"validators": [{"name": "matches", "with": {"pattern": "s3cret!"}}]}
    done = bench.do(with_parts(tool("a", value="x"), **parts))
    assert "s3cret" not in f"{done.feedback}{done.error}"
    assert "***!" in done.error.message


def test_an_output_that_can_not_be_stored_is_not_kept(tmp_path):
    bench = step_bench(tmp_path, actions=actions(make=lambda: object()))
    done = bench.do(
        with_parts(tool("a", "make"), validators=[{"name": "range", "with": {"min": 1}}])
    )
    assert (done.error.code, done.text) == ("validation_failed", None)


def test_the_step_that_breaks_a_limit_keeps_its_output_and_is_counted(tmp_path):
    answer = Completion("x", 10, 10, Decimal("0.30"))
    flow = workflow(tool("a"), budget={"max_cost_usd": "0.20"})
    bench = step_bench(tmp_path, flow=flow, model=ScriptedModel([answer]))
    done = bench.do(agent("a", "go"))
    assert done.error.message == (
        "Cost limit of $0.20 exceeded: $0.30 used. Set by the workflow's budget."
    )
    assert (done.output, done.text, done.usage.cost_usd) == ("x", '"x"', Decimal("0.30"))
    assert bench.run.governor.spending.cost_usd == Decimal("0.30")
