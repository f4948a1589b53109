"""Whatever a provider sends, and however a call ends: one failure comes out, or an answer."""

import asyncio
import contextlib
import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.runtimes import Answer, FailureKind, ModelFailure, Tool, Turn
from copilot.runtimes.anthropic import make
from tests.copilot.runtimes import claude_builders as claude
from tests.copilot.runtimes.claude_builders import Provider, events, message, request
from tests.copilot.runtimes.test_anthropic_failures import error
from tests.copilot.runtimes.test_anthropic_stream import START, STOP, call, ended, text, thought

NAMES = st.sampled_from(
    ["type", "text", "content", "usage", "error", "message", "delta", "index", "id", "input"]
)
WORDS = st.sampled_from(
    ["text", "tool_use", "end_turn", "error", "message_start", "overloaded_error"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=3), inner),
    max_leaves=12,
)
GOOD = [
    message(),
    message(
        {"type": "thinking", "thinking": "a", "signature": "b"},
        {"type": "tool_use", "id": "1", "name": "a", "input": {"b": [1]}},
        stop_reason="tool_use",
    ),
    error("rate_limit_error", code="ramp_limit_exceeded"),
]
STREAM = [START, *thought(0), *text(1, "a", "b"), *call(2, '{"a', '": 1}'), ended("tool_use"), STOP]
ASKED = request(
    Turn(role="user", text="data", untrusted=True), tools=(Tool("look_up", "Looks.", {}),)
)


@st.composite
def spoilt(draw, good):
    """One of *good* with one part of it replaced or taken away."""
    whole = json.loads(json.dumps(draw(st.sampled_from(good))))
    parts = list(places(whole))
    parent, key = draw(st.sampled_from(parts))
    if draw(st.booleans()):
        parent[key] = draw(JSON)
    else:
        del parent[key]
    return whole


def places(value):
    """Every part of *value*, as what holds it and its key or index."""
    if isinstance(value, dict | list):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in list(inner):
            yield value, key
            yield from places(part)


@st.composite
def spoilt_streams(draw):
    """The events of a good stream: some spoilt, some lost, some twice."""
    order = draw(st.lists(st.sampled_from(range(len(STREAM))), max_size=25) | st.just(None))
    written = [STREAM[index] for index in sorted(order)] if order is not None else STREAM
    return [draw(spoilt([event])) if draw(st.booleans()) else event for event in written]


def outcome(status, body, *, streamed):
    """An answer or a ModelFailure; anything else that is raised fails the test."""
    asked = request(
        *ASKED.turns, tools=ASKED.tools, on_text=(lambda piece: None) if streamed else None
    )
    try:
        return claude.ask(Provider(status, body), asked)
    except ModelFailure as failed:
        return failed


def check(result):
    assert isinstance(result, Answer | ModelFailure)
    if isinstance(result, Answer):
        json.dumps([result.text, [dict(use.arguments) for use in result.uses]]).encode()
        result.text.encode()
        assert result.text.strip() or result.uses
        assert min(result.usage.input, result.usage.output) >= 0


STATUS = st.sampled_from([200, 200, 200, 204, 302, 400, 404, 429, 500, 529])
FUZZ = settings(max_examples=150, deadline=None)


@FUZZ
@given(STATUS, st.binary(max_size=200), st.booleans())
def test_any_bytes_end_in_a_failure_or_an_answer(status, body, streamed):
    check(outcome(status, body, streamed=streamed))


@FUZZ
@given(STATUS, JSON | spoilt(GOOD), st.booleans())
def test_any_json_ends_in_a_failure_or_an_answer(status, body, streamed):
    check(outcome(status, json.dumps(body).encode(), streamed=streamed))


@FUZZ
@given(spoilt_streams() | st.lists(st.dictionaries(NAMES, JSON), max_size=5))
def test_any_events_end_in_a_failure_or_an_answer(written):
    check(outcome(200, events(*written), streamed=True))


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("status", [200, 400])
def test_what_is_nested_too_deep_ends_in_a_failure(status, streamed):
    deep = b'{"error": {"message": "a", "details": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_002
    body = b"data: " + deep + b"\n\n" if streamed and status == 200 else deep
    assert isinstance(outcome(status, body, streamed=streamed), ModelFailure)


@pytest.mark.parametrize(
    "details", [[], {"error_code": {}}, {"error_code": ["a"]}, "text", 7], ids=str
)
def test_details_of_any_type_leave_the_meaning_of_the_status(details):
    body = {"error": {"type": ["a"], "message": {"b": 1}, "details": details}}
    failed = outcome(429, json.dumps(body).encode(), streamed=False)
    assert failed.kind is FailureKind.RATE_LIMIT


class Peer:
    """A server that sends *answer* after the request and then nothing more."""

    def __init__(self, answer=b""):
        self._answer = answer
        self.asked = asyncio.Event()
        self.left = asyncio.Event()

    async def __call__(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(line for line in lines if line.startswith(b"content-length"))
        await reader.readexactly(int(length.split(b":")[1]))
        writer.write(self._answer)
        await writer.drain()
        self.asked.set()
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        self.left.set()


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9000\r\n\r\n"


@contextlib.asynccontextmanager
async def calling(answer=b"", **changes):
    """A runtime, its peer and a call that has reached it; at the end the connection is closed."""
    peer = Peer(answer)
    async with await asyncio.start_server(peer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        here = make(claude.settings(anthropic_base_url=f"http://127.0.0.1:{port}"))
        call = asyncio.create_task(here.complete(request(**changes)))
        async with asyncio.timeout(60):
            await peer.asked.wait()
            yield here, call
            await peer.left.wait()
        await here.aclose()


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    "answer",
    [b"", HEAD, HEAD + events(START, *text(0, "a"))],
    ids=["nothing", "head", "some-events"],
)
def test_cancelling_a_call_closes_its_connection(answer, streamed):
    async def run():
        on_text = (lambda piece: None) if streamed else None
        async with calling(answer, on_text=on_text) as (_, call):
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

    asyncio.run(run())


def test_closing_does_not_wait_for_a_call_that_hangs():
    async def run():
        async with calling(HEAD) as (here, call):
            await here.aclose()
            with pytest.raises(ModelFailure, match="network"):
                await call

    asyncio.run(run())


def test_a_call_that_gets_no_answer_is_a_timeout():
    async def run():
        async with calling(timeout_seconds=0.2) as (_, call):
            with pytest.raises(ModelFailure, match="timeout"):
                await call

    asyncio.run(run())


def test_a_bomb_of_a_few_bytes_is_not_unpacked():
    bomb = gzip.compress(json.dumps(message({"type": "text", "text": "a" * 10_000_000})).encode())
    packed = Provider(200, bomb, headers={"content-encoding": "gzip"})
    assert claude.failure(packed).kind is FailureKind.INVALID_OUTPUT
