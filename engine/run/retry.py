"""Attempts: a step is tried again only when its failure is of a class that passes by itself."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from ..definition.steps import Step
from ..errors import StepError, StepTimeout
from ..execution import ErrorInfo
from ..ports import Clock, SecretMasker
from .foreign import awaited_result_of, describe, result_of

LONGEST_BACKOFF = 60.0
LONGEST_WAIT = 300.0  # somebody who says "come back in an hour" is not waited for


class Prepared(Protocol):
    """A step with its expressions resolved and its parameters checked."""

    @property
    def repeatable(self) -> bool:
        """Whether doing it twice does no more than once."""
        ...

    async def attempt(self, feedback: tuple[str, ...]) -> Any:
        """One attempt; *feedback* tells of those before it."""
        ...


@dataclass(frozen=True, slots=True)
class Result:
    """How a step went, over all its attempts."""

    attempts: int
    feedback: tuple[str, ...] = ()
    output: Any = None
    error: ErrorInfo | None = None


@dataclass(frozen=True, slots=True)
class Attempts:
    """Tries a step at most `1 + max_retries` times."""

    clock: Clock
    masker: SecretMasker

    async def run(
        self,
        step: Step,
        prepare: Callable[[], Prepared],
        *,
        intend: Callable[[], Awaitable[None]],
    ) -> Result:
        """*intend* is awaited before the first attempt of a step that can't be repeated."""
        prepared, error = result_of(prepare)
        if prepared is not None and not prepared.repeatable:
            await intend()
        feedback: list[str] = []
        attempt = 0
        while True:
            attempt += 1
            output = None
            if prepared is not None:
                output, error = await awaited_result_of(
                    partial(prepared.attempt, tuple(feedback)), limit=step.timeout_seconds
                )
            if error is None:
                return Result(attempt, tuple(feedback), output)
            info = describe(error, self.masker)
            feedback.append(f"Attempt {attempt} failed: {info.message}")
            wait = None if prepared is None else _wait(error, info, attempt, step, prepared)
            if wait is None:
                if step.type == "agent":
                    feedback.append(f"Agent execution failed: {info.message}")
                return Result(attempt, tuple(feedback), error=info)
            await self.clock.sleep(wait)


def _wait(
    error: BaseException, info: ErrorInfo, attempt: int, step: Step, prepared: Prepared
) -> float | None:
    """Seconds until the next attempt; None if there is none.

    A step that can't be repeated is tried again only when it says itself that it did nothing.
    """
    if not info.retryable or attempt > step.retry.max_retries:
        return None
    if not prepared.repeatable and not _did_nothing(error, info):
        return None
    wait = min(LONGEST_BACKOFF, step.retry.backoff_seconds * 2 ** (attempt - 1))
    asked = info.details.get("retry_after")
    if isinstance(asked, int | float):
        wait = max(wait, float(asked))
    return wait if wait <= LONGEST_WAIT else None


def _did_nothing(error: BaseException, info: ErrorInfo) -> bool:
    """Not so after a time-out, an exception the step did not foresee, or once it says it sent."""
    foreseen = isinstance(error, StepError) and not isinstance(error, StepTimeout)
    return foreseen and not info.details.get("sent")
