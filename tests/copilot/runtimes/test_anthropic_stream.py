"""Claude's answer as it is written: only its text is heard, and every stream ends in one way."""

import asyncio

import httpx2
import pytest

from copilot.runtimes import FailureKind, ModelFailure, ToolUse, Usage
from tests.copilot.runtimes.claude_builders import (
    USAGE,
    Provider,
    ask,
    events,
    failure,
    message,
    request,
    runtime,
)

BEGUN = {**USAGE, "output_tokens": 1, "output_tokens_details": None}
START = {"type": "message_start", "message": message(content=[], stop_reason=None, usage=BEGUN)}
STOP = {"type": "message_stop"}
SO_FAR = Usage(input=214, output=1, cache_read=200, cache_write=4, known=False)


def block(index, content, *deltas):
    """The events of one block of content."""
    changes = [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    start = {"type": "content_block_start", "index": index, "content_block": content}
    return (start, *changes, {"type": "content_block_stop", "index": index})


def text(index, *pieces):
    deltas = ({"type": "text_delta", "text": piece} for piece in pieces)
    return block(index, {"type": "text", "text": ""}, *deltas)


def thought(index):
    return block(
        index,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "A secret "},
        {"type": "thinking_delta", "thinking": "thought."},
        {"type": "signature_delta", "signature": "c2ln"},
    )


def call(index, *pieces):
    deltas = ({"type": "input_json_delta", "partial_json": piece} for piece in pieces)
    return block(
        index, {"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {}}, *deltas
    )


def ended(reason="end_turn"):
    used = {"output_tokens": 30, "output_tokens_details": {"thinking_tokens": 12}}
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": used}


def stream(*written):
    return Provider(body=events(*written), headers={"content-type": "text/event-stream"})


def heard(provider, **changes):
    """The answer, and the pieces of text that came before it."""
    pieces = []
    return ask(provider, request(on_text=pieces.append, **changes)), pieces


def failed(*written):
    return failure(stream(*written), request(on_text=lambda piece: None))


def test_text_is_heard_piece_by_piece_and_thoughts_are_not():
    provider = stream(
        START, {"type": "ping"}, *thought(0), *text(1, "Be", "cause \u2028😀."), ended(), STOP
    )
    answer, pieces = heard(provider)
    assert pieces == ["Be", "cause \u2028😀."]
    assert answer.text == "Because \u2028😀."
    assert answer.usage == Usage(input=214, output=30, cache_read=200, cache_write=4, reasoning=12)
    assert answer.model == "claude-haiku-5-5-20261001"
    assert provider.body["stream"] is True


def test_the_lines_of_a_stream_end_with_lf_alone_or_with_cr_too():
    body = events(START, *text(0, "a\u2028b"), ended(), STOP).replace(b"\\u2028", "\u2028".encode())
    for written in (body, body.replace(b"\n", b"\r\n")):
        assert heard(Provider(body=written))[0].text == "a\u2028b"


def test_a_call_of_a_tool_is_put_together_from_its_pieces():
    answer, pieces = heard(
        stream(START, *thought(0), *call(1, '{"na', 'me": "x"}'), ended("tool_use"), STOP)
    )
    assert answer.uses == (ToolUse("toolu_1", "look_up", {"name": "x"}),)
    assert pieces == []
    first = answer.kept[0]["content"][0]
    assert first == {"type": "thinking", "thinking": "A secret thought.", "signature": "c2ln"}


def test_a_call_without_arguments_has_none():
    answer, _ = heard(stream(START, *call(0), ended("tool_use"), STOP))
    assert answer.uses[0].arguments == {}


def test_a_call_that_was_cut_off_is_truncated_not_odd():
    cut = failed(START, *call(0, '{"na'), ended("max_tokens"), STOP)
    assert cut.kind is FailureKind.TRUNCATED
    assert cut.usage.output == 30


def test_a_block_that_nobody_ends_ends_with_the_message():
    assert heard(stream(START, *text(0, "a")[:-1], ended(), STOP))[0].text == "a"


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("overloaded_error", FailureKind.OVERLOADED),
        ("api_error", FailureKind.SERVER),
        ("rate_limit_error", FailureKind.RATE_LIMIT),
        ("timeout_error", FailureKind.TIMEOUT),
        ("billing_error", FailureKind.QUOTA),
        ("a_new_error", FailureKind.INVALID_OUTPUT),
        (None, FailureKind.INVALID_OUTPUT),
    ],
)
def test_an_error_in_a_stream_has_the_same_meaning_and_what_was_used_so_far(type_, kind):
    problem = failed(START, *text(0, "a"), {"type": "error", "error": {"type": type_}})
    assert problem.kind is kind
    assert problem.usage == SO_FAR


