"""Blocking calls beside the event loop, where one that hangs can't hold up the others or the end."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

from .._failures import FailureKind, ModelFailure

T = TypeVar("T")

#: Far more than a provider that hangs leaves behind, as long as calls can be cut.
MOST_STUCK = 32
_UNKNOWN = "the provider's package failed in a way of its own"


class Threads:
    """Gives each call a daemon thread of its own, so that nobody ever waits for one to end.

    Calls at once are not limited here: the caller does that. What is limited is how many go on
    after they were given up.
    """

    def __init__(self, name: str, *, most_stuck: int = MOST_STUCK) -> None:
        self._name = name
        self._most_stuck = most_stuck
        self._given_up: list[threading.Thread] = []

    @property
    def stuck(self) -> int:
        """How many calls that were given up still go on."""
        self._given_up = [thread for thread in self._given_up if thread.is_alive()]
        return len(self._given_up)

    async def run(
        self,
        call: Callable[[], T],
        *,
        passes: tuple[type[Exception], ...],
        cut: Callable[[], None] | None = None,
    ) -> T:
        """What *call* returns, or raises of *passes*. When this is cancelled, *cut* is to end it.

        Raises ModelFailure of kind 'not_ready' when too many hang already or no thread can be had,
        and of kind 'server' when *call* raises something else.
        """
        if self.stuck >= self._most_stuck:
            problem = f"{self._most_stuck} calls that were given up still hang"
            raise ModelFailure(FailureKind.NOT_READY, problem)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def carry_out() -> None:
            outcome: list[T | Exception] = [ModelFailure(FailureKind.SERVER, _UNKNOWN)]
            try:
                outcome = [call()]
            except passes as error:
                outcome = [error]
            finally:
                with contextlib.suppress(RuntimeError):  # the loop has ended before the call
                    loop.call_soon_threadsafe(_deliver, future, outcome[0])

        thread = threading.Thread(target=carry_out, name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            raise ModelFailure(FailureKind.NOT_READY, str(error)) from error
        try:
            return await future
        except asyncio.CancelledError:
            self._given_up.append(thread)
            if cut is not None:
                cut()
            raise


def _deliver(future: asyncio.Future[T], outcome: T | Exception) -> None:
    if future.cancelled():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
