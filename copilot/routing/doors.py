"""What the questions of one process share: the providers, their free places, their troubles."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from ..runtimes import Model, Request, Runtime, Usage
from .calls import Calls
from .circuits import Circuits

DEFAULT_CONCURRENCY = 128

#: The most that a call can cost; None if a price is not known.
Estimate = Callable[[Model, Request], Decimal | None]
#: What these tokens cost; None if a price is not known.
Price = Callable[[Model, Usage], Decimal | None]
#: Which model of the same runtime follows one that is not available any more.
Successor = Callable[[Model], Model | None]


class Pool(Protocol):
    """Where runtimes come from, ready for use."""

    async def get(self, name: str, seconds: float) -> Runtime:
        """Raises ModelFailure 'not_ready' where it can't be had within *seconds*."""
        ...


def price_unknown(model: Model, what: Request | Usage) -> None:
    """No list of prices."""


def no_successor(model: Model) -> None:
    """No catalog to look it up in."""


@dataclass(slots=True)
class Doors:
    """To be used on one event loop only."""

    pool: Pool
    estimate: Estimate = price_unknown
    price: Price = price_unknown
    successor: Successor = no_successor
    concurrency: int = DEFAULT_CONCURRENCY
    circuits: Circuits = field(default_factory=Circuits)
    calls: Calls = field(default_factory=Calls)
    _places: dict[str, asyncio.Semaphore] = field(default_factory=dict[str, asyncio.Semaphore])

    def place(self, runtime: str) -> asyncio.Semaphore:
        """To be held during a call of *runtime*."""
        return self._places.setdefault(runtime, asyncio.Semaphore(self.concurrency))
