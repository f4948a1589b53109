"""Attempts: a step is tried again only when its failure is of a class that passes by itself.

Which classes those are is said by the classes themselves (`retryable`); an output that was refused
is never asked for again. When nothing helps, the step's fallback is tried in the same way.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeAlias

from ..definition.steps import WorkStep
from ..errors import AuthFailed, BudgetExceeded, StepError, StepTimeout
from ..execution import ErrorInfo
from ..ports import Clock, SecretMasker
from .budget import Cap, over_time
from .foreign import awaited_result_of, describe, result_of, text_of
from .quality import Checked, Quality

LONGEST_BACKOFF = 60.0
LONGEST_WAIT = 300.0  # somebody who says "come back in an hour" is not waited for


class Prepared(Protocol):
    """A step with its expressions resolved and its parameters checked."""

    @property
    def repeatable(self) -> bool:
        """Whether doing it twice does no more than once, or it announces what it does itself."""
        ...

    @property
    def quality(self) -> Quality:
        """What its output has to go through."""
        ...

    async def attempt(self, feedback: tuple[str, ...]) -> Any:
        """One attempt; *feedback* tells of those before it."""
        ...

    def may_repeat(self, error: BaseException) -> bool:
        """Whether another attempt after *error* can't do an effect twice."""
        ...

    async def renew(self) -> str | None:
        """Renews the credentials it uses; gives the name of the account, None if it can't."""
        ...


Preparation: TypeAlias = Callable[[], Prepared]
#: Stores that something is about to be done that can't be repeated; more than once is once.
Intend: TypeAlias = Callable[[], Awaitable[None]]
Instead: TypeAlias = Callable[[Any], Prepared]


@dataclass(frozen=True, slots=True)
class Until:
    """When a step has to be done: by its own time limit, and before its run ends."""

    cap: Cap | None = None
    run_ends: datetime | None = None

    def of(self, started: datetime) -> datetime | None:
        own = None if self.cap is None else started + timedelta(seconds=self.cap.limit)
        ends = [moment for moment in (own, self.run_ends) if moment is not None]
        return min(ends, default=None)


@dataclass(frozen=True, slots=True)
class Engaged:
    """The fallback of a step: what it was, how it went, and what it stood in for."""

    title: str
    attempts: int
    error: ErrorInfo
    replaced: Any = None
    succeeded: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """How a step went, over all its attempts. With an error, `output` is what was refused."""

    attempts: int
    feedback: tuple[str, ...] = ()
    output: Any = None
    error: ErrorInfo | None = None
    kept: bool = False
    fallback: Engaged | None = None


@dataclass(slots=True)
class _Course:
    """One step under way."""

    step: WorkStep
    intend: Intend
    started: datetime
    until: Until
    feedback: list[str] = field(default_factory=list[str])
    renewed: bool = False


