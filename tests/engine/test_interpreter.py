"""Carrying out steps: values, attempts, failures of every class, limits, agents."""

import asyncio
import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from engine import errors
from engine.errors import StepError
from engine.execution import ExecutionStatus, StepStatus
from engine.ports import Completion
from engine.testing import (
    FrozenClock,
    FunctionAction,
    KnownSecrets,
    ScriptedModel,
    actions,
    agent,
    inline_engine,
    tool,
    workflow,
)


def run(folder, *steps, inputs=None, functions=None, definition=None, timeout=None, **ports):
    """Submits one run; gives the run and its steps."""
    with inline_engine(folder, actions=actions(**(functions or {})), **ports) as engine:
        engine.put_workflow("acme", workflow(*steps, **(definition or {})), workflow_id="w")
        submitted = engine.submit("acme", "w", inputs=inputs, timeout_seconds=timeout)
        return engine.execution("acme", submitted.id), engine.steps("acme", submitted.id)


def test_later_steps_read_earlier_outputs_and_inputs(tmp_path):
    ended, steps = run(
        tmp_path,
        tool("emails", value=[{"from": "a@b.c"}, {"from": "d@e.f"}]),
        tool("second", value="{{ emails[1] }}"),
        tool("text", value="{{ inputs.greeting }}, {{ second.from }}"),
        definition={"inputs": {"greeting": {}}},
        inputs={"greeting": "Hello"},
    )
    assert ended.status is ExecutionStatus.SUCCEEDED
    assert ended.output == "Hello, d@e.f"
    assert [step.status for step in steps] == [StepStatus.SUCCEEDED] * 3
    assert [step.item_count for step in steps] == [2, None, None]
    assert [step.number for step in steps] == [1, 2, 3]
    assert all(step.completed_at >= step.started_at for step in steps)


def test_a_missing_variable_fails_by_name_and_the_rest_is_skipped(tmp_path):
    ended, steps = run(
        tmp_path, tool("a", value={"x": 1}), tool("b", value="{{ a.emails }}"), tool("c")
    )
    assert ended.status is ExecutionStatus.FAILED
    assert ended.error.code == "variable_not_found"
    assert ended.error.message.startswith("Variable a.emails not found")
    assert ended.current_step == "b"
    assert [step.status.value for step in steps] == ["succeeded", "failed", "skipped"]
    assert steps[1].error == ended.error


class OddError(Exception):
    """A constructor that no generic code could call again."""

    def __init__(self, host, *, port):
        super().__init__(f"no route to {host}:{port}")


def test_a_foreign_error_keeps_its_class_words_and_traceback(tmp_path):
    def fail():
        raise OddError("db.internal", port=5432)

    ended, (step,) = run(tmp_path, tool("a", "fail", retries=3), functions={"fail": fail})
    assert ended.error.type.endswith("OddError")
    assert ended.error.message == "no route to db.internal:5432"
    assert 'raise OddError("db.internal", port=5432)' in ended.error.traceback
    assert (ended.error.code, ended.error.retryable) == ("action_failed", False)
    assert step.attempts == 1


class Unshowable(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def leak_a_cancellation():
    raise asyncio.CancelledError


def half_a_character():
    raise ValueError("bad \ud800 byte")


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (lambda: sys.exit(3), "3"),
        (leak_a_cancellation, ""),
        (half_a_character, "bad \\ud800 byte"),
        (lambda: (_ for _ in ()).throw(Unshowable()), "can't be shown as text"),
        (lambda: StopIteration, "type"),
    ],
)
def test_nothing_an_action_does_escapes(tmp_path, failure, words):
    def act():
        return failure()

    ended, (step,) = run(tmp_path, tool("a", "act"), functions={"act": act})
    assert ended.status is ExecutionStatus.FAILED
    assert words in ended.error.message
    assert step.status is StepStatus.FAILED


STEP_ERRORS = sorted(
    {cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, StepError)},
    key=lambda cls: cls.__name__,
)
TRANSIENT = {"RateLimited", "NetworkFailed", "StepTimeout", "UpstreamFailed", "AgentFailed"}


