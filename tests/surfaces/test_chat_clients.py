"""The tools in the forms of OpenAI, Anthropic and LangChain, driven by those real libraries."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from copilot.errors import InvalidInput, NotFound
from copilot.surfaces.chat.langchain import structured_tools
from copilot.surfaces.chat.schemas import anthropic_tools, call, openai_tools, strict_schema
from copilot.surfaces.chat.tools import catalog
from tests.surfaces.chat_service import CALLS, DIFF, PERSON, RecordingService

SNAPSHOT = Path(__file__).parent / "chat_tools.json"
QUESTION = "Can you fix it for me?"


def client_of(kind, handler: Callable[[httpx2.Request], httpx2.Response]):
    transport = httpx2.MockTransport(handler)
    return kind(api_key="k", max_retries=0, http_client=httpx2.Client(transport=transport))


def fields_of(schema):
    parts = {"": schema, **schema.get("$defs", {})}
    return {name: list(part.get("properties", {})) for name, part in parts.items()}


def test_the_list_of_tools_changes_only_on_purpose():
    """UPDATE_GOLDEN=1 writes it anew; then read the diff as a model would."""
    now = [
        {
            "name": tool.name,
            "title": tool.title,
            "description": tool.description,
            "reads_only": tool.reads_only,
            "overwrites": tool.overwrites,
            "repeatable": tool.repeatable,
            "arguments": strict_schema(tool.arguments),
            "result": fields_of(tool.result.model_json_schema(mode="serialization")),
        }
        for tool in catalog().values()
    ]
    if os.environ.get("UPDATE_GOLDEN"):
        SNAPSHOT.write_text(json.dumps(now, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    assert now == json.loads(SNAPSHOT.read_text(encoding="utf-8"))


def without_titles(schema):
    if isinstance(schema, list):
        return [without_titles(one) for one in schema]
    if isinstance(schema, dict):
        return {
            key: without_titles(one)
            for key, one in schema.items()
            if not (key == "title" and isinstance(one, str))
        }
    return schema


@pytest.mark.parametrize("tool", catalog().values(), ids=lambda tool: tool.name)
def test_the_schema_is_what_openai_makes_of_the_model_itself(tool):
    from openai.lib._pydantic import to_strict_json_schema

    assert strict_schema(tool.arguments) == without_titles(to_strict_json_schema(tool.arguments))


def without_types_of_choices(schema):
    """Anthropic's own helper leaves `type` away beside `enum`; both are accepted."""
    if isinstance(schema, dict):
        kept = {key: without_types_of_choices(one) for key, one in schema.items()}
        return {key: one for key, one in kept.items() if not (key == "type" and "enum" in kept)}
    return schema


@pytest.mark.parametrize("tool", catalog().values(), ids=lambda tool: tool.name)
def test_anthropic_has_nothing_to_change_in_the_schema(tool):
    from anthropic import transform_schema

    schema = strict_schema(tool.arguments)
    assert transform_schema(schema) == without_types_of_choices(schema)


def test_no_schema_is_beyond_the_limits_of_strict_tools():
    """OpenAI: every property required and no default. Anthropic: 20 tools, 16 with a union."""
    tools = anthropic_tools()
    assert len(tools) <= 20
    assert json.dumps(tools).count('"anyOf"') <= 16
    for tool in openai_tools():
        schema = tool["parameters"]
        assert schema["required"] == list(schema["properties"])
        assert '"default"' not in json.dumps(schema)


