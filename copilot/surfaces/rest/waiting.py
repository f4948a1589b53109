"""Threads for use cases that wait for a model: their own, so that they hold up nobody else."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread
from anyio import CapacityLimiter

P = ParamSpec("P")
R = TypeVar("R")

#: Analyses that one process waits for at once; a thread that waits costs little.
MOST_WAITING = 256

_limiter: anyio.lowlevel.RunVar[CapacityLimiter] = anyio.lowlevel.RunVar("waiting_for_models")


async def waiting(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """*call* in a thread of its own. It goes on when the client leaves: its answer is kept."""
    return await anyio.to_thread.run_sync(lambda: call(*args, **kwargs), limiter=_threads())


def _threads() -> CapacityLimiter:
    """One for each event loop."""
    try:
        return _limiter.get()
    except LookupError:
        made = CapacityLimiter(MOST_WAITING)
        _limiter.set(made)
        return made