@pytest.mark.parametrize("cls", STEP_ERRORS, ids=lambda cls: cls.__name__)
def test_only_transient_classes_are_tried_again(tmp_path, cls):
    def fail():
        raise cls("nope", name="x")

    ended, (step,) = run(
        tmp_path, tool("a", "fail", retries=2), functions={"fail": fail}, clock=FrozenClock()
    )
    tried = 3 if cls.__name__ in TRANSIENT else 1
    assert step.attempts == tried
    assert step.feedback == tuple(f"Attempt {n} failed: nope" for n in range(1, tried + 1))
    assert ended.error.code == cls.code
    assert ended.error.details == {"name": "x"}
    assert ended.error.type == f"engine.errors.{cls.__name__}"


@pytest.mark.parametrize("cls", [TimeoutError, ConnectionResetError])
def test_transient_builtins_are_tried_again_under_their_own_name(tmp_path, cls):
    def fail():
        raise cls("gone")

    ended, (step,) = run(tmp_path, tool("a", "fail", retries=1), functions={"fail": fail})
    assert step.attempts == 2
    assert ended.error.type == cls.__name__


def test_a_step_that_works_at_last_keeps_the_story(tmp_path):
    keys = []

    def flaky(context):
        keys.append(context.effect_key)
        if len(keys) < 3:
            raise errors.NetworkFailed(f"reset {len(keys)}")
        return "ok"

    ended, (step,) = run(tmp_path, tool("a", "flaky", retries=2), functions={"flaky": flaky})
    assert (ended.status, step.attempts) == (ExecutionStatus.SUCCEEDED, 3)
    assert step.feedback == ("Attempt 1 failed: reset 1", "Attempt 2 failed: reset 2")
    assert set(keys) == {f"{ended.id}:1:/a"}


@pytest.mark.parametrize(
    ("asked", "slept", "attempts"), [(30, [30.0], 2), (0.5, [2.0], 2), (3600, [], 1)]
)
def test_the_wait_is_what_the_other_side_asks_within_reason(tmp_path, asked, slept, attempts):
    def limited():
        raise errors.RateLimited("slow down", retry_after=asked)

    clock = FrozenClock()
    step = tool("a", "limited", retries=1, backoff=2.0)
    _, (ended,) = run(tmp_path, step, functions={"limited": limited}, clock=clock)
    assert (clock.slept, ended.attempts) == (slept, attempts)


def test_backoff_doubles(tmp_path):
    def fail():
        raise errors.UpstreamFailed("503")

    clock = FrozenClock()
    step = tool("a", "fail", retries=4, backoff=10)
    run(tmp_path, step, functions={"fail": fail}, clock=clock)
    assert clock.slept == [10, 20, 40, 60]


def test_a_step_that_takes_too_long(tmp_path):
    async def slow():
        await asyncio.sleep(30)

    ended, (step,) = run(
        tmp_path, tool("a", "slow", timeout=0.05, retries=1), functions={"slow": slow}
    )
    assert ended.error.code == "step_timeout"
    assert ended.error.message == "The step took longer than 0.05 s."
    assert step.attempts == 2


def test_a_step_with_an_effect_is_not_repeated_after_a_time_out(tmp_path):
    calls = []

    async def send():
        calls.append("sent")
        await asyncio.sleep(30)

    unrepeatable = FunctionAction(send, repeatable=False)
    _, (step,) = run(
        tmp_path, tool("a", "send", timeout=0.05, retries=3), functions={"send": unrepeatable}
    )
    assert (calls, step.attempts) == (["sent"], 1)


def test_a_step_with_an_effect_is_tried_again_when_it_says_nothing_happened(tmp_path):
    calls = []

    def send():
        calls.append("called")
        if len(calls) == 1:
            raise errors.RateLimited("not yet")
        return "sent"

    unrepeatable = FunctionAction(send, repeatable=False)
    ended, (step,) = run(tmp_path, tool("a", "send", retries=3), functions={"send": unrepeatable})
    assert (ended.output, step.attempts, step.status) == ("sent", 2, StepStatus.SUCCEEDED)


def test_the_whole_run_has_a_limit_and_the_step_it_was_at_is_named(tmp_path):
    async def slow():
        await asyncio.sleep(30)

    ended, steps = run(
        tmp_path,
        tool("a", value=1),
        tool("b", "slow").model_copy(update={"name": "Read the sheet"}),
        tool("c"),
        functions={"slow": slow},
        timeout=0.2,
    )
    assert ended.status is ExecutionStatus.TIMED_OUT
    assert (ended.error.code, ended.current_step) == ("run_timeout", "b")
    assert "longer than 0.2 s. It was at step 'Read the sheet'" in ended.error.message
    assert [step.status.value for step in steps] == ["succeeded", "failed", "skipped"]


