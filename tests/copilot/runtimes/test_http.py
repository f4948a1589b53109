"""The HTTP client of the runtimes: nothing of the machine's, and nothing without an end."""

import asyncio

import httpx2
import pytest

from copilot.runtimes._http import LONGEST_BODY, TooLong, close, http_client, server_sent


class Chunks(httpx2.AsyncByteStream):
    def __init__(self, *chunks):
        self._chunks = chunks
        self.is_closed = False

    async def __aiter__(self):
        for chunk in self._chunks:
            yield chunk

    async def aclose(self):
        self.is_closed = True


class Transport(httpx2.AsyncBaseTransport):
    def __init__(self, stream, **headers):
        self._stream = stream
        self._headers = headers
        self.requests = []

    async def handle_async_request(self, request):
        self.requests.append(request)
        return httpx2.Response(200, headers=self._headers, stream=self._stream)


def get(transport):
    async def run():
        client = http_client(transport=transport)
        try:
            return await client.get("https://models.test/")
        finally:
            await close(client)

    return asyncio.run(run())


def read_events(*chunks):
    async def run():
        client = http_client(transport=Transport(Chunks(*chunks)))
        async with client.stream("GET", "https://models.test/") as response:
            return [data async for data in server_sent(response)]

    return asyncio.run(run())


def test_a_body_of_the_longest_length_is_read_and_one_byte_more_is_not():
    half = b" " * (LONGEST_BODY // 2)
    assert len(get(Transport(Chunks(half, half))).content) == LONGEST_BODY
    stream = Chunks(half, half, b" ")
    with pytest.raises(TooLong):
        get(Transport(stream))
    assert stream.is_closed


def test_nothing_compressed_is_asked_for_or_unpacked():
    transport = Transport(Chunks(b"\x1f\x8b"), **{"content-encoding": "gzip"})
    assert get(transport).content == b"\x1f\x8b"
    assert transport.requests[0].headers["accept-encoding"] == "identity"


def test_no_proxy_and_no_password_come_from_the_environment(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine models.test login a password b", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:1")
    transport = Transport(Chunks(b"{}"))
    get(transport)
    assert "authorization" not in transport.requests[0].headers
    assert not http_client().follow_redirects
    assert not http_client().trust_env


@pytest.mark.parametrize(
    ("chunks", "data"),
    [
        ((b"data: a\n\ndata: b\n\n",), ["a", "b"]),
        ((b"da", b"ta: a\r", b"\n\r\n"), ["a"]),
        ((b"event: x\ndata:a\ndata: b\n\n",), ["a\nb"]),
        ((b": ping\n\nid: 1\n\n",), []),
        ((b"data: cut", b" off"), []),
        (("data: a\u2028\x85b\n\n".encode(),), ["a\u2028\x85b"]),
        ((b"data: \xe2\x80", b"\xa6\n\n"), ["\u2026"]),
    ],
    ids=["two", "split", "lines", "comments", "cut-off", "separators", "character-split"],
)
def test_events_are_read_as_they_come(chunks, data):
    assert read_events(*chunks) == data


def test_events_that_are_not_utf_8_are_an_error_of_the_transport():
    with pytest.raises(httpx2.DecodingError):
        read_events(b"data: \xff\n\n")


def test_many_short_lines_without_an_event_take_no_time():
    assert read_events(*[b"a\n" * 30_000] * 100) == []


def test_closing_gives_up_on_a_transport_that_never_ends():
    class Endless(Transport):
        async def aclose(self):
            await asyncio.Event().wait()

    asyncio.run(close(http_client(transport=Endless(Chunks()))))
