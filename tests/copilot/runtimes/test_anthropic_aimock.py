"""The provider's own client, through the runtime, against a scripted provider of others."""

import asyncio

import pytest

from copilot.runtimes import FailureKind, ModelFailure, Tool, ToolOutcome, Turn
from copilot.runtimes.anthropic import make
from tests.aimock import needs_aimock, scripted_provider
from tests.copilot.runtimes.claude_builders import Cause, request, settings

pytestmark = needs_aimock

GOOD = '{"cause": "The template is missing.", "step": "send"}'
LOOK_UP = Tool("look_up", "Looks a thing up.", {"type": "object", "properties": {}})
WHY = {"userMessage": "Why"}


@pytest.fixture(scope="module")
def server():
    with scripted_provider() as provider:
        yield provider


@pytest.fixture
def provider(server):
    server.reset()
    return server


def ask(provider, asked):
    async def complete():
        claude = make(settings(anthropic_base_url=provider.url))
        try:
            return await claude.complete(asked)
        finally:
            await claude.aclose()

    return asyncio.run(complete())


def why(**changes):
    return request(Turn(role="user", text="Why did it fail?"), **changes)


def heard(pieces, is_streamed):
    return pieces.append if is_streamed else None


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_structured_answer_comes_back_with_its_usage(provider, streamed):
    used = {"input_tokens": 120, "output_tokens": 40}
    provider.answer(WHY, {"content": GOOD, "usage": used, "reasoning": "A thought."})
    pieces = []
    answer = ask(provider, why(schema=Cause, on_text=heard(pieces, streamed)))
    assert Cause.model_validate_json(answer.text).step == "send"
    assert (answer.usage.input, answer.usage.output) == (120, 40)
    assert "".join(pieces) == (GOOD if streamed else "")


def test_untrusted_data_is_seen_as_what_a_tool_gave(provider):
    provider.answer({"toolResultContains": "404 from the CRM"}, {"content": GOOD})
    data = Turn(role="user", text="404 from the CRM", untrusted=True)
    assert ask(provider, request(data, schema=Cause)).text == GOOD


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_tool_is_called_and_its_outcome_answered(provider, streamed):
    call = {"name": "look_up", "arguments": '{"name": "Outbound"}'}
    provider.answer({**WHY, "hasToolResult": False}, {"toolCalls": [call], "reasoning": "Hm."})
    provider.answer({"toolResultContains": "Outbound v2"}, {"content": "It was renamed."})
    on_text = heard([], streamed)
    first = ask(provider, why(tools=(LOOK_UP,), on_text=on_text))
    (use,) = first.uses
    assert (use.name, use.arguments) == ("look_up", {"name": "Outbound"})
    turns = (
        Turn(role="user", text="Why did it fail?"),
        Turn(role="assistant", text=first.text, uses=first.uses, kept=first.kept),
        Turn(role="tool", outcomes=(ToolOutcome(use.id, use.name, "Outbound v2"),)),
    )
    assert ask(provider, request(*turns, tools=(LOOK_UP,), on_text=on_text)).text == (
        "It was renamed."
    )


FAILURES = {
    "429": (
        {"error": {"message": "slow down", "type": "rate_limit_error"}, "status": 429},
        FailureKind.RATE_LIMIT,
    ),
    "500": ({"error": {"message": "oh", "type": "api_error"}, "status": 500}, FailureKind.SERVER),
    "529": (
        {"error": {"message": "busy", "type": "overloaded_error"}, "status": 529},
        FailureKind.OVERLOADED,
    ),
    "refusal": ({"content": "I can't.", "finishReason": "refusal"}, FailureKind.REFUSAL),
    "truncated": ({"content": '{"cause": "Th', "finishReason": "length"}, FailureKind.TRUNCATED),
}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("response", "kind"), FAILURES.values(), ids=FAILURES)
def test_what_goes_wrong_there_is_one_of_our_failures(provider, response, kind, streamed):
    provider.answer(WHY, response)
    with pytest.raises(ModelFailure) as raised:
        ask(provider, why(schema=Cause, on_text=heard([], streamed)))
    assert raised.value.kind is kind


def test_how_long_to_wait_comes_with_a_rate_limit(provider):
    error = {"message": "slow down", "type": "rate_limit_error"}
    provider.answer(WHY, {"error": error, "status": 429, "retryAfter": 7})
    with pytest.raises(ModelFailure) as raised:
        ask(provider, why())
    assert raised.value.retry_after == 7


def test_text_that_is_not_json_is_the_callers_to_judge(provider):
    provider.answer(WHY, {"content": "Sorry: {"})
    assert ask(provider, why(schema=Cause)).text == "Sorry: {"


def test_a_provider_that_is_slow_is_a_timeout(provider):
    provider.answer(WHY, {"content": GOOD})
    provider.trouble(latencyMs=20_000)
    with pytest.raises(ModelFailure) as raised:
        ask(provider, why(timeout_seconds=0.3))
    assert raised.value.kind is FailureKind.TIMEOUT


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_provider_that_hangs_up_is_a_failure_of_the_network(provider, streamed):
    provider.answer(WHY, {"content": GOOD})
    provider.trouble(disconnectRate=1)
    with pytest.raises(ModelFailure) as raised:
        ask(provider, why(on_text=heard([], streamed)))
    assert raised.value.kind is FailureKind.NETWORK


def test_a_stream_that_is_cut_off_is_a_failure_of_the_network(provider):
    provider.answer(WHY, {"content": GOOD}, chunkSize=4, truncateAfterChunks=3)
    with pytest.raises(ModelFailure) as raised:
        ask(provider, why(on_text=heard([], True)))
    assert raised.value.kind is FailureKind.NETWORK
