"""The HTTP client that providers' SDKs are given: bounded, and with nothing of the machine's in it.

No redirect is followed, since the key would go along. No proxy, certificate or password comes from
the environment. No answer is read beyond 8 MB, and a compressed one is not unpacked: a few bytes
could become gigabytes.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import cast

import httpx2

__all__ = ["LONGEST_BODY", "TooLong", "close", "http_client", "server_sent"]

#: In bytes; the longest answer that any model writes is a fraction of it.
LONGEST_BODY = 8_000_000
_CONNECT_SECONDS = 5.0
_CLOSING_SECONDS = 1.0


class TooLong(httpx2.TransportError):
    """A provider's answer is longer than any can be; the connection is closed."""


def http_client(
    *, connections: int = 128, transport: httpx2.AsyncBaseTransport | None = None
) -> httpx2.AsyncClient:
    """A client for *connections* calls at once; an SDK says per call how long each may take.

    *transport*: what carries requests instead of the network, for tests; it is bounded as well.
    """
    if transport is None:
        limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
        transport = httpx2.AsyncHTTPTransport(limits=limits, trust_env=False)
    return httpx2.AsyncClient(
        transport=_Bounded(transport),
        headers={"accept-encoding": "identity"},
        follow_redirects=False,
        timeout=httpx2.Timeout(60.0, connect=_CONNECT_SECONDS),
        trust_env=False,
    )


async def close(client: httpx2.AsyncClient) -> None:
    """Ends *client* and what is under way on it; gives up after a second."""
    with suppress(TimeoutError, OSError, RuntimeError, httpx2.HTTPError):
        async with asyncio.timeout(_CLOSING_SECONDS):
            await client.aclose()


async def server_sent(response: httpx2.Response) -> AsyncGenerator[str, None]:
    """The `data` of each server-sent event as it comes, in time linear in the length.

    Lines end with LF or CR LF only: U+2028, which others take for an end, is a character of JSON.
    Raises httpx2.HTTPError: DecodingError for what is not UTF-8.
    """
    data: list[str] = []
    async for line in _lines(response.aiter_bytes()):
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            yield "\n".join(data)
            data = []


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Each line that has come to its end; the last, if cut off, is not one."""
    unfinished: list[bytes] = []
    async for chunk in chunks:
        first, *others = chunk.split(b"\n")
        unfinished.append(first)
        for other in others:
            yield _decoded(b"".join(unfinished).removesuffix(b"\r"))
            unfinished = [other]


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise httpx2.DecodingError("the answer is not UTF-8") from None


class _Bounded(httpx2.AsyncBaseTransport):
    """Passes requests on and counts what comes back."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._inner.handle_async_request(request)
        headers = [
            (name, value)
            for name, value in response.headers.raw
            if name.lower() != b"content-encoding"
        ]
        return httpx2.Response(
            response.status_code,
            headers=headers,
            stream=_Counted(cast(httpx2.AsyncByteStream, response.stream)),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = LONGEST_BODY
        async for chunk in self._stream:
            left -= len(chunk)
            if left < 0:
                raise TooLong(f"the answer is longer than {LONGEST_BODY} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
