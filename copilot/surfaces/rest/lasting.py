"""An answer that lasts, such as a stream, ends when its key is valid no more."""

import asyncio
import time
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.types import Message, Receive, Send

from ...bootstrap import UNREACHABLE
from ...errors import Unauthenticated

#: How long an answer goes on at least before its key is looked at again, in seconds. It is done when
#: something is sent, and a stream that has nothing to tell sends a comment each 15 seconds.
LOOK_AGAIN = 30.0


class Lasting:
    """Stands between the application and one client: `receive` and `send` take the place of both."""

    def __init__(self, receive: Receive, send: Send, *, look: Callable[[], object]) -> None:
        """look: raises Unauthenticated once the key is valid no more."""
        self._receive = receive
        self._send = send
        self._look = look
        self._looked_at = time.monotonic()
        self._over = asyncio.Event()

    async def send(self, message: Message) -> None:
        if self._over.is_set():
            return
        await self._send(message)
        if message.get("more_body", False) and not await self._is_valid():
            self._over.set()
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def receive(self) -> Message:
        """What the client says; once the answer is over, that it has left."""
        heard = asyncio.ensure_future(self._receive())
        over = asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait((heard, over), return_when=asyncio.FIRST_COMPLETED)
            return heard.result() if heard.done() else {"type": "http.disconnect"}
        finally:
            heard.cancel()
            over.cancel()

    async def _is_valid(self) -> bool:
        if time.monotonic() - self._looked_at < LOOK_AGAIN:
            return True
        self._looked_at = time.monotonic()
        try:
            await run_in_threadpool(self._look)
        except Unauthenticated:
            return False
        except UNREACHABLE:
            return True  # nobody knows; it is looked at again
        return True
