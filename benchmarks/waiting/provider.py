"""A provider of our own on this machine, with the manners one wants to see answered.

It speaks just enough HTTP for the Responses API of OpenAI, in a process of its own, so that it takes
no time from whoever is measured: `python provider.py MANNER [SECONDS]` prints its port.
"""

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

ANSWER: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1_790_000_000,
    "model": "gpt-6-luna",
    "status": "completed",
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "output": [
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "It is so.", "annotations": []}],
        }
    ],
    "usage": {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 120,
    },
}
LIMITED = {"error": {"message": "Too many requests.", "type": "requests", "code": "rate_limit"}}
#: What each does with a request: answer, after a while; send a body that never ends; send the
#: start of one and no more; say 429; accept the connection and say nothing; take no connection.
MANNERS = ("answers", "drips", "hangs", "limits", "silent", "refuses")
_DRIP_SECONDS = 0.1


@contextmanager
def provider(manner: str, seconds: float = 0.0) -> Generator[str]:
    """The base address of one, for the length of a `with` block."""
    if manner == "refuses":
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        yield f"http://127.0.0.1:{port}/v1"
        return
    command = [sys.executable, __file__, manner, str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.kill()


async def _serve(manner: str, seconds: float) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                await _read(reader)
                await _reply(manner, seconds, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


async def _read(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            await reader.readexactly(int(value))


async def _reply(manner: str, seconds: float, writer: asyncio.StreamWriter) -> None:
    if manner == "silent":
        await asyncio.sleep(3_600)
    if manner == "limits":
        _send(writer, "429 Too Many Requests", LIMITED)
    elif manner == "answers":
        await asyncio.sleep(seconds)
        _send(writer, "200 OK", ANSWER)
    else:
        writer.write(_head("200 OK", 1_000_000))
        while manner == "drips":
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(_DRIP_SECONDS)
        await asyncio.sleep(3_600)
    await writer.drain()


def _send(writer: asyncio.StreamWriter, status: str, body: object) -> None:
    content = json.dumps(body).encode()
    writer.write(_head(status, len(content)) + content)


def _head(status: str, length: int) -> bytes:
    lines = (f"HTTP/1.1 {status}", "content-type: application/json", f"content-length: {length}")
    return "\r\n".join((*lines, "", "")).encode()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 0.0))