def test_known_secrets_are_masked_wherever_an_error_is_stored(tmp_path):
    def fail():
        token = "s3cret-token"
        raise errors.AuthFailed(f"Bearer {token} refused", header=["Bearer s3cret-token"])

    known = KnownSecrets({"API": "s3cret-token"})
    with inline_engine(tmp_path, actions=actions(fail=fail), masker=known) as engine:
        engine.put_workflow("acme", workflow(tool("a", "fail")), workflow_id="w")
        submitted = engine.submit("acme", "w")
        ended = engine.execution("acme", submitted.id)
        assert ended.error.message == "Bearer *** refused"
        assert ended.error.details == {"header": ["Bearer ***"]}
        with engine.database.connect() as connection:
            rows = connection.exec_driver_sql("SELECT error, feedback FROM step_run").all()
            rows += connection.exec_driver_sql("SELECT error, error FROM execution").all()
        # The traceback quotes the source line, where this test spells the secret out.
        stored = str(rows)
        assert "s3cret-token" not in stored


def test_an_output_that_can_not_be_stored_fails_the_step(tmp_path):
    ended, (step,) = run(tmp_path, tool("a", "make"), functions={"make": lambda: [object()]})
    assert ended.error.code == "unserializable_value"
    assert "object at output of /a[0]" in ended.error.message
    assert step.output is None


def test_outputs_are_stored_exactly_and_whole(tmp_path):
    rows = [
        {
            "id": number,
            "price": Decimal("19.90"),
            "at": datetime(2026, 3, number % 28 + 1, tzinfo=UTC),
            "raw": bytes([number % 256]) * 50,
            "status": ExecutionStatus.FAILED.value,
            "pair": (1, "x"),
        }
        for number in range(700)
    ]
    ended, (step,) = run(tmp_path, tool("a", "make"), functions={"make": lambda: rows})
    assert ended.output == rows
    assert step.output == rows
    assert type(step.output[0]["pair"]) is tuple
    assert step.item_count == 700


@pytest.mark.parametrize(
    ("given", "words"),
    [({}, "input 'week' is required"), ({"week": 1, "yeer": 2}, "Did you mean year?")],
)
def test_inputs_are_checked_before_anything_is_queued(tmp_path, given, words):
    takes = {"week": {"required": True}, "year": {"default": 2026}}
    with inline_engine(tmp_path, actions=actions()) as engine:
        engine.put_workflow("acme", workflow(tool("a"), inputs=takes), workflow_id="w")
        with pytest.raises(errors.InvalidParameters, match=words.replace("?", r"\?")):
            engine.submit("acme", "w", inputs=given)
        assert engine.executions("acme") == ()


@pytest.mark.parametrize("workspace", ["..", "../other", "a/b", "", "a\n"])
def test_a_workspace_id_can_not_lead_out_of_its_folder(tmp_path, workspace):
    with inline_engine(tmp_path, actions=actions()) as engine:
        engine.put_workflow(workspace, workflow(tool("a")), workflow_id="w")
        with pytest.raises(errors.InvalidParameters, match="A workspace id begins with"):
            engine.submit(workspace, "w")


def test_defaults_of_inputs_are_filled_in(tmp_path):
    ended, _ = run(
        tmp_path,
        tool("a", value="{{ inputs.week }}/{{ inputs.year }}"),
        definition={"inputs": {"week": {"required": True}, "year": {"default": 2026}}},
        inputs={"week": 7},
    )
    assert ended.output == "7/2026"


def test_bad_parameters_name_the_step_and_the_field(tmp_path):
    with inline_engine(tmp_path) as engine:
        step = tool("a", "render_template", body="{{ inputs.body }}")
        engine.put_workflow("acme", workflow(step, inputs={"body": {}}), workflow_id="w")
        run = engine.submit("acme", "w", inputs={"body": [1]})
        ended = engine.execution("acme", run.id)
    assert ended.error.code == "invalid_parameters"
    assert ended.error.message.startswith("Step 'a' can't call render_template: body: ")


# ---------------------------------------------------------------- agents


