"""One question on its way through a chain of models, inside one deadline.

* The first choice gets most of the time; enough is left for who comes after it.
* Only what passes by itself is asked again of the same model, and never after a time-out: whoever
  needed too long once needs as long again.
* A refusal and a content filter end the chain. Another model might answer, but asking around until
  somebody does is a way around a provider's rules that nobody has decided to take.
* A model that is gone is followed by its successor at the same provider.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Generic, TypeVar

from ..runtimes import Answer, FailureKind, Model, ModelFailure, Request, Turn
from .call import Call, Called
from .doors import Doors
from .outcome import SPEND_CAP, Attempt, Refused, Routed

T = TypeVar("T")

#: How much of the time left a model gets when there is another after it.
SHARE = 0.65
#: Less time than this is not enough for an answer: nobody is asked again, or instead.
LEAST_SECONDS = 1.0
MOST_TRIES = 3
LONGEST_BACKOFF_SECONDS = 4.0
_FIRST_BACKOFF_SECONDS = 0.4
_ENDS_THE_CHAIN = frozenset({FailureKind.REFUSAL, FailureKind.CONTENT_FILTER})
_MATTERS_LESS = frozenset({FailureKind.NOT_READY.value, SPEND_CAP})


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """An answer that was accepted."""

    result: T
    answer: Answer
    model: Model


@dataclass(slots=True)
class Asking(Generic[T]):
    """`end` is a time of the loop."""

    doors: Doors
    request: Request
    accept: Callable[[Answer], T]
    repair: Callable[[str], str]
    end: float
    spend_cap_usd: Decimal | None = None
    most_tries: int = MOST_TRIES
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    _spent_usd: Decimal = Decimal(0)
    _instead_of: list[str] = field(default_factory=list[str])

    async def along(self, chain: Sequence[Model]) -> Routed[T]:
        """Each of *chain* in turn. Raises what `accept` raises beside Refused."""
        waiting, reasons = deque(chain), list[str]()
        least_context = 0
        while waiting and (not reasons or self._left(self.end) >= LEAST_SECONDS):
            model = waiting.popleft()
            if model.context_tokens is not None and model.context_tokens <= least_context:
                continue
            ended = await self._line(model, self._until(followed=bool(waiting)))
            if isinstance(ended, Found):
                return self._routed(ended, first=chain[0], reasons=reasons)
            reasons.append(ended)
            if ended in _ENDS_THE_CHAIN:
                break
            if ended == FailureKind.CONTEXT_LENGTH:
                least_context = max(least_context, model.context_tokens or 0)
        return Routed(
            result=None, answer=None, attempts=tuple(self.attempts), reason=_weightiest(reasons)
        )

    async def _line(self, model: Model, until: float) -> "Found[T] | str":
        """A model, and when it is gone, its successors; else the reason of the last."""
        asked = [model]
        while True:
            ended = await self._model(asked[-1], until)
            if ended != FailureKind.MODEL_UNAVAILABLE:
                return ended
            follower = self.doors.successor(asked[-1])
            if follower is None or follower in asked or self._left(until) < LEAST_SECONDS:
                return ended
            asked.append(follower)
            self._instead_of.append(asked[-2].id)

    async def _model(self, model: Model, until: float) -> "Found[T] | str":
        request = replace(
            self.request,
            model=model,
            max_output_tokens=min(self.request.max_output_tokens, model.max_output_tokens),
        )
        tries = 0
        while True:
            called = await self._call(request, until)
            if called is None:
                return SPEND_CAP
            if called.answer is not None:
                return await self._judged(request, called, called.answer, until)
            tries += 1
            failure = called.failure
            assert failure is not None  # noqa: S101 - one of the two is there
            wait = None if called.was_heard else self._wait(failure, tries, until)
            if wait is None or called.attempt.kind is FailureKind.NOT_READY:
                return failure.kind
            await asyncio.sleep(wait)

    async def _judged(
        self, request: Request, called: Called, answer: Answer, until: float
    ) -> "Found[T] | str":
        """Accepted at once, or after the model was told what is wrong."""
        try:
            return Found(self.accept(answer), answer, request.model)
        except Refused as refused:
            problem = str(refused)
            self._last_was_invalid()
        if self._left(until) < called.seconds:
            return FailureKind.INVALID_OUTPUT
        said = (Turn(role="assistant", text=answer.text),) if answer.text else ()
        told = Turn(role="user", text=self.repair(problem))
        again = replace(request, turns=(*request.turns, *said, told))
        repaired = await self._call(again, until, is_repair=True)
        if repaired is not None and repaired.answer is not None:
            try:
                return Found(self.accept(repaired.answer), repaired.answer, request.model)
            except Refused:
                self._last_was_invalid()
        failure = None if repaired is None else repaired.failure
        if failure is not None and failure.kind in _ENDS_THE_CHAIN:
            return failure.kind
        return FailureKind.INVALID_OUTPUT

    async def _call(
        self, request: Request, until: float, *, is_repair: bool = False
    ) -> Called | None:
        """None: it was not made, because it could cost more than is left."""
        most: Decimal | None = None
        if self.spend_cap_usd is not None:
            most = self.doors.estimate(request.model, request)
            if most is not None and self._spent_usd + most > self.spend_cap_usd:
                return None
        called = await Call(self.doors, request, until, self.end, is_repair).make()
        self.attempts.append(called.attempt)
        cost = called.attempt.cost_usd
        self._spent_usd += (most if cost is None else cost) or 0
        return called

    def _wait(self, failure: ModelFailure, tries: int, until: float) -> float | None:
        """Seconds until the same model is asked again; None if it is not."""
        if not failure.kind.transient or tries >= self.most_tries:
            return None
        backoff = min(LONGEST_BACKOFF_SECONDS, _FIRST_BACKOFF_SECONDS * 2 ** (tries - 1))
        wait = backoff * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load, hides nothing
        if failure.retry_after is not None:
            wait = failure.retry_after
        return wait if self._left(until) - wait >= LEAST_SECONDS else None

    def _until(self, *, followed: bool) -> float:
        """When the next model has to be done, so that who follows it still has time."""
        left = self._left(self.end)
        shared = followed and left * (1 - SHARE) >= LEAST_SECONDS
        return self.end - left * (1 - SHARE) if shared else self.end

    def _left(self, until: float) -> float:
        return until - asyncio.get_running_loop().time()

    def _last_was_invalid(self) -> None:
        self.attempts[-1] = replace(self.attempts[-1], kind=FailureKind.INVALID_OUTPUT)

    def _routed(self, found: "Found[T]", *, first: Model, reasons: Sequence[str]) -> Routed[T]:
        note = None
        if reasons:
            note = f"{first.id} gave no answer ({reasons[0]}): {found.model.id} answered."
        elif self._instead_of:
            note = f"{first.id} is not available any more: {found.model.id} answered."
        return Routed(
            result=found.result, answer=found.answer, attempts=tuple(self.attempts), note=note
        )


def _weightiest(reasons: Sequence[str]) -> str:
    """What ended the chain, else why the first that could be asked did not answer."""
    if not reasons:
        return FailureKind.NOT_READY.value
    if reasons[-1] in _ENDS_THE_CHAIN:
        return str(reasons[-1])
    asked = [reason for reason in reasons if reason not in _MATTERS_LESS]
    return str((asked or list(reasons))[0])
