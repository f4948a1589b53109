"""What is sent to a Chat Completions server, and what the many kinds of them answer."""

import asyncio
import json
from dataclasses import replace

import httpx2
import pytest

from copilot.runtimes import FailureKind, ModelFailure, Tool, ToolOutcome, ToolUse, Turn, Usage
from copilot.runtimes.compatible import make, missing
from tests.copilot.runtimes.openai_builders import (
    CAUSE_SCHEMA,
    CHAT,
    KEY,
    MODEL,
    SEEN,
    Cause,
    chat_body,
    request,
    settings,
)

TOOL = Tool("read", "Reads a step.", {"type": "object", "properties": {"step": {}}})


def with_message(**message):
    return httpx2.Response(
        200, json=chat_body(choices=[{"message": message, "finish_reason": "stop"}])
    )


def test_a_structured_question_is_sent_exactly_so():
    assert CHAT.sent(schema=Cause) == {
        "model": "some-model",
        "messages": [
            {"role": "system", "content": "You explain failed runs."},
            {"role": "user", "content": "Why?"},
        ],
        "max_tokens": 512,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "Cause", "strict": True, "schema": CAUSE_SCHEMA},
        },
    }


def test_effort_and_temperature_are_sent_where_the_catalog_has_them_and_only_there():
    body = CHAT.sent(model=replace(MODEL, effort="low", temperature=0.4))
    assert (body["reasoning_effort"], body["temperature"]) == ("low", 0.4)
    assert not {"reasoning_effort", "temperature"} & CHAT.sent().keys()


def test_a_conversation_goes_with_its_tools_its_calls_and_what_they_gave():
    sent = CHAT.sent(
        Turn(role="user", text="Why?", untrusted=True),
        Turn(role="assistant", uses=(ToolUse("call_1", "read", {"step": "s1"}),)),
        Turn(role="tool", outcomes=(ToolOutcome("call_1", "read", "gone", is_error=True),)),
        Turn(role="assistant", text="Because."),
        system="",
        tools=(TOOL,),
    )
    call = {"name": "read", "arguments": '{"step": "s1"}'}
    calls = [{"id": "call_1", "type": "function", "function": call}]
    assert sent["messages"] == [
        {"role": "user", "content": "Why?"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call_1", "content": "Error: gone"},
        {"role": "assistant", "content": "Because."},
    ]
    described = {"name": "read", "description": "Reads a step.", "parameters": TOOL.parameters}
    assert sent["tools"] == [{"type": "function", "function": described}]
    assert sent["tool_choice"] == "auto"


def test_an_answer_has_its_text_its_tokens_and_the_model_that_gave_it():
    answer = CHAT.ask(httpx2.Response(200, json=chat_body()))
    assert (answer.text, answer.model, answer.uses) == ("Because.", SEEN, ())
    assert answer.usage == Usage(input=100, output=30, cache_read=60, cache_write=7, reasoning=12)


def counted(**values):
    return {"prompt_tokens": 100, "completion_tokens": 30} | values


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        (None, Usage(known=False)),
        ({}, Usage(known=False)),
        ("many", Usage(known=False)),
        (counted(prompt_tokens=-1), Usage(known=False)),
        (counted(completion_tokens=10**30), Usage(known=False)),
        (counted(), Usage(input=100, output=30)),
        (counted(prompt_tokens_details=None), Usage(input=100, output=30)),
        (counted(prompt_tokens_details={}), Usage(input=100, output=30)),
        (
            counted(prompt_tokens_details={"cached_tokens": 500}),
            Usage(input=100, output=30, cache_read=100),
        ),
        (
            counted(total_tokens=150, completion_tokens_details={"reasoning_tokens": 20}),
            Usage(input=100, output=50, reasoning=20),
        ),
    ],
    ids=[
        "missing",
        "empty",
        "text",
        "negative",
        "absurd",
        "plain",
        "null details",
        "empty details",
        "more cached than read",
        "thought beside the output",
    ],
)
def test_tokens_are_known_or_said_to_be_unknown(told: object, usage: Usage):
    assert CHAT.ask(httpx2.Response(200, json=chat_body(usage=told))).usage == usage


def test_what_is_thought_aloud_and_fences_stay_in_the_text():
    text = '<think>hm</think>\n```json\n{"cause": "x"}\n```'
    assert CHAT.ask(with_message(content=text)).text == text