@dataclass(frozen=True, slots=True)
class _Tried:
    attempts: int
    checked: Checked
    info: ErrorInfo | None = None
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Attempts:
    """Tries a step at most `1 + max_retries` times, and its fallback as often."""

    clock: Clock
    masker: SecretMasker

    async def run(
        self,
        step: WorkStep,
        prepare: Preparation,
        *,
        intend: Intend,
        instead: Instead | None = None,
        until: Until | None = None,
    ) -> Result:
        """*intend* is awaited before the attempts at what can't be repeated.

        *instead* prepares the fallback, given the output that was refused. A limit on spending is
        nothing to get round: no fallback is engaged then.
        """
        course = _Course(step, intend, self.clock.now(), until or Until())
        first = await self._try(course, prepare, "Attempt")
        if first.info is None or instead is None or _is_limit(first.info):
            return _result(course, first)
        title = "" if step.fallback is None else step.fallback.title
        course.feedback.append(f"Fallback engaged: {title}.")
        second = await self._try(course, partial(instead, first.checked.output), "Fallback attempt")
        engaged = Engaged(
            title=title,
            attempts=second.attempts,
            error=first.info,
            replaced=first.checked.output,
            succeeded=second.info is None,
        )
        feedback = tuple(course.feedback)
        if second.info is None:
            return Result(first.attempts, feedback, second.checked.output, fallback=engaged)
        shown = second if second.kept or not first.kept else first
        return Result(
            first.attempts,
            feedback,
            shown.checked.output,
            second.info if _is_limit(second.info) else first.info,
            kept=shown.kept,
            fallback=engaged,
        )

    async def _try(self, course: _Course, prepare: Preparation, words: str) -> _Tried:
        prepared, error = result_of(prepare)
        if prepared is None:
            checked = Checked(None, error)
        else:
            if not prepared.repeatable:
                await course.intend()
            checked = Checked(None)
        attempt = 0
        while True:
            attempt += 1
            if prepared is not None:
                checked, refused = await self._attempt(course, prepared)
            else:
                refused = False
            if checked.error is None:
                return _Tried(attempt, checked)
            info = describe(checked.error, self.masker)
            if refused:
                return _Tried(attempt, checked, info, kept=True)
            course.feedback.append(f"{words} {attempt} failed: {info.message}")
            wait = self._wait(course, checked.error, info, attempt, prepared)
            if wait is None:
                if course.step.type == "agent":
                    course.feedback.append(f"Agent execution failed: {info.message}")
                return _Tried(attempt, checked, info)
            await self.clock.sleep(wait)

    async def _attempt(self, course: _Course, prepared: Prepared) -> tuple[Checked, bool]:
        """One attempt with everything its output goes through; whether the output was refused."""
        output, error = await self._within(course, partial(self._once, course, prepared))
        if isinstance(error, AuthFailed) and not course.renewed and prepared.may_repeat(error):
            course.renewed = True
            account, _ = await self._within(course, prepared.renew)
            if account is not None:
                course.feedback.append(self._renewed(account, error))
                output, error = await self._within(course, partial(self._once, course, prepared))
        if error is not None:
            return Checked(None, error), False
        checked = await prepared.quality.check(output, limit=self._limit(course))
        course.feedback += [self.masker.mask(note) for note in checked.notes]
        return checked, checked.error is not None

    async def _once(self, course: _Course, prepared: Prepared) -> Any:
        return await prepared.attempt(tuple(course.feedback))

    def _renewed(self, account: str, error: BaseException) -> str:
        return self.masker.mask(f"The access to {account} was renewed: {text_of(error)}")

    async def _within(
        self, course: _Course, call: Callable[[], Awaitable[Any]]
    ) -> tuple[Any, BaseException | None]:
        limit = self._limit(course)
        output, error = await awaited_result_of(call, limit=limit)
        is_late = isinstance(error, StepTimeout) and error.details.get("limit") == limit
        cap = course.until.cap
        if is_late and cap is not None and limit < course.step.timeout_seconds:
            return None, over_time(cap)
        return output, error

    def _limit(self, course: _Course) -> float:
        """Seconds that the next piece of work may take; the run's own end stops it by itself."""
        cap, limit = course.until.cap, course.step.timeout_seconds
        if cap is None:
            return limit
        spent = (self.clock.now() - course.started).total_seconds()
        return min(limit, max(0.0, cap.limit - spent))

    def _wait(
        self,
        course: _Course,
        error: BaseException,
        info: ErrorInfo,
        attempt: int,
        prepared: Prepared | None,
    ) -> float | None:
        """Seconds until the next attempt; None if there is none, or no time for it."""
        policy = course.step.retry
        if prepared is None or not info.retryable or attempt > policy.max_retries:
            return None
        if not prepared.may_repeat(error):
            return None
        wait = min(LONGEST_BACKOFF, policy.backoff_seconds * 2 ** (attempt - 1))
        asked = info.details.get("retry_after")
        if isinstance(asked, int | float):
            wait = max(wait, float(asked))
        ends = course.until.of(course.started)
        is_late = ends is not None and self.clock.now() + timedelta(seconds=wait) >= ends
        return None if wait > LONGEST_WAIT or is_late else wait


def _result(course: _Course, tried: _Tried) -> Result:
    return Result(
        tried.attempts,
        tuple(course.feedback),
        tried.checked.output,
        tried.info,
        kept=tried.kept,
    )


def _is_limit(info: ErrorInfo) -> bool:
    return info.code == BudgetExceeded.code


def did_nothing(error: BaseException) -> bool:
    """Whether a failed effect certainly did not happen.

    Not so after a time-out, after an exception the step did not foresee, and once it says it sent.
    """
    if isinstance(error, StepTimeout) or not isinstance(error, StepError):
        return False
    return not error.details.get("sent")
