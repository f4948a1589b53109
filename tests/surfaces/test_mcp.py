"""The tools through the real MCP client, in this process."""

import asyncio
import json

import pytest
from mcp import Client

from copilot.errors import InvalidInput
from copilot.surfaces.chat.bounds import LARGEST
from copilot.surfaces.chat.mcp import INSTRUCTIONS, server
from copilot.surfaces.chat.tools import catalog
from tests.surfaces.chat_service import CALLS, PERSON, RecordingService, error_info, step


def with_client(service, use):
    async def run():
        async with Client(server(service)) as client:
            return await use(client)

    return asyncio.run(run())


def called(service, name, **arguments):
    return with_client(service, lambda client: client.call_tool(name, arguments))


def test_every_tool_is_listed_with_words_schemas_and_hints():
    async def listed(client):
        return (await client.list_tools()).tools

    cards = {card.name: card for card in with_client(RecordingService(), listed)}
    assert set(cards) == set(catalog())
    for name, tool in catalog().items():
        card = cards[name]
        assert card.description == tool.description
        assert card.input_schema["additionalProperties"] is False
        assert card.output_schema["type"] == "object"
        assert card.annotations.read_only_hint == tool.reads_only
        assert card.annotations.destructive_hint == tool.overwrites


def test_the_server_says_what_it_is_and_that_it_can_not_approve():
    async def told(client):
        return client.server_info, client.instructions

    info, instructions = with_client(RecordingService(), told)
    assert info.name == "ask-copilot"
    assert info.version
    assert instructions == INSTRUCTIONS
    assert "can approve or apply" in INSTRUCTIONS


@pytest.mark.parametrize("name", CALLS)
def test_each_call_gives_data_that_its_schema_allows_and_the_same_as_text(name):
    """The client itself checks structured content against the schema that was listed."""
    answer = called(RecordingService(), name, **CALLS[name])
    assert not answer.is_error
    (block,) = answer.content
    assert json.loads(block.text) == answer.structured_content


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("get_execution", {"execution_id": ""}, "invalid_input"),
        ("get_execution", {"execution_id": "x", "workspace": "y"}, "invalid_input"),
        ("approve_fix", {"fix_id": "fix_1"}, "unknown_name"),
        ("start", {}, "unknown_name"),
    ],
)
def test_errors_are_results_that_the_model_reads(name, arguments, code):
    answer = called(RecordingService(), name, **arguments)
    assert answer.is_error
    assert json.loads(answer.content[0].text)["error"]["code"] == code


def test_a_crash_tells_the_client_nothing():
    service = RecordingService(executions__get=RuntimeError("secret"))
    answer = called(service, "get_execution", execution_id="x")
    assert json.loads(answer.content[0].text)["error"]["code"] == "internal_error"
    assert "secret" not in answer.content[0].text


def test_a_huge_result_arrives_in_bounds():
    many = tuple(step(number, error=error_info("z" * 20_000)) for number in range(1, 1_000))
    service = RecordingService(executions__steps=lambda _id, **_: many)
    answer = called(service, "get_execution", execution_id="x")
    assert len(answer.content[0].text) <= LARGEST
    assert answer.structured_content["left_out"]


def test_calls_at_the_same_time_are_answered_each():
    async def all_at_once(client):
        calls = [client.call_tool(name, CALLS[name]) for name in CALLS for _ in range(5)]
        return await asyncio.gather(*calls)

    answers = with_client(RecordingService(), all_at_once)
    assert len(answers) == 60
    assert not any(answer.is_error for answer in answers)


def test_a_persons_service_gets_no_server():
    with pytest.raises(InvalidInput, match="a person's key"):
        server(RecordingService(PERSON))