def test_content_in_parts_is_one_text():
    parts = [{"type": "text", "text": "Be"}, {"type": "text", "text": "cause."}]
    assert CHAT.ask(with_message(content=parts)).text == "Because."


def test_calls_are_read_with_arguments_as_text_or_as_an_object_and_without_ids():
    answer = CHAT.ask(
        with_message(
            content=None,
            tool_calls=[
                {"id": "a", "function": {"name": "read", "arguments": '{"step": "s1"}'}},
                {"id": "", "function": {"name": "read", "arguments": {"step": "s2"}}},
                {"function": {"name": "read", "arguments": None}},
            ],
        )
    )
    assert answer.uses == (
        ToolUse("a", "read", {"step": "s1"}),
        ToolUse("call_1", "read", {"step": "s2"}),
        ToolUse("call_2", "read", {}),
    )


def learning(message, refused, **changes):
    """What is sent to a server that refuses *refused* with *message*: first, then, in between."""
    sent = []

    def handler(asked):
        sent.append(json.loads(asked.content))
        if refused in sent[-1]:
            return httpx2.Response(400, json={"error": {"message": message}})
        return httpx2.Response(200, json=chat_body())

    async def scene():
        runtime = CHAT.runtime(handler)
        with pytest.raises(ModelFailure) as caught:
            await runtime.complete(request(**changes))
        answer = await runtime.complete(request(**changes))
        return caught.value, answer.text

    failure, text = asyncio.run(scene())
    assert failure.kind is FailureKind.INVALID_REQUEST
    assert failure.status == 400
    assert text == "Because."
    assert len(sent) == 2
    return str(failure), sent[1]


def test_a_server_that_refuses_a_schema_is_told_it_in_words_from_then_on():
    message, sent = learning("response_format is not supported", "response_format", schema=Cause)
    assert "some-model does not take response_format; it is left out from now on" in message
    system = sent["messages"][0]["content"]
    assert system.startswith("You explain failed runs.\n\nAnswer with one JSON object")
    assert json.loads(system.splitlines()[-1]) == CAUSE_SCHEMA


def test_a_server_that_wants_the_limit_under_its_newer_name_gets_it_so():
    _, sent = learning("Use 'max_completion_tokens' instead.", "max_tokens")
    assert sent["max_completion_tokens"] == 512


def test_a_server_that_does_not_know_stream_options_streams_without():
    _, sent = learning("unknown field stream_options", "stream_options", on_text=[].append)
    assert sent["stream"] is True


def test_another_model_of_the_same_server_is_asked_with_everything():
    sent = []

    def handler(asked):
        sent.append(json.loads(asked.content))
        return httpx2.Response(400, json={"error": {"message": "no response_format here"}})

    async def scene():
        runtime = CHAT.runtime(handler)
        for name in ("one", "two"):
            with pytest.raises(ModelFailure):
                await runtime.complete(request(schema=Cause, model=replace(MODEL, id=name)))

    asyncio.run(scene())
    assert ["response_format" in body for body in sent] == [True, True]


def test_a_prompt_that_is_too_long_is_not_taken_for_a_refused_limit():
    message = "This model's maximum context length is 4096; lower max_completion_tokens."
    failure = CHAT.failure(httpx2.Response(400, json={"error": {"message": message}}))
    assert failure.kind is FailureKind.CONTEXT_LENGTH


def test_a_server_without_a_key_gets_one_that_means_nothing():
    asked = []

    def handler(each):
        asked.append(each.headers["authorization"])
        return httpx2.Response(200, json=chat_body())

    runtime = CHAT.runtime(handler, compatible_api_key=None)
    asyncio.run(runtime.complete(request()))
    asyncio.run(CHAT.runtime(handler).complete(request()))
    assert asked == ["Bearer none", f"Bearer {KEY}"]


def test_what_is_missing_is_said_with_what_to_do():
    assert missing(settings()) is None
    lacking = missing(settings(compatible_base_url=None))
    assert lacking is not None
    assert lacking.startswith("Set ASK_COPILOT_COMPATIBLE_BASE_URL")
    assert missing(settings(compatible_model=None)) == (
        "Set ASK_COPILOT_COMPATIBLE_MODEL to the model to ask there."
    )
    with pytest.raises(ModelFailure, match="COMPATIBLE_BASE_URL"):
        make(settings(compatible_base_url=None))
