"""The models of the installation, as agent steps ask them."""

import asyncio
import json
from contextlib import contextmanager
from decimal import Decimal

import pytest
from pydantic import SecretStr

from copilot.bootstrap import open_app
from copilot.bootstrap.language_model import RoutedModel
from copilot.bootstrap.model_directory import MOST_OUTPUT_TOKENS, ModelDirectory
from copilot.routing import open_models
from copilot.settings import load
from copilot.types import RootCause
from engine import errors
from engine.ports import Message, Question, ToolCall, ToolResult, ToolSpec
from engine.testing import ScriptedModel
from tests.copilot.workflow_bench import Bench

USED = {"input": 100, "output": 20}
KEYS = {"openai_api_key": "sk-test", "anthropic_api_key": "sk-ant-test"}


def scripted(folder, *entries, **settings):
    file = folder / "answers.json"
    file.write_text(json.dumps(list(entries)), encoding="utf-8")
    return load({}, data=folder, runtimes=("scripted",), scripted_answers=file, **settings)


def think(**changed):
    step = {"id": "think", "type": "agent", "prompt": "Is it so?", "retry": {"max_retries": 0}}
    return {**step, **changed}


@contextmanager
def bench_with(folder, *entries, model=None, **settings):
    with open_app(scripted(folder, *entries, **settings), model=model) as app:
        yield Bench(app)


def run(bench, *steps, **workflow):
    bench.put(*steps, **workflow)
    return bench.run()


def thought(bench, ended):
    """The step of a run."""
    return bench.service.executions.steps(ended.id)[0]


@contextmanager
def lent(settings):
    models = open_models(settings)
    try:
        yield RoutedModel(models, ModelDirectory(settings))
    finally:
        models.close()


def ask(folder, *entries, **changed):
    facts = {"system": "Be brief.", "messages": (Message("user", "Why?"),), "timeout_seconds": 5.0}
    with lent(scripted(folder, *entries)) as model:
        return asyncio.run(model.complete(Question(**{**facts, **changed})))


def test_an_agent_step_is_answered_by_the_runtime_of_the_settings(tmp_path):
    with bench_with(tmp_path, {"text": "It is so.", "usage": USED}) as bench:
        ended = run(bench, think())
        assert (ended.status, ended.error) == ("succeeded", None)
        assert thought(bench, ended).tokens_used == 120


def test_a_model_that_was_brought_goes_first(tmp_path):
    with bench_with(tmp_path, {"text": "from the file"}, model=ScriptedModel(["mine"])) as bench:
        assert thought(bench, run(bench, think())).tokens_used == 15
        assert bench.app.models is not None


def test_without_a_runtime_there_are_no_models(tmp_path):
    with open_app(load({}, data=tmp_path)) as app:
        assert app.models is None
        assert run(Bench(app), think()).error.code == "invalid_parameters"


def test_a_tool_is_used_and_the_model_told_what_it_gave(tmp_path):
    call = {"name": "write_file", "arguments": {"path": "note.txt", "text": "hello"}}
    entries = [{"tool": call, "usage": USED}, {"text": "Done.", "usage": USED}]
    with bench_with(tmp_path, *entries) as bench:
        ended = run(bench, think(tools=[{"name": "write_file"}]))
        assert ended.status == "succeeded", ended.error
        assert thought(bench, ended).tokens_used == 240
        runtime = asyncio.run(bench.app.models.pool.get("scripted", 5))
        asked = runtime.asked[1]
        assert [turn.role for turn in asked.turns] == ["user", "assistant", "tool"]
        assert asked.turns[1].uses[0].arguments == call["arguments"]
        assert asked.turns[2].outcomes[0].id == asked.turns[1].uses[0].id
        assert [tool.name for tool in asked.tools] == ["write_file"]


def test_pieces_of_the_text_come_through(tmp_path):
    heard = []
    answer = ask(tmp_path, {"text": "It is so, I think.", "drip": True}, on_text=heard.append)
    assert "".join(heard) == answer.text
    assert len(heard) > 1


