"""A whole conversation with the providers' own clients, against a scripted provider of others.

It needs Node and `npm ci` in the root folder; where they must be, they are not skipped.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import httpx2
import pytest
from anthropic import Anthropic
from openai import OpenAI

from copilot.surfaces.chat.schemas import anthropic_tools, call, openai_tools
from tests.surfaces.chat_service import RecordingService

PROVIDER = Path(__file__).parents[2] / "node_modules/@copilotkit/aimock/dist/cli.js"
INSTALLED = PROVIDER.is_file() and shutil.which("node") is not None
REQUIRED = os.environ.get("ASK_COPILOT_REQUIRE") == "all"
pytestmark = pytest.mark.skipif(
    not INSTALLED and not REQUIRED, reason="aimock is not installed: npm ci"
)

WHY = "Why did run_1 fail?"
FIX = "Can you fix it for me?"
ANSWERS = {
    "why": "The template 'Outbound v3' is missing.",
    "fix": "Run: ask-copilot fix apply fix_1 --workspace acme",
}
#: The second answer of each pair comes only when the tool's result holds what it must hold.
SCRIPT = [
    {
        "match": {"userMessage": WHY, "hasToolResult": False},
        "response": {
            "toolCalls": [{"name": "analyze_execution", "arguments": '{"execution_id": "run_1"}'}]
        },
    },
    {
        "match": {"userMessage": WHY, "toolResultContains": '"root_cause": "missing_template"'},
        "response": {"content": ANSWERS["why"]},
    },
    {
        "match": {"userMessage": FIX, "hasToolResult": False},
        "response": {
            "toolCalls": [
                {"name": "propose_fix", "arguments": '{"execution_id": "run_1", "fix_type": null}'}
            ]
        },
    },
    {
        "match": {"userMessage": FIX, "toolResultContains": "+  template: Outbound v2"},
        "response": {"content": ANSWERS["fix"]},
    },
]


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    script = tmp_path_factory.mktemp("aimock") / "script.json"
    script.write_text(json.dumps({"fixtures": SCRIPT}), encoding="utf-8")
    command = ["node", str(PROVIDER), "-p", "0", "-f", str(script.parent), "--strict"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        lines = iter(process.stdout.readline, "")
        found = next(filter(None, (re.search(r"listening on (http://\S+)", one) for one in lines)))
        yield found[1]
        process.terminate()


def responses_loop(url, question, service, *, rounds=4):
    client = OpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0)
    items = [{"role": "user", "content": question}]
    for _round in range(rounds):
        response = client.responses.create(model="gpt-5", input=items, tools=openai_tools())
        calls = [item for item in response.output if item.type == "function_call"]
        if not calls:
            return response.output_text
        for one in calls:
            kept = {"type": "function_call", "call_id": one.call_id, "name": one.name}
            items.append(kept | {"arguments": one.arguments})
            output = call(service, one.name, one.arguments)
            items.append({"type": "function_call_output", "call_id": one.call_id, "output": output})
    raise AssertionError("the loop has no end")


def chat_loop(url, question, service, *, rounds=4):
    client = OpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0)
    messages = [{"role": "user", "content": question}]
    for _round in range(rounds):
        answer = client.chat.completions.create(
            model="gpt-5", messages=messages, tools=openai_tools("chat")
        )
        message = answer.choices[0].message
        if not message.tool_calls:
            return message.content
        messages.append(message.model_dump(exclude_none=True))
        for one in message.tool_calls:
            content = call(service, one.function.name, one.function.arguments)
            messages.append({"role": "tool", "tool_call_id": one.id, "content": content})
    raise AssertionError("the loop has no end")


def anthropic_loop(url, question, service, *, rounds=4):
    client = Anthropic(api_key="k", base_url=url, max_retries=0)
    messages = [{"role": "user", "content": question}]
    for _round in range(rounds):
        answer = client.messages.create(
            model="claude-sonnet-5", max_tokens=500, messages=messages, tools=anthropic_tools()
        )
        if answer.stop_reason != "tool_use":
            return "".join(block.text for block in answer.content if block.type == "text")
        messages.append({"role": "assistant", "content": answer.content})
        results = [
            {
                "type": "tool_result",
                "tool_use_id": block.id,
                "content": call(service, block.name, block.input),
            }
            for block in answer.content
            if block.type == "tool_use"
        ]
        messages.append({"role": "user", "content": results})
    raise AssertionError("the loop has no end")


@pytest.mark.parametrize("loop", [responses_loop, chat_loop, anthropic_loop])
def test_why_and_then_can_you_fix_it(provider, loop):
    service = RecordingService()
    assert loop(provider, WHY, service) == ANSWERS["why"]
    assert loop(provider, FIX, service) == ANSWERS["fix"]
    assert service.asked == ["analyses.analyze", "analyses.analyze", "fixes.preview"]


def test_the_provider_was_sent_every_tool(provider):
    httpx2.post(f"{provider}/__aimock/journal/reset")
    responses_loop(provider, WHY, RecordingService())
    journal = httpx2.get(f"{provider}/__aimock/journal").json()
    names = {tool["function"]["name"] for tool in journal[-1]["body"]["tools"]}
    assert names == {tool["name"] for tool in openai_tools()}
