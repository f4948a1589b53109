"""One door to every model: a deadline, a chain, and what each attempt cost."""

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TypeVar

from ..runtimes import Answer, Model, ModelFailure, Request
from .asking import MOST_TRIES, Asking
from .circuits import Circuit, Circuits
from .doors import (
    DEFAULT_CONCURRENCY,
    Doors,
    Estimate,
    Pool,
    Price,
    Successor,
    no_successor,
    price_unknown,
)
from .outcome import Attempt, Refused, Routed

T = TypeVar("T")


def ask_to_repair(problem: str) -> str:
    """What a model is told about an answer that can't be used."""
    return f"This answer can't be used: {problem} Answer again, in full and in the form asked for."


class Router:
    """Asks models. To be used on one event loop only.

    *pool* gives the runtimes. *estimate* says what a call can cost at most and *price* what its
    tokens cost, both in USD and None where a price is not known; *successor* which model follows
    one that is gone. *concurrency* calls of one runtime are under way at once; others wait, as
    long as their deadline lets them.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        estimate: Estimate = price_unknown,
        price: Price = price_unknown,
        successor: Successor = no_successor,
        concurrency: int = DEFAULT_CONCURRENCY,
        circuits: Circuits | None = None,
    ) -> None:
        self._doors = Doors(
            pool=pool,
            estimate=estimate,
            price=price,
            successor=successor,
            concurrency=concurrency,
            circuits=circuits or Circuits(),
        )

    async def ask(
        self,
        request: Request,
        chain: Sequence[Model],
        *,
        seconds: float,
        accept: Callable[[Answer], T],
        spend_cap_usd: Decimal | None = None,
        repair: Callable[[str], str] = ask_to_repair,
        most_tries: int = MOST_TRIES,
    ) -> Routed[T]:
        """Ask *chain* in turn until *accept* takes an answer, for at most *seconds* in all.

        `request.model` is replaced by each of *chain*. *accept* raises Refused for an answer that
        can't be used: then the model is told the problem once, in the words of *repair*, if there
        is time. A model is asked at most *most_tries* times where its failures pass by themselves.
        A call that could cost more than is left of *spend_cap_usd* is not made; one whose price is
        not known is. Cancelling this cancels the call. Never raises ModelFailure.
        """
        asking = Asking(
            doors=self._doors,
            request=request,
            accept=accept,
            repair=repair,
            end=asyncio.get_running_loop().time() + seconds,
            spend_cap_usd=spend_cap_usd,
            most_tries=most_tries,
        )
        return await asking.along(chain)

    @property
    def abandoned(self) -> int:
        """Calls that ignore having been cancelled, and that nobody waits for."""
        return self._doors.calls.abandoned

    def circuits(self) -> tuple[Circuit, ...]:
        """Models in trouble. May be asked in any thread."""
        return self._doors.circuits.states()


__all__ = ["Attempt", "ModelFailure", "Refused", "Routed", "Router", "ask_to_repair"]
