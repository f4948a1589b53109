"""Every model of one process behind one door: asked from any thread and from any event loop."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from ..runtimes import (
    Answer,
    FailureKind,
    Model,
    Request,
    Usage,
    cost_usd,
    known_model,
    load_catalog,
)
from ..settings import Settings
from .asking import MOST_TRIES
from .estimate import estimate
from .loop import ModelLoop
from .pool import RuntimePool
from .router import Attempt, Routed, Router, ask_to_repair

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Models:
    """The router and what it needs, on a loop of their own. `open_models` makes one."""

    pool: RuntimePool
    router: Router
    loop: ModelLoop = field(default_factory=ModelLoop)

    def ask_within(
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
        """`Router.ask` for callers without an event loop; *accept* runs on the models' own.

        If that is held up, the answer is 'timeout' a quarter of a second late, and if everything is
        closed meanwhile, 'not_ready', both with a cost that nobody knows.
        """
        asking = self._asking(
            request,
            chain,
            seconds=seconds,
            accept=accept,
            spend_cap_usd=spend_cap_usd,
            repair=repair,
            most_tries=most_tries,
        )
        try:
            return self.loop.run(asking, seconds)
        except TimeoutError:
            return _unanswered(chain, seconds, FailureKind.TIMEOUT)
        except CancelledError:
            return _unanswered(chain, seconds, FailureKind.NOT_READY)

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
        """The same from another event loop, which goes on meanwhile. Cancelling it cancels all."""
        asking = self._asking(
            request,
            chain,
            seconds=seconds,
            accept=accept,
            spend_cap_usd=spend_cap_usd,
            repair=repair,
            most_tries=most_tries,
        )
        return await asyncio.wrap_future(self.loop.submit(asking))

    def close(self) -> None:
        """Cancels every call and closes the runtimes; never hangs."""
        self.loop.close(self.pool.aclose())

    def _asking(
        self, request: Request, chain: Sequence[Model], **how: Any
    ) -> Coroutine[Any, Any, Routed[Any]]:
        return self.router.ask(request, chain, **how)


def open_models(settings: Settings) -> Models | None:
    """Those of the runtimes that the settings name; None if they name none.

    Nothing is imported, started or asked before the first question; `pool.warm()` begins earlier.
    Raises UnknownName, or InvalidInput for a runtime that asks no model.
    """
    names = tuple(dict.fromkeys(settings.runtimes))
    if not names:
        return None
    pool = RuntimePool(settings, names, afterwards=_read_prices)
    router = Router(
        pool,
        estimate=estimate,
        price=cost_usd,
        successor=load_catalog().successor,
        concurrency=settings.model_concurrency,
    )
    return Models(pool, router)


def _read_prices() -> None:
    """The list takes a while to read the first time; the loop should not be held up by it."""
    known_model("")


def _unanswered(chain: Sequence[Model], seconds: float, kind: FailureKind) -> Routed[Any]:
    """Who was being asked is not known any more: the first stands for it."""
    attempt = Attempt(
        runtime=chain[0].runtime,
        model=chain[0].id,
        kind=kind,
        usage=Usage(known=False),
        cost_usd=None,
        milliseconds=round(seconds * 1000),
    )
    return Routed(result=None, answer=None, attempts=(attempt,), reason=kind)
