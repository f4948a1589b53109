"""A call that ends when its time is over, whatever the code that makes it does."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from ..runtimes import FailureKind, ModelFailure

T = TypeVar("T")

#: How long a call that was cancelled may take to give its connection back before it is left alone.
GRACE_SECONDS = 0.2


class Calls:
    """Calls under way. One that ignores its cancellation is abandoned: nobody waits for it."""

    def __init__(self) -> None:
        self._abandoned: set[asyncio.Future[Any]] = set()

    @property
    def abandoned(self) -> int:
        """Calls that were cancelled and have not ended."""
        return len(self._abandoned)

    async def within(self, call: Awaitable[T], seconds: float, *, grace: float = 0.0) -> T:
        """What *call* gives within *seconds*; it has *grace* seconds to end when cancelled.

        Raises ModelFailure: of the call, 'timeout', 'network' for a call that was cancelled from
        inside, and 'server' for anything else it raised.
        """
        task = asyncio.ensure_future(call)
        try:
            await asyncio.wait({task}, timeout=max(0.0, seconds))
            late = not task.done()
            if late:
                self._leave(task)
                await asyncio.wait({task}, timeout=max(0.0, grace))
        except asyncio.CancelledError:
            self._leave(task)
            raise
        error = _failure_of(task) if task.done() else None
        if task.done() and error is None:
            return task.result()  # maybe at the last moment
        if late or error is None:
            raise ModelFailure(FailureKind.TIMEOUT, f"no answer in {seconds:.1f} s")
        raise error

    def _leave(self, task: "asyncio.Future[Any]") -> None:
        self._abandoned.add(task)
        task.add_done_callback(self._ended)
        task.cancel()

    def _ended(self, task: "asyncio.Future[Any]") -> None:
        self._abandoned.discard(task)
        if not task.cancelled():
            task.exception()  # looked at: nobody else will


def _failure_of(task: "asyncio.Future[Any]") -> BaseException | None:
    if task.cancelled():
        return ModelFailure(FailureKind.NETWORK, "the call was cancelled from inside")
    error = task.exception()
    if error is None or isinstance(error, ModelFailure) or not isinstance(error, Exception):
        return error
    unforeseen = ModelFailure(FailureKind.SERVER, f"{type(error).__name__}: {error}")
    unforeseen.__cause__ = error
    return unforeseen
