"""The real SDK against a provider of others, over real connections, for both of OpenAI's APIs."""

import asyncio
import json
from collections.abc import Iterator

import pytest

from copilot.runtimes import FailureKind, ModelFailure, Tool, ToolOutcome, Turn
from tests.aimock import ScriptedProvider, needs_aimock, scripted_provider
from tests.copilot.runtimes.openai_builders import CHAT, Cause, both_apis, request, settings

pytestmark = needs_aimock
K = FailureKind
CAUSE = {"cause": "The mailbox is full.", "step": "send"}
TOKENS = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
TOOL = Tool("read_step", "Reads a step.", {"type": "object", "properties": {}})


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedProvider]:
    with scripted_provider() as provider:
        yield provider


@pytest.fixture
def provider(server: ScriptedProvider) -> ScriptedProvider:
    server.reset()
    return server


def ask(api, provider, *turns, **changes):
    async def scene():
        address = f"{provider.url}/v1"
        runtime = api.module.make(settings(openai_base_url=address, compatible_base_url=address))
        try:
            return await runtime.complete(request(*turns, **changes))
        finally:
            await runtime.aclose()

    return asyncio.run(scene())


def failure(api, provider, **changes):
    with pytest.raises(ModelFailure) as caught:
        ask(api, provider, **changes)
    return caught.value


@both_apis
def test_a_structured_answer_comes_with_its_tokens(api, provider):
    provider.answer({}, {"content": json.dumps(CAUSE), "usage": TOKENS})
    answer = ask(api, provider, schema=Cause)
    assert Cause.model_validate_json(answer.text) == Cause(**CAUSE)
    assert (answer.usage.input, answer.usage.output) == (11, 7)
    assert len(provider.journal()) == 1


@both_apis
@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, K.AUTH), (429, K.RATE_LIMIT), (500, K.SERVER), (529, K.OVERLOADED)],
)
def test_an_error_is_asked_about_once(api, provider, status, kind):
    wrong = {"error": {"message": "no", "type": "some_error"}, "status": status, "retryAfter": 3}
    provider.answer({}, wrong)
    failed = failure(api, provider)
    assert (failed.kind, failed.status) == (kind, status)
    assert failed.retry_after == (3 if status == 429 else None)
    assert len(provider.journal()) == 1


@both_apis
def test_a_truncated_answer_counts_its_tokens(api, provider):
    provider.answer({}, {"content": "The mail", "finishReason": "length", "usage": TOKENS})
    failed = failure(api, provider)
    assert failed.kind is K.TRUNCATED
    assert failed.usage is not None
    assert failed.usage.output == 7


def test_a_filtered_answer_is_no_answer(provider):
    provider.answer({}, {"content": "x", "finishReason": "content_filter"})
    assert failure(CHAT, provider).kind is K.CONTENT_FILTER


@both_apis
def test_text_that_is_not_json_is_for_the_reader_to_refuse(api, provider):
    provider.answer({}, {"content": "Sorry, here it is: {"})
    assert ask(api, provider, schema=Cause).text == "Sorry, here it is: {"


@both_apis
def test_a_slow_provider_is_a_timeout(api, provider):
    provider.answer({}, {"content": "late"})
    provider.trouble(latencyMs=20_000)
    assert failure(api, provider, timeout_seconds=0.5).kind is K.TIMEOUT


@both_apis
@pytest.mark.parametrize("on_text", [None, [].append], ids=["whole", "streamed"])
def test_a_provider_that_hangs_up_is_a_failure_of_the_network(api, provider, on_text):
    provider.answer({}, {"content": "x"}, chaos={"disconnectRate": 1.0})
    assert failure(api, provider, on_text=on_text).kind is K.NETWORK


@both_apis
def test_a_malformed_body_is_no_answer(api, provider):
    provider.answer({}, {"content": "x"}, chaos={"malformedRate": 1.0})
    assert failure(api, provider).kind is K.INVALID_OUTPUT


@both_apis
@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_a_call_of_a_tool_and_what_follows(api, provider, streams):
    call = {"name": "read_step", "arguments": {"step": "send"}, "id": "call_7"}
    provider.answer({"toolCallId": "call_7"}, {"content": "Because it is full."})
    provider.answer({"userMessage": "Why?"}, {"toolCalls": [call]})
    changes = {"tools": (TOOL,), "on_text": [].append if streams else None}
    first = ask(api, provider, **changes)
    use = first.uses[0]
    assert (use.id, use.name, use.arguments) == ("call_7", "read_step", {"step": "send"})
    answer = ask(
        api,
        provider,
        Turn(role="user", text="Why?"),
        Turn(role="assistant", text=first.text, uses=first.uses),
        Turn(role="tool", outcomes=(ToolOutcome(use.id, use.name, "full"),)),
        **changes,
    )
    assert (answer.text, answer.uses) == ("Because it is full.", ())


@both_apis
def test_what_streams_adds_up_to_the_text(api, provider):
    text = "The mailbox is full, and so the mail was not sent. " * 5
    provider.answer({}, {"content": text, "usage": TOKENS}, chunkSize=16)
    pieces = []
    answer = ask(api, provider, on_text=pieces.append)
    assert answer.text == text
    assert "".join(pieces) == text
    assert len(pieces) > 3
    assert answer.usage.output == 7
