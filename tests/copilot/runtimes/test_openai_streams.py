"""What streams: the pieces are the text, and the end counts the same as without a stream."""

import httpx2
import pytest

from copilot.runtimes import FailureKind, ToolUse, Usage
from tests.copilot.runtimes.openai_builders import (
    CHAT,
    RESPONSES,
    both_apis,
    chat_body,
    chunk,
    response_body,
    response_events,
    stream,
)

K = FailureKind
USED = Usage(input=100, output=30, cache_read=60, cache_write=7, reasoning=12)
PIECES = ("Be", "ca\u2028u", "se. ", "\N{HAMMER}")


def heard(api, reply):
    pieces = []
    return api.ask(reply, on_text=pieces.append), pieces


@both_apis
def test_the_pieces_add_up_to_the_text(api):
    answer, pieces = heard(api, stream(api.events(*PIECES)))
    assert tuple(pieces) == PIECES
    assert answer.text == "".join(PIECES)
    assert answer.usage == USED
    assert answer.model == "some-model-2026"


@both_apis
def test_a_stream_may_end_without_a_word(api):
    assert heard(api, stream(api.events("x"), done=False))[0].text == "x"


@both_apis
def test_streaming_is_asked_for_only_where_somebody_listens(api):
    assert "stream" not in api.sent()


def test_a_server_is_asked_to_count_tokens_in_the_stream():
    pieces = []
    body = CHAT.sent(on_text=pieces.append)
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})
    assert pieces == ["Because."], "a server that can't stream answers whole"


@both_apis
@pytest.mark.parametrize("kept", [0, 2])
def test_a_stream_that_breaks_off_is_a_failure_of_the_network(api, kept):
    events = api.events("one", "two", "three")[:kept]
    assert api.failure(stream(events), on_text=[].append).kind is K.NETWORK


@both_apis
@pytest.mark.parametrize("event", ["{", "[]", "5", '"x"', "[" * 5_000], ids=lambda text: text[:5])
def test_a_broken_piece_is_no_answer(api, event):
    reply = httpx2.Response(200, content=f"data: {event}\n\n".encode())
    assert api.failure(reply, on_text=[].append).kind is K.INVALID_OUTPUT


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "code": "rate_limit_exceeded", "message": "slow down"},
        {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}},
        {
            "type": "response.failed",
            "response": response_body(status="failed", error={"code": "rate_limit_exceeded"}),
        },
    ],
    ids=["flat", "nested", "failed"],
)
def test_an_error_inside_a_stream_of_responses_is_read(event):
    failure = RESPONSES.failure(stream([event]), on_text=[].append)
    assert failure.kind is K.RATE_LIMIT


@pytest.mark.parametrize(
    "event",
    [
        {"error": {"code": 429, "message": "slow down"}},
        {"choices": [{"error": {"code": 429}, "finish_reason": "error"}]},
    ],
    ids=["chunk", "choice"],
)
def test_an_error_inside_a_stream_of_chunks_is_read(event):
    failure = CHAT.failure(stream([chunk(content="x"), event]), on_text=[].append)
    assert failure.kind is K.RATE_LIMIT


def test_a_truncated_or_refused_stream_counts_its_tokens():
    cut = response_body(status="incomplete")
    failure = RESPONSES.failure(
        stream([{"type": "response.incomplete", "response": cut}]), on_text=[].append
    )
    assert (failure.kind, failure.usage) == (K.TRUNCATED, USED)
    for last, kind in (
        (chunk(content="x", end="length"), K.TRUNCATED),
        (chunk(refusal="no", end="stop"), K.REFUSAL),
    ):
        counted = [last, {"choices": [], "usage": chat_body()["usage"]}]
        failure = CHAT.failure(stream(counted), on_text=[].append)
        assert (failure.kind, failure.usage) == (kind, USED)


def test_a_server_that_does_not_count_in_a_stream_leaves_usage_unknown():
    answer, _ = heard(CHAT, stream([chunk(content="x", end="stop")]))
    assert answer.usage == Usage(known=False)


def test_a_comment_on_the_way_is_not_heard():
    aside = {"type": "response.output_item.added", "item": {"id": "m0", "phase": "commentary"}}
    spoken = {"type": "response.output_text.delta", "item_id": "m0", "delta": "Let me look."}
    answer, pieces = heard(RESPONSES, stream([aside, spoken, *response_events("x")]))
    assert pieces == ["x"]
    assert answer.text == "x"


def call(name=None, arguments=None, **more):
    return {"function": {"name": name, "arguments": arguments}} | more


@pytest.mark.parametrize(
    "calls",
    [
        [
            call("read", '{"a"', index=0, id="c0"),
            call("list", "", index=1, id="c1"),
            call(None, ": 1}", index=0),
        ],
        [
            call("read", '{"a"', id="c0"),
            call(None, ": 1}"),
            call("list", "{}", id="c1"),
        ],
    ],
    ids=["with an index", "without one"],
)
def test_calls_of_tools_are_put_together(calls):
    events = [*(chunk(tool_calls=[each]) for each in calls), chunk(end="tool_calls")]
    answer, pieces = heard(CHAT, stream(events))
    assert answer.uses == (ToolUse("c0", "read", {"a": 1}), ToolUse("c1", "list", {}))
    assert pieces == []


@both_apis
def test_what_a_listener_raises_is_its_own(api):
    def listener(_):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        api.ask(stream(api.events("x")), on_text=listener)
