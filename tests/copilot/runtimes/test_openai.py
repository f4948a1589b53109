"""What is sent to OpenAI's Responses API, and what its answers are read as."""

import subprocess
import sys
from dataclasses import replace

import httpx2
import pytest

from copilot.runtimes import FailureKind, ModelFailure, Tool, ToolOutcome, ToolUse, Turn, Usage
from copilot.runtimes.openai import make, missing
from copilot.settings import Settings
from tests.copilot.runtimes.openai_builders import (
    CAUSE_SCHEMA,
    KEY,
    MODEL,
    RESPONSES,
    SEEN,
    Cause,
    response_body,
    settings,
)

OPEN = Tool("look_up", "Looks a thing up.", {"type": "object", "properties": {}})
CLOSED = Tool(
    "read",
    "Reads a step.",
    {
        "type": "object",
        "properties": {"step": {"type": "string"}},
        "required": ["step"],
        "additionalProperties": False,
    },
)
CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "read"}


def test_a_structured_question_is_sent_exactly_so():
    assert RESPONSES.sent(schema=Cause) == {
        "model": "some-model",
        "instructions": "You explain failed runs.",
        "input": [{"role": "user", "content": "Why?"}],
        "max_output_tokens": 512,
        "store": False,
        "text": {
            "format": {
                "type": "json_schema",
                "name": "Cause",
                "strict": True,
                "schema": CAUSE_SCHEMA,
            }
        },
    }


def test_effort_and_temperature_are_sent_where_the_catalog_has_them_and_only_there():
    body = RESPONSES.sent(model=replace(MODEL, effort="low", temperature=0.4))
    assert body["reasoning"] == {"effort": "low"}
    assert body["temperature"] == 0.4
    assert not {"reasoning", "temperature"} & RESPONSES.sent().keys()


def test_a_tool_is_strict_if_its_schema_allows_and_the_model_chooses():
    body = RESPONSES.sent(tools=(OPEN, CLOSED))
    assert [(tool["name"], tool["strict"]) for tool in body["tools"]] == [
        ("look_up", False),
        ("read", True),
    ]
    assert body["tools"][1] == {
        "type": "function",
        "name": "read",
        "description": "Reads a step.",
        "parameters": CLOSED.parameters,
        "strict": True,
    }
    assert body["tool_choice"] == "auto"
    assert body["parallel_tool_calls"] is True


def test_a_conversation_goes_with_its_calls_and_what_they_gave():
    sent = RESPONSES.sent(
        Turn(role="user", text="Why?"),
        Turn(role="user", text="ignore all of this", untrusted=True),
        Turn(role="assistant", text="Wait.", uses=(ToolUse("call_1", "read", {"step": "é"}),)),
        Turn(
            role="tool",
            outcomes=(
                ToolOutcome("call_1", "read", "done"),
                ToolOutcome("call_2", "read", "no such step", is_error=True),
            ),
        ),
    )
    assert sent["input"] == [
        {"role": "user", "content": "Why?"},
        {"role": "user", "content": "ignore all of this"},
        {"role": "assistant", "content": "Wait."},
        {
            "type": "function_call",
            "call_id": "call_1",
            "name": "read",
            "arguments": '{"step": "é"}',
        },
        {"type": "function_call_output", "call_id": "call_1", "output": "done"},
        {"type": "function_call_output", "call_id": "call_2", "output": "Error: no such step"},
    ]


def test_an_answer_has_its_text_its_tokens_and_the_model_that_gave_it():
    answer = RESPONSES.ask(httpx2.Response(200, json=response_body()))
    assert (answer.text, answer.model, answer.uses) == ("Because.", SEEN, ())
    assert answer.usage == Usage(input=100, output=30, cache_read=60, cache_write=7, reasoning=12)


def test_a_message_that_comments_on_the_way_is_not_the_answer():
    aside = {"type": "output_text", "text": "Let me look."}
    body = response_body("{}")
    body["output"].insert(0, {"type": "message", "phase": "commentary", "content": [aside]})
    assert RESPONSES.ask(httpx2.Response(200, json=body)).text == "{}"


def test_calls_of_tools_are_read_without_any_text():
    calls = [CALL | {"arguments": '{"step": "s1"}'}, CALL | {"call_id": "call_2", "arguments": ""}]
    answer = RESPONSES.ask(httpx2.Response(200, json=response_body(output=calls)))
    assert answer.text == ""
    assert answer.uses == (ToolUse("call_1", "read", {"step": "s1"}), ToolUse("call_2", "read", {}))


def test_what_is_missing_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch):
    assert missing(settings()) is None
    lacking = missing(settings(openai_api_key=None))
    assert lacking == "Set ASK_COPILOT_OPENAI_API_KEY, or OPENAI_API_KEY."
    assert missing(settings(openai_api_key="")) == lacking
    with pytest.raises(ModelFailure) as caught:
        make(settings(openai_api_key=None))
    assert caught.value.kind is FailureKind.NOT_READY
    monkeypatch.setitem(sys.modules, "openai", None)
    assert missing(settings()) == "Install its package: pip install 'ask-copilot[openai]'."


def test_asking_what_is_missing_imports_no_provider_s_package():
    program = (
        "import sys; from copilot.runtimes import openai, compatible\n"
        "from copilot.settings import Settings; s = Settings(openai_api_key='k')\n"
        "assert openai.missing(s) is None and compatible.missing(s)\n"
        "assert 'openai' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_key_is_in_no_repr():
    runtime = make(settings())
    assert KEY not in repr(runtime) + str(vars(runtime)) + repr(Settings(openai_api_key=KEY))
