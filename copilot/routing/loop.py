"""The one event loop on which models are asked, in a thread of its own."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

#: How much longer than its coroutine may take somebody waits who is not on the loop.
GRACE_SECONDS = 0.25
_CLOSING_SECONDS = 1.0


class ModelLoop:
    """Started with the first coroutine. Its thread keeps no process alive."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def start(self) -> None:
        """More than once is once. Raises RuntimeError when it has been closed."""
        with self._lock:
            if self._is_closed:
                raise RuntimeError("The models' loop is closed.")
            if self._thread is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_turn, args=(self._loop,), name="models", daemon=True
                )
                self._thread.start()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> "Future[T]":
        """Runs it; cancelling what is given cancels it. Raises RuntimeError after `close`."""
        try:
            self.start()
        except RuntimeError:
            coroutine.close()
            raise
        assert self._loop is not None  # noqa: S101 - started
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def run(self, coroutine: Coroutine[Any, Any, T], seconds: float) -> T:
        """What it gives, for callers in other threads; waits *seconds* and a little more.

        Raises TimeoutError then, whatever holds the loop up. Whoever stops waiting, by Ctrl+C too,
        has cancelled it.
        """
        future = self.submit(coroutine)
        try:
            return future.result(seconds + GRACE_SECONDS)
        except BaseException:
            future.cancel()
            raise

    def close(self, last: Coroutine[Any, Any, None] | None = None) -> None:
        """Cancels everything, runs *last* and ends the thread, within about two seconds.

        What ignores its cancellation or holds the loop up is left behind.
        """
        with self._lock:
            loop, thread = self._loop, self._thread
            was_closed, self._is_closed = self._is_closed, True
        if loop is None or thread is None or was_closed:
            if last is not None:
                last.close()
            return
        ending = asyncio.run_coroutine_threadsafe(_end(last), loop)
        ending.add_done_callback(lambda _: _stop(loop))
        thread.join(2 * _CLOSING_SECONDS)


def _turn(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.set_exception_handler(lambda _loop, _context: None)  # of what was left behind
        loop.close()


def _stop(loop: asyncio.AbstractEventLoop) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(loop.stop)


async def _end(last: Coroutine[Any, Any, None] | None) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others, timeout=_CLOSING_SECONDS / 2)
    if last is not None:
        await asyncio.wait({asyncio.ensure_future(last)}, timeout=_CLOSING_SECONDS)
    await asyncio.get_running_loop().shutdown_asyncgens()
