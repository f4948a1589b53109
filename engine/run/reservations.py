"""Branches that spend at the same moment: each call is reserved first, so that together they keep
to a limit as one step after the other would.

A call that runs alone may go over a limit, for nobody knows before what it costs; the step is then
in breach. A call beside others is let in only if all of them fit, at their most. Who comes first is
let in first.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias

from ..errors import StepError

Refusal: TypeAlias = Callable[[], StepError | None]


@dataclass(frozen=True, slots=True)
class Need:
    """The most that a call may use; None where nobody can say."""

    tokens: int | None = None
    cost_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Gauge:
    """One limit, what counts towards it by now, and what a call may add to it."""

    limit: Decimal
    used: Callable[[], Decimal]
    most: Callable[[Need], Decimal | None]


@dataclass(slots=True, eq=False)
class Hold:
    """A call under way, from `reserve` to `release`."""

    need: Need


@dataclass(slots=True, eq=False)
class _Waiting:
    need: Need
    admitted: "asyncio.Future[Hold]"


@dataclass(slots=True)
class Reservations:
    """Shared by all branches of a round. Without gauges nobody ever waits.

    `refusal` is the reason why nothing more may be spent at all, if there is one.
    """

    gauges: tuple[Gauge, ...]
    refusal: Refusal
    _holds: list[Hold] = field(default_factory=list[Hold])
    _queue: deque[_Waiting] = field(default_factory=deque[_Waiting])

    async def reserve(self, need: Need) -> Hold:
        """Waits until the call fits beside those under way. Raises what `refusal` says."""
        waiting = _Waiting(need, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._admit()
        try:
            return await waiting.admitted
        except asyncio.CancelledError:
            with suppress(ValueError):
                self._queue.remove(waiting)
            admitted = waiting.admitted
            if admitted.done() and not admitted.cancelled() and admitted.exception() is None:
                self._holds.remove(admitted.result())
            self._admit()
            raise

    def release(self, hold: Hold) -> None:
        """The call has ended, and what it used is counted."""
        self._holds.remove(hold)
        self._admit()

    @property
    def reserved_cost_usd(self) -> Decimal:
        """What the calls under way may cost, as far as it is known."""
        return sum((hold.need.cost_usd or Decimal(0) for hold in self._holds), Decimal(0))

    def _admit(self) -> None:
        """Lets in from the front of the queue as many as there is room for."""
        while self._queue:
            first = self._queue[0]
            if first.admitted.done():  # its task was cancelled
                self._queue.popleft()
            elif (refused := self.refusal()) is not None:
                self._queue.popleft()
                first.admitted.set_exception(refused)
            elif self._fits(first.need):
                self._queue.popleft()
                hold = Hold(first.need)
                self._holds.append(hold)
                first.admitted.set_result(hold)
            else:
                return

    def _fits(self, need: Need) -> bool:
        return not self._holds or all(self._has_room(gauge, need) for gauge in self.gauges)

    def _has_room(self, gauge: Gauge, need: Need) -> bool:
        total = gauge.used()
        for one in (need, *(hold.need for hold in self._holds)):
            most = gauge.most(one)
            if most is None:
                return False
            total += most
        return total <= gauge.limit
