"""The addresses of a host, without waiting for a system that hangs while it looks them up.

The system's own look-up can't be broken off. In an event loop's threads it would be waited for when
the loop ends, and when the process does; here it is left behind, and how many are is bounded.
"""

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import Future
from threading import BoundedSemaphore, Thread

#: Look-ups that may be under way; while all of them hang, another fails at once.
MOST = 4


class Lookup:
    """Gives the addresses of a host and port. Raises OSError, also while too many others hang."""

    def __init__(self, *, most: int = MOST) -> None:
        self._free = BoundedSemaphore(most)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        if not self._free.acquire(blocking=False):
            raise OSError("look-ups of names hang")
        answer: Future[Sequence[str]] = Future()
        answer.set_running_or_notify_cancel()  # who gives up waiting does not take it back
        Thread(target=self._work, args=(answer, host, port), name="lookup", daemon=True).start()
        return await asyncio.wrap_future(answer)

    def _work(self, answer: Future[Sequence[str]], host: str, port: int) -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, ValueError) as error:
            self._free.release()
            answer.set_exception(error)
        else:
            self._free.release()
            answer.set_result([str(place[0]) for *_, place in found])
