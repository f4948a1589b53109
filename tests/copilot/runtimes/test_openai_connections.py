"""The runtimes of OpenAI's APIs against servers that hang, drip, flood, redirect and listen."""

import asyncio
import contextlib
import gzip

import pytest

from copilot.runtimes import FailureKind, ModelFailure
from tests.copilot.runtimes.openai_builders import KEY, both_apis, request, settings

K = FailureKind
LISTENING = pytest.mark.parametrize("on_text", [None, [].append], ids=["whole", "streamed"])
ENDLESS = b"HTTP/1.1 %d X\r\ncontent-type: text/event-stream\r\n\r\n"


@contextlib.asynccontextmanager
async def serving(conversation):
    """A server's address; *conversation* gets the head of each request and both ends."""

    async def meet(reader, writer):
        try:
            await conversation(await reader.readuntil(b"\r\n\r\n"), reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            ends.append(writer)

    ends = []
    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        await server.wait_closed()
        for end in ends:
            with contextlib.suppress(ConnectionError):
                await end.wait_closed()


@contextlib.asynccontextmanager
async def asking(api, address):
    """A runtime with connections of its own."""
    runtime = api.module.make(settings(openai_base_url=address, compatible_base_url=address))
    try:
        yield runtime
    finally:
        await runtime.aclose()


def failure(api, conversation, **changes):
    async def scene():
        async with serving(conversation) as address, asking(api, address) as runtime:
            await runtime.complete(request(**changes))

    with pytest.raises(ModelFailure) as caught:
        asyncio.run(scene())
    return caught.value


@both_apis
@LISTENING
def test_a_cancelled_call_closes_its_connection(api, on_text):
    async def scene():
        asked, left = asyncio.Event(), asyncio.Event()

        async def hang(_, reader, writer):
            asked.set()
            while await reader.read(65_536):
                pass
            left.set()

        async with serving(hang) as address, asking(api, address) as runtime:
            call = asyncio.create_task(runtime.complete(request(on_text=on_text)))
            await asyncio.wait_for(asked.wait(), 20)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await asyncio.wait_for(left.wait(), 20)

    asyncio.run(scene())


@both_apis
def test_a_call_cancelled_in_the_middle_of_a_stream_closes_its_connection(api):
    async def scene():
        left, heard = asyncio.Event(), asyncio.Event()
        piece = (
            b'data: {"type": "response.output_text.delta", "delta": "x",'
            b' "choices": [{"delta": {"content": "x"}}]}\n\n'
        )

        async def begin(_, reader, writer):
            writer.write(ENDLESS % 200 + piece)
            while await reader.read(65_536):
                pass
            left.set()

        async with serving(begin) as address, asking(api, address) as runtime:
            asked = request(on_text=lambda _: heard.set())
            call = asyncio.create_task(runtime.complete(asked))
            await asyncio.wait_for(heard.wait(), 20)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await asyncio.wait_for(left.wait(), 20)

    asyncio.run(scene())


@both_apis
@LISTENING
@pytest.mark.parametrize("status", [200, 500])
def test_an_endless_answer_is_cut_off(api, on_text, status):
    sent = 0

    async def flood(_, reader, writer):
        nonlocal sent
        writer.write(ENDLESS % status)
        while sent < 64_000_000:
            writer.write(b"x" * 65_536)
            await writer.drain()
            sent += 65_536

    assert failure(api, flood, on_text=on_text).kind is K.INVALID_OUTPUT
    assert sent < 32_000_000


@both_apis
@LISTENING
def test_a_packed_answer_is_not_unpacked(api, on_text):
    packed = gzip.compress(b"0" * 20_000_000)

    async def pack(_, reader, writer):
        head = f"content-encoding: gzip\r\ncontent-length: {len(packed)}\r\n\r\n".encode()
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + packed)

    assert failure(api, pack, on_text=on_text).kind in (K.INVALID_OUTPUT, K.NETWORK)


@both_apis
@LISTENING
def test_an_answer_that_drips_is_bounded_by_the_clock(api, on_text):
    async def drip(_, reader, writer):
        writer.write(ENDLESS % 200)
        for _ in range(600):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.1)

    assert failure(api, drip, on_text=on_text, timeout_seconds=1.0).kind is K.TIMEOUT


@both_apis
@LISTENING
def test_a_connection_cut_in_the_middle_is_a_failure_of_the_network(api, on_text):
    async def cut(_, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\ndata: {")

    assert failure(api, cut, on_text=on_text).kind is K.NETWORK


@both_apis
def test_a_redirect_is_not_followed_and_the_key_stays_here(api):
    elsewhere = []

    async def other(head, reader, writer):
        elsewhere.append(head)

    async def scene():
        async with serving(other) as target:

            async def redirect(_, reader, writer):
                head = f"location: {target}/responses\r\ncontent-length: 0\r\n\r\n".encode()
                writer.write(b"HTTP/1.1 307 Go\r\n" + head)

            async with serving(redirect) as address, asking(api, address) as runtime:
                await runtime.complete(request())

    with pytest.raises(ModelFailure) as caught:
        asyncio.run(scene())
    assert (caught.value.kind, caught.value.status, elsewhere) == (K.NETWORK, 307, [])


@both_apis
def test_the_environment_changes_nothing_that_is_sent(api, monkeypatch: pytest.MonkeyPatch):
    for name, value in (
        ("HTTP_PROXY", "http://127.0.0.1:1"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:1"),
        ("OPENAI_ORG_ID", "my-organization"),
        ("OPENAI_PROJECT_ID", "my-project"),
        ("OPENAI_API_KEY", "another-key"),
        ("OPENAI_CUSTOM_HEADERS", "X-Gateway: my-gateway\nAuthorization: Bearer another"),
    ):
        monkeypatch.setenv(name, value)
    heads = []

    async def listen(head, reader, writer):
        heads.append(head.decode().lower())

    assert failure(api, listen).kind is K.NETWORK
    assert len(heads) == 1
    assert f"authorization: bearer {KEY}" in heads[0]
    for word in ("my-", "another", "linux", "cpython", "cookie"):
        assert word not in heads[0]


@both_apis
def test_closing_does_not_wait_for_a_call_that_hangs(api):
    async def scene():
        asked = asyncio.Event()

        async def hang(_, reader, writer):
            asked.set()
            while await reader.read(65_536):
                pass

        async with serving(hang) as address, asking(api, address) as runtime:
            call = asyncio.create_task(runtime.complete(request()))
            await asyncio.wait_for(asked.wait(), 20)
            await asyncio.wait_for(runtime.aclose(), 15)
            await asyncio.wait_for(call, 20)

    with pytest.raises(ModelFailure):
        asyncio.run(scene())
