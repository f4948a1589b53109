"""One call of one model: when it may be made, what it gave, and what it cost."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from ..runtimes import Answer, FailureKind, ModelFailure, Request, Usage
from .calls import GRACE_SECONDS
from .doors import Doors
from .outcome import Attempt
from .reached import used

#: A time-out after less than this says nothing about the model: somebody was in a hurry.
_FAIR_SECONDS = 5.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Called:
    """What came of one call: an answer or a failure. `was_heard`: pieces of it have been shown."""

    attempt: Attempt
    answer: Answer | None = None
    failure: ModelFailure | None = None
    seconds: float = 0.0
    was_heard: bool = False


class _Listener:
    """Hands pieces of an answer on as long as somebody waits for it; first that one begins."""

    def __init__(self, on_text: Callable[[str], None]) -> None:
        self._on_text: Callable[[str], None] | None = on_text
        self.has_heard = False

    def __call__(self, piece: str) -> None:
        if self._on_text is None or not piece:
            return
        if not self.has_heard:
            self._on_text("")
        self.has_heard = True
        self._on_text(piece)

    def close(self) -> None:
        self._on_text = None


@dataclass(slots=True)
class Call:
    """`until` and `end` are times of the loop: of this call, and of the whole question."""

    doors: Doors
    request: Request
    until: float
    end: float
    is_repair: bool = False
    _was_sent: bool = False

    async def make(self) -> Called:
        """Never raises ModelFailure."""
        model, circuits = self.request.model, self.doors.circuits
        kept_away = circuits.admit(model.runtime, model.id)
        if kept_away is not None:
            failure = ModelFailure(kept_away, "left alone after failures")
            return Called(self._could_not(FailureKind.NOT_READY), failure=failure)
        listener = None if self.request.on_text is None else _Listener(self.request.on_text)
        begun = _now()
        try:
            called = await self._made(replace(self.request, on_text=listener), begun)
        except asyncio.CancelledError:
            circuits.let_go(model.runtime, model.id)
            raise
        finally:
            if listener is not None:
                listener.close()
        self._tell(called)
        return replace(called, was_heard=listener is not None and listener.has_heard)

    async def _made(self, request: Request, begun: float) -> Called:
        try:
            answer = await self._answer(request)
        except ModelFailure as failure:
            return self._failed(failure, _now() - begun)
        seconds = _now() - begun
        cost = answer.cost_usd
        if cost is None and answer.usage.known:
            cost = self.doors.price(request.model, answer.usage)
        attempt = self._attempt(None, answer.usage, cost, seconds)
        return Called(attempt, answer, seconds=seconds)

    async def _answer(self, request: Request) -> Answer:
        """Loading the runtime and waiting for a free place take of the same time."""
        name = request.model.runtime
        runtime = await self.doors.pool.get(name, self.until - _now())
        place = self.doors.place(name)
        try:
            async with asyncio.timeout_at(self.until):
                await place.acquire()
        except TimeoutError:
            message = f"all {self.doors.concurrency} places of {name} were taken"
            raise ModelFailure(FailureKind.TIMEOUT, message) from None
        try:
            left = self.until - _now()
            if left <= 0:
                raise ModelFailure(FailureKind.TIMEOUT, "no time was left to ask")
            self._was_sent = True
            call = runtime.complete(replace(request, timeout_seconds=left))
            grace = min(GRACE_SECONDS, self.end - self.until)
            return await self.doors.calls.within(call, left, grace=grace)
        finally:
            place.release()  # also of an abandoned call: it is not waited for in any way

    def _failed(self, failure: ModelFailure, seconds: float) -> Called:
        usage = used(failure) if self._was_sent else Usage()
        cost: Decimal | None = None
        if usage == Usage():
            cost = Decimal(0)
        elif usage.known:
            cost = self.doors.price(self.request.model, usage)
        attempt = replace(
            self._attempt(failure.kind, usage, cost, seconds),
            retry_after=failure.retry_after,
            status=failure.status,
        )
        return Called(attempt, failure=failure, seconds=seconds)

    def _tell(self, called: Called) -> None:
        """Notes for the circuits, and for the operator's log what was not an answer."""
        model, failure, circuits = self.request.model, called.failure, self.doors.circuits
        if failure is None:
            circuits.answered(model.runtime, model.id)
            return
        facts = (model.runtime, model.id, failure.kind, failure.status, called.seconds)
        _log.warning("model call failed: %s %s %s, status %s, %.1f s", *facts)
        _log.debug("the provider says: %s", failure)  # may hold text of the prompt
        was_fair = failure.kind is not FailureKind.TIMEOUT or called.seconds >= _FAIR_SECONDS
        if self._was_sent and was_fair:
            after = failure.retry_after
            circuits.failed(model.runtime, model.id, failure.kind, retry_after=after)
        else:
            circuits.let_go(model.runtime, model.id)

    def _could_not(self, kind: FailureKind) -> Attempt:
        return self._attempt(kind, Usage(), Decimal(0), 0.0)

    def _attempt(
        self, kind: FailureKind | None, usage: Usage, cost: Decimal | None, seconds: float
    ) -> Attempt:
        return Attempt(
            runtime=self.request.model.runtime,
            model=self.request.model.id,
            kind=kind,
            usage=usage,
            cost_usd=cost,
            milliseconds=round(seconds * 1000),
            is_repair=self.is_repair,
        )


def _now() -> float:
    return asyncio.get_running_loop().time()