def test_openai_responses_calls_a_tool_and_gets_its_answer():
    from openai import OpenAI

    bodies = []

    def provider(request):
        bodies.append(json.loads(request.content))
        item = {
            "type": "function_call",
            "id": "fc_1",
            "call_id": "call_1",
            "name": "propose_fix",
            "arguments": '{"execution_id":"run_1","fix_type":null}',
            "status": "completed",
        }
        body = {"id": "r", "object": "response", "created_at": 1, "model": "m", "output": [item]}
        body |= {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
        return httpx2.Response(200, json=body)

    client = client_of(OpenAI, provider)
    asked = [{"role": "user", "content": QUESTION}]
    service = RecordingService()
    response = client.responses.create(model="m", input=asked, tools=openai_tools())
    (item,) = response.output
    output = call(service, item.name, item.arguments)
    asked += [
        {
            "type": "function_call",
            "call_id": item.call_id,
            "name": item.name,
            "arguments": item.arguments,
        },
        {"type": "function_call_output", "call_id": item.call_id, "output": output},
    ]
    client.responses.create(model="m", input=asked, tools=openai_tools())
    assert {tool["name"] for tool in bodies[0]["tools"]} == set(CALLS)
    assert all(tool["strict"] and tool["type"] == "function" for tool in bodies[0]["tools"])
    sent = json.loads(bodies[1]["input"][-1]["output"])
    assert sent["proposals"][0]["change"]["diff_text"] == DIFF


def test_openai_chat_calls_a_tool_and_gets_an_error_as_data():
    from openai import OpenAI

    bodies = []

    def provider(request):
        bodies.append(json.loads(request.content))
        wanted = {"name": "get_execution", "arguments": '{"execution_id": "nope"}'}
        message = {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": wanted}],
        }
        choice = {"index": 0, "finish_reason": "tool_calls", "message": message}
        body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
        return httpx2.Response(200, json=body | {"choices": [choice]})

    client = client_of(OpenAI, provider)
    service = RecordingService(executions__get=NotFound("execution"))
    messages = [{"role": "user", "content": QUESTION}]
    answer = client.chat.completions.create(
        model="m", messages=messages, tools=openai_tools("chat")
    )
    (wanted,) = answer.choices[0].message.tool_calls
    result = call(service, wanted.function.name, wanted.function.arguments)
    messages += [
        answer.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": wanted.id, "content": result},
    ]
    client.chat.completions.create(model="m", messages=messages, tools=openai_tools("chat"))
    assert {tool["function"]["name"] for tool in bodies[0]["tools"]} == set(CALLS)
    assert json.loads(bodies[1]["messages"][-1]["content"])["error"]["code"] == "not_found"


def test_anthropic_calls_a_tool_and_gets_its_answer():
    from anthropic import Anthropic

    bodies = []

    def provider(request):
        bodies.append(json.loads(request.content))
        block = {"type": "tool_use", "id": "toolu_1", "name": "analyze_execution"}
        body = {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [block | {"input": {"execution_id": "run_1"}}],
            "stop_reason": "tool_use",
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
        return httpx2.Response(200, json=body)

    client = client_of(Anthropic, provider)
    messages = [{"role": "user", "content": QUESTION}]
    asked = {"model": "m", "max_tokens": 100, "tools": anthropic_tools()}
    answer = client.messages.create(messages=messages, **asked)
    (block,) = answer.content
    result = call(RecordingService(), block.name, block.input)
    told = {"type": "tool_result", "tool_use_id": block.id, "content": result}
    messages += [
        {"role": "assistant", "content": [block.model_dump()]},
        {"role": "user", "content": [told]},
    ]
    client.messages.create(messages=messages, **asked)
    assert {tool["name"] for tool in bodies[0]["tools"]} == set(CALLS)
    sent = json.loads(bodies[1]["messages"][-1]["content"][0]["content"])
    assert sent["root_cause"] == "missing_template"


@pytest.fixture
def tools():
    return {tool.name: tool for tool in structured_tools(RecordingService())}


@pytest.mark.parametrize("name", CALLS)
def test_langchain_invokes_each_tool(tools, name):
    assert "error" not in json.loads(tools[name].invoke(CALLS[name]))


def test_langchain_answers_a_tool_call_of_a_model_with_a_message(tools):
    wanted = {"name": "get_execution", "args": {"execution_id": ""}, "id": "1", "type": "tool_call"}
    message = tools["get_execution"].invoke(wanted)
    assert message.tool_call_id == "1"
    assert json.loads(message.content)["error"]["code"] == "invalid_input"


def test_langchain_binds_the_same_schema_to_a_model(tools):
    from langchain_core.utils.function_calling import convert_to_openai_tool
    from langchain_core.utils.json_schema import dereference_refs

    bound = {tool["function"]["name"]: tool["function"] for tool in openai_tools("chat")}
    for name, tool in tools.items():
        function = convert_to_openai_tool(tool)["function"]
        assert function["description"] == bound[name]["description"]
        parameters = dereference_refs(bound[name]["parameters"])
        assert function["parameters"]["properties"] == parameters["properties"]


def test_langchain_tools_of_a_person_are_refused():
    with pytest.raises(InvalidInput, match="a person's key"):
        structured_tools(RecordingService(PERSON))


@pytest.mark.parametrize(
    ("package", "use"),
    [
        ("mcp", "from copilot.surfaces.chat import mcp"),
        (
            "langchain_core.tools",
            "from copilot.surfaces.chat.langchain import structured_tools as s; s(None)",
        ),
    ],
)
def test_a_package_that_is_missing_is_named_with_its_extra(package, use):
    program = f"import sys; sys.modules[{package!r}] = None; {use}"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    extra = package.partition("_")[0]
    assert "InvalidInput: " in done.stderr
    assert f"pip install 'ask-copilot[{extra}]'" in done.stderr