def test_the_conversation_is_handed_on_as_it_is(tmp_path):
    call, result = ToolCall("c1", "look", {"at": 1}), ToolResult("c1", "look", "3", is_error=True)
    messages = (
        Message("user", "Why?"),
        Message("assistant", "I look.", calls=(call,)),
        Message("tool", results=(result,)),
    )
    tool = ToolSpec("look", "Looks.", {"type": "object"})
    settings = scripted(tmp_path, {"text": "So."})
    with lent(settings) as model:
        question = Question(system="Be brief.", messages=messages, timeout_seconds=5, tools=(tool,))
        answer = asyncio.run(model.complete(question))
        runtime = asyncio.run(model._models.pool.get("scripted", 5))
    assert (answer.text, answer.model, answer.cost_usd) == ("So.", "scripted", None)
    asked = runtime.asked[0]
    assert asked.system == "Be brief."
    assert asked.turns[1].text == "I look."
    assert (asked.turns[2].outcomes[0].text, asked.turns[2].outcomes[0].is_error) == ("3", True)
    assert asked.max_output_tokens == asked.model.max_output_tokens


FAILURES = {
    "auth": (errors.AuthFailed, RootCause.AUTH_ERROR),
    "rate_limit": (errors.RateLimited, RootCause.RATE_LIMIT),
    "quota": (errors.QuotaExhausted, RootCause.QUOTA_EXHAUSTED),
    "overloaded": (errors.UpstreamFailed, RootCause.UPSTREAM_ERROR),
    "server": (errors.UpstreamFailed, RootCause.UPSTREAM_ERROR),
    "context_length": (errors.ContextTooLong, RootCause.CONTEXT_LENGTH),
    "model_unavailable": (errors.ModelUnavailable, RootCause.MODEL_UNAVAILABLE),
    "refusal": (errors.ContentFiltered, RootCause.CONTENT_FILTERED),
    "content_filter": (errors.ContentFiltered, RootCause.CONTENT_FILTERED),
    "truncated": (errors.InvalidModelOutput, RootCause.INVALID_MODEL_OUTPUT),
    "invalid_output": (errors.InvalidModelOutput, RootCause.INVALID_MODEL_OUTPUT),
    "invalid_request": (errors.InvalidParameters, RootCause.CONFIGURATION_ERROR),
    "timeout": (errors.StepTimeout, RootCause.TIMEOUT),
    "network": (errors.NetworkFailed, RootCause.NETWORK_ERROR),
    "not_ready": (errors.InvalidParameters, RootCause.CONFIGURATION_ERROR),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_a_failure_of_the_model_is_the_step_error_it_is_and_is_diagnosed(tmp_path, kind):
    expected, cause = FAILURES[kind]
    failing = {"fail": {"kind": kind, "message": "sk-secret from the provider"}, "usage": USED}
    with bench_with(tmp_path, failing) as bench:
        ended = run(bench, think())
        assert (ended.status, ended.error.code) == ("failed", expected.code)
        assert "sk-secret" not in ended.error.message
        assert ended.error.details["reason"] == kind
        assert bench.report(ended).root_cause == cause


def test_what_a_failed_call_used_counts(tmp_path):
    failing = {"fail": {"kind": "refusal"}, "usage": USED}
    with bench_with(tmp_path, failing) as bench:
        ended = run(bench, think())
        step = thought(bench, ended)
        assert (step.tokens_used, step.cost_usd, step.turns) == (120, None, 0)


def test_a_call_that_failed_is_no_turn(tmp_path):
    failing = {"fail": {"kind": "overloaded"}, "usage": USED}
    with bench_with(tmp_path, failing, {"text": "So.", "usage": USED}) as bench:
        ended = run(bench, think(max_turns=1, retry={"max_retries": 1, "backoff_seconds": 0}))
        step = thought(bench, ended)
        assert (step.status, step.tokens_used, step.turns) == ("succeeded", 240, 1)


def test_a_model_that_says_when_to_come_back_is_asked_then_by_the_step(tmp_path):
    failing = {"fail": {"kind": "rate_limit", "retry_after": 0.2, "status": 429}}
    with bench_with(tmp_path, failing, {"text": "So."}) as bench:
        ended = run(bench, think(retry={"max_retries": 1, "backoff_seconds": 0}))
        assert ended.status == "succeeded"
        assert "too many requests" in thought(bench, ended).feedback[0]


def test_a_step_ends_within_its_time_whatever_the_model_does(tmp_path):
    with pytest.raises(errors.StepTimeout) as caught:
        ask(tmp_path, {"text": "late", "seconds": 60}, timeout_seconds=0.5)
    assert caught.value.details["limit"] == 0.5
    assert caught.value.details["cost_usd"] is None


def test_cancelling_a_step_cancels_the_call(tmp_path):
    settings = scripted(tmp_path, {"text": "late", "seconds": 60})

    async def cancelled(model):
        question = Question(system="", messages=(Message("user", "Why?"),), timeout_seconds=60)
        asking = asyncio.ensure_future(model.complete(question))
        await asyncio.sleep(0.3)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    with lent(settings) as model:
        asyncio.run(cancelled(model))


@pytest.mark.parametrize(
    ("runtime", "model", "words"),
    [
        ("scriptd", None, "scripted"),
        ("openai", None, "not in use here"),
        ("offline", None, "can't carry out a step"),
    ],
    ids=["misspelt", "not_in_use", "offline"],
)
def test_a_runtime_that_is_not_there_is_told_with_the_close_names(tmp_path, runtime, model, words):
    with pytest.raises(errors.InvalidParameters, match=words):
        ask(tmp_path, runtime=runtime, model=model)


def test_a_model_that_is_not_there_is_told_with_the_close_names():
    directory = ModelDirectory(load({}, runtimes=("openai",), **KEYS))
    known = directory.choose("openai", None).id
    with pytest.raises(errors.InvalidParameters) as caught:
        directory.choose(None, known + "x")
    assert known in caught.value.details["near"]
    assert known in str(caught.value)


def test_a_model_alone_is_looked_up_where_models_are_asked():
    directory = ModelDirectory(load({}, runtimes=("openai", "anthropic"), **KEYS))
    default = ModelDirectory(load({}, runtimes=("anthropic",), **KEYS)).choose(None, None)
    assert directory.choose(None, None).runtime == "openai"
    assert directory.choose(None, default.id) == default
    assert directory.choose("anthropic", None) == default


def test_the_engine_is_told_what_the_catalog_knows():
    directory = ModelDirectory(load({}, runtimes=("openai", "anthropic"), **KEYS))
    assert list(directory.runtimes()) == ["openai", "anthropic"]
    first = directory.choose(None, None)
    facts = directory.find(None)
    assert (facts.id, facts.context_tokens) == (first.id, first.context_tokens)
    assert facts.max_output_tokens <= MOST_OUTPUT_TOKENS
    assert directory.find(None, runtime="anthropic").id != facts.id
    assert directory.find("no-such-model") is None
    assert isinstance(facts.input_usd, Decimal)


@pytest.mark.parametrize("level", ["step", "workspace", "installation"])
def test_the_narrowest_word_counts(tmp_path, level):
    with bench_with(tmp_path, {"text": "So.", "repeat": True}) as bench:
        account = bench.app.owner(bench.workspace).account
        if level != "installation":
            account.set_settings({"agent_model": "of-the-workspace"})
        named = {"model": "of-the-step"} if level == "step" else {}
        run(bench, think(**named))
        runtime = asyncio.run(bench.app.models.pool.get("scripted", 5))
        expected = "scripted" if level == "installation" else f"of-the-{level.replace('_', '-')}"
        assert [request.model.id for request in runtime.asked] == [expected]


def test_a_workflows_runtime_goes_before_the_workspaces(tmp_path):
    settings = scripted(tmp_path, {"text": "So."})
    settings = settings.model_copy(update={"runtimes": ("openai", "scripted")})
    settings = settings.model_copy(update={"openai_api_key": SecretStr("sk-of-nobody")})
    with open_app(settings) as app:
        bench = Bench(app)
        default = ModelDirectory(settings).choose("openai", None).id
        values = {"agent_runtime": "openai", "agent_model": default}
        app.owner(bench.workspace).account.set_settings(values)
        assert run(bench, think(), runtime="scripted").status == "succeeded"
        runtime = asyncio.run(app.models.pool.get("scripted", 30))
        assert runtime.asked[0].model.id == "scripted", "another runtime's model was asked"