def test_a_stream_that_is_cut_off_is_a_failure_of_the_network_with_what_was_used():
    problem = failed(START, *text(0, "a"))
    assert problem.kind is FailureKind.NETWORK
    assert problem.usage == SO_FAR


def test_an_error_before_the_stream_has_a_status():
    body = {"type": "error", "error": {"type": "overloaded_error", "message": "Later."}}
    problem = failure(Provider(529, body), request(on_text=lambda piece: None))
    assert (problem.kind, problem.status) == (FailureKind.OVERLOADED, 529)


def delta(change, index=0):
    return {"type": "content_block_delta", "index": index, "delta": change}


ODD = {
    "no-json": (b"data: {\n\n", FailureKind.INVALID_OUTPUT),
    "no-utf-8": (b"data: \xff\n\n", FailureKind.INVALID_OUTPUT),
    "no-object": (b"data: []\n\n", FailureKind.INVALID_OUTPUT),
    "no-events": (b"<html></html>", FailureKind.NETWORK),
    "nothing": (b"", FailureKind.NETWORK),
    "no-message": (events({"type": "message_start"}), FailureKind.INVALID_OUTPUT),
    "no-start": (events(STOP), FailureKind.INVALID_OUTPUT),
    "no-such-block": (events(START, delta({}, 3)), FailureKind.INVALID_OUTPUT),
    "block-before-all": (events(START, delta({}, -1)), FailureKind.INVALID_OUTPUT),
    "block-of-null": (events(START, delta({}, None)), FailureKind.INVALID_OUTPUT),
    "block-out-of-order": (events(START, *text(5, "a")), FailureKind.INVALID_OUTPUT),
    "block-goes-on": (
        events(START, *text(0, "a"), delta({"type": "text_delta", "text": "b"})),
        FailureKind.INVALID_OUTPUT,
    ),
    "text-of-null": (events(START, *text(0, None)), FailureKind.INVALID_OUTPUT),
    "lone-surrogate": (events(START, *text(0, "\ud83d")), FailureKind.INVALID_OUTPUT),
    "no-delta": (events(START, {"type": "message_delta"}), FailureKind.INVALID_OUTPUT),
    "refused": (events(START, ended("refusal"), STOP), FailureKind.REFUSAL),
    "empty": (events(START, ended(), STOP), FailureKind.INVALID_OUTPUT),
}


@pytest.mark.parametrize(("body", "kind"), ODD.values(), ids=ODD)
def test_a_stream_that_is_not_what_the_api_promises_is_a_failure(body, kind):
    assert failure(Provider(body=body), request(on_text=lambda piece: None)).kind is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx2.ReadError("reset"), FailureKind.NETWORK),
        (httpx2.ReadTimeout("slow"), FailureKind.TIMEOUT),
    ],
    ids=["reset", "timeout"],
)
def test_a_stream_that_breaks_says_what_was_used(error, kind):
    class Breaking(httpx2.AsyncByteStream):
        async def __aiter__(self):
            yield events(START, *text(0, "a"))
            raise error

    async def complete():
        # A transport of its own: the one for mocks reads the whole stream before it gives it.
        class Transport(httpx2.AsyncBaseTransport):
            async def handle_async_request(self, request):
                return httpx2.Response(200, stream=Breaking())

        claude = runtime(Transport())
        await claude.complete(request(on_text=pieces.append))

    pieces = []
    with pytest.raises(ModelFailure) as raised:
        asyncio.run(complete())
    assert raised.value.kind is kind
    assert raised.value.usage == SO_FAR
    assert pieces == ["a"]