def test_an_agent_gets_its_orders_and_its_tokens_are_counted(tmp_path):
    model = ScriptedModel(['{"urgent": 2}'])
    ended, (_, step) = run(
        tmp_path,
        tool("mail", value=["x", "y"]),
        agent("judge", "How many of {{ mail }} are urgent?", output="json", model="m1"),
        definition={"instructions": "Be brief.", "restrictions": {"language": "en", "max": 3}},
        model=model,
    )
    (asked,) = model.asked
    assert asked.system == (
        "Be brief.\n\nRestrictions:\n- language: en\n- max: 3\n\n"
        "Answer with one JSON value and nothing else."
    )
    assert asked.prompt == 'How many of ["x", "y"] are urgent?'
    assert asked.model == "m1"
    assert ended.output == {"urgent": 2}
    assert (step.tokens_used, step.cost_usd) == (15, Decimal("0.01"))
    assert (ended.total_tokens_used, ended.total_cost_usd) == (15, Decimal("0.01"))


def test_an_answer_that_is_not_json_is_not_tried_again(tmp_path):
    model = ScriptedModel(["Sure! Here is the JSON:"])
    ended, (step,) = run(tmp_path, agent("a", "go", output="json", retries=3), model=model)
    assert ended.error.code == "invalid_model_output"
    assert (step.attempts, step.tokens_used) == (1, 15)
    assert step.feedback[-1].startswith("Agent execution failed: The model's answer is not JSON")


def test_the_next_attempt_is_told_of_the_last(tmp_path):
    model = ScriptedModel([errors.AgentFailed("overthinking"), "fine"])
    ended, (step,) = run(tmp_path, agent("a", "go", retries=1), model=model)
    assert ended.output == "fine"
    assert model.asked[1].prompt == "go\n\nAttempt 1 failed: overthinking"
    assert step.feedback == ("Attempt 1 failed: overthinking",)


def test_the_last_word_of_an_agent_that_gave_up(tmp_path):
    model = ScriptedModel([errors.AgentFailed("one"), errors.AgentFailed("two")])
    _, (step,) = run(tmp_path, agent("a", "go", retries=1), model=model)
    assert step.feedback == (
        "Attempt 1 failed: one",
        "Attempt 2 failed: two",
        "Agent execution failed: two",
    )


def test_without_a_model_the_step_says_what_is_missing(tmp_path):
    ended, _ = run(tmp_path, agent("a", "go"))
    assert ended.error.code == "invalid_parameters"
    assert "none is configured" in ended.error.message


def test_the_step_that_breaks_the_budget_is_in_the_history_and_in_the_totals(tmp_path):
    answers = [Completion("x", 10, 10, Decimal("0.15")) for _ in range(3)]
    ended, steps = run(
        tmp_path,
        *(agent(name, "go") for name in "abc"),
        definition={"budget": {"max_cost_usd": "0.20"}},
        model=ScriptedModel(answers),
    )
    assert ended.error.code == "budget_exceeded"
    assert ended.error.message == (
        "Cost limit of $0.20 exceeded: $0.30 used. Set by the workflow's budget."
    )
    assert ended.error.details == {
        "limit": "0.20",
        "used": "0.30",
        "by_step": "0.15",
        "unit": "usd",
        "set_by": "the workflow's budget",
    }
    assert [step.status.value for step in steps] == ["succeeded", "failed", "skipped"]
    assert steps[1].output == "x"
    assert (ended.total_cost_usd, ended.total_tokens_used) == (Decimal("0.30"), 40)


def test_what_is_exactly_at_the_limit_is_within_it(tmp_path):
    ended, _ = run(
        tmp_path,
        agent("a", "go"),
        definition={"budget": {"max_cost_usd": "0.01", "max_tokens": 15}},
        model=ScriptedModel(["x"]),
    )
    assert ended.status is ExecutionStatus.SUCCEEDED


def test_tokens_have_a_limit_too(tmp_path):
    ended, _ = run(
        tmp_path,
        agent("a", "go"),
        definition={"budget": {"max_tokens": 14}},
        model=ScriptedModel(["x"]),
    )
    assert ended.error.message.startswith("Token limit of 14 exceeded: 15 used")


def test_an_unknown_price_makes_the_total_unknown_not_cheaper(tmp_path):
    model = ScriptedModel([Completion("x", 5, 5, Decimal("0.10")), Completion("y", 5, 5, None)])
    ended, steps = run(tmp_path, agent("a", "go"), agent("b", "go"), model=model)
    assert [step.cost_usd for step in steps] == [Decimal("0.10"), None]
    assert ended.total_cost_usd is None
    assert ended.total_tokens_used == 20
