"""Asks an account's quotas before each call of an action that uses one.

What a call may use is taken before it begins, so steps side by side can't go over a limit together.
A short window is waited for; a longer one that is used up stops the step.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar, cast

import sqlalchemy as sa
from pydantic import BaseModel

from ..actions import Action, ActionContext, Repeatable
from ..errors import QuotaExhausted, RateLimited, StepError
from ..ports import Clock
from ..quota import PACES, Quota, QuotaSource, QuotaUse, account_key, measure
from ..storage.quota_windows import Account, Full
from ..storage.quotas import QuotaStore, Stopped, Taken
from ..workspace import Integration
from .retry import LONGEST_WAIT, did_nothing

T = TypeVar("T")
#: Seconds that a call waits at most, over all, for its turn in a window of seconds or minutes.
LONGEST_PAUSE = 10.0
_REQUESTS = measure("requests")  # counted by the other side even if it refuses


class Writes(Protocol):
    """Commits a piece of work, as `Writer` does."""

    def write(self, work: Callable[[sa.Connection], T]) -> "asyncio.Future[T]": ...


class UsesQuota(Protocol):
    """An action that takes from an account's quotas, next to being an `Action`."""

    def quota_use(self, parameters: Any) -> QuotaUse | None:
        """What a call with these parameters takes; None if no account is named."""
        ...


@dataclass(frozen=True, slots=True)
class QuotaGate:
    """What calls of every workspace pass through."""

    source: QuotaSource
    store: QuotaStore
    writer: Writes
    clock: Clock

    async def call(self, action: Action, parameters: Any, context: ActionContext) -> Any:
        """Runs *action* if its account allows it.

        Raises `QuotaExhausted` or `RateLimited` before anything is done, and what *action* raises.
        """
        use = cast("UsesQuota", action).quota_use(parameters)
        if use is None:
            return await action.run(parameters, context)
        taken = await self.check(use, context)
        try:
            return await action.run(parameters, context)
        except StepError as error:
            await self._settle(taken, error)
            raise

    async def check(self, use: QuotaUse, context: ActionContext) -> Taken:
        """Takes what is asked for, waiting for a short window. Raises as `call` does."""
        known = context.resources.integrations
        account = Account(context.workspace_id, _as_named(use.integration, known))
        quotas = await asyncio.to_thread(limits_of, self.source, account, known)
        waited = 0.0
        while True:
            now = self.clock.now()
            answer = await self.writer.write(
                partial(
                    self.store.take,
                    account=account,
                    amounts=use.amounts,
                    quotas=quotas,
                    execution_id=context.execution_id,
                    now=now,
                )
            )
            if isinstance(answer, Taken):
                return answer
            wait = _pause(answer, now)
            if wait is None or waited + wait > LONGEST_PAUSE:
                raise refusal(account.integration, answer, now=now)
            await self.clock.sleep(wait)
            waited += wait

    async def _settle(self, taken: Taken, error: StepError) -> None:
        """Gives back what was not used, and remembers how long the other side wants no more."""
        until = stop_until(error, self.clock.now())
        back = _unused(taken, error)
        if back:
            await self.writer.write(partial(self.store.give_back, taken=taken, amounts=back))
        if until is not None and taken.amounts:
            stop = partial(
                self.store.stop, account=taken.account, until=until, message=str(error)[:500]
            )
            await self.writer.write(stop)


class MeteredAction:
    """An action whose calls pass the gate; else the same."""

    def __init__(self, action: Action, gate: QuotaGate) -> None:
        self._action = action
        self._gate = gate
        self.__doc__ = action.__doc__

    @property
    def Parameters(self) -> type[BaseModel]:  # noqa: N802
        return self._action.Parameters

    @property
    def repeatable(self) -> Repeatable:
        return self._action.repeatable

    async def run(self, parameters: Any, context: ActionContext) -> Any:
        return await self._gate.call(self._action, parameters, context)


def metered(actions: Mapping[str, Action], gate: QuotaGate) -> dict[str, Action]:
    """*actions*, with those that use a quota asking *gate* first."""
    return {
        name: MeteredAction(action, gate) if hasattr(action, "quota_use") else action
        for name, action in actions.items()
    }


def stop_until(error: StepError, now: datetime) -> datetime | None:
    """Until when the other side wants no more, if that is longer than a step itself waits."""
    if not isinstance(error, QuotaExhausted | RateLimited) or "status" not in error.details:
        return None
    until = reset_of(error.code, error.details, now=now)
    patience = LONGEST_WAIT if isinstance(error, RateLimited) else 0.0
    return until if until is not None and until - now > timedelta(seconds=patience) else None


def reset_of(code: str, details: Mapping[str, Any], *, now: datetime) -> datetime | None:
    """When what stopped a step is over, by its own word."""
    if code not in {QuotaExhausted.code, RateLimited.code}:
        return None
    if isinstance(told := details.get("resets_at"), str):
        moment = datetime.fromisoformat(told)
        return moment if moment.tzinfo is not None else None
    after = details.get("retry_after")
    return now + timedelta(seconds=after) if isinstance(after, int | float) else None


def refusal(integration: str, answer: Full | Stopped, *, now: datetime) -> StepError:
    """Why a call was not made, in words and in facts."""
    if isinstance(answer, Stopped):
        return QuotaExhausted(
            f"{integration} wants no more requests until {answer.until:%Y-%m-%d %H:%M} UTC. "
            f"It said: {answer.message}",
            kind="stopped",
            name=integration,
            resets_at=answer.until.isoformat(),
        )
    quota, facts = answer.quota, _facts(integration, answer)
    limit = f"{integration}'s {quota.period} limit of {quota.limit:,} {quota.unit}"
    if answer.resets_at is None:
        return QuotaExhausted(
            f"This step needs {answer.asked:,} at once, and {limit} is less than that.",
            kind="below",
            **facts,
        )
    resets = quota.when(answer.resets_at, now=now)
    if quota.window in PACES:
        wait = max(0.0, (answer.resets_at - now).total_seconds())
        return RateLimited(f"{limit} is used up for now.", **facts, retry_after=wait)
    left = max(0, quota.limit - answer.used)
    if left:
        return QuotaExhausted(
            f"{limit} leaves {left:,}, and this step needs {answer.asked:,}; it resets {resets}.",
            kind="left",
            **facts,
        )
    return QuotaExhausted(f"{limit} is used up; it resets {resets}.", **facts)


def _facts(integration: str, answer: Full) -> dict[str, Any]:
    quota = answer.quota
    facts: dict[str, Any] = {
        "name": integration,
        "limit": quota.limit,
        "used": answer.used,
        "asked": answer.asked,
        "unit": quota.unit,
        "window": quota.window,
        "timezone": quota.timezone,
    }
    resets = answer.resets_at
    return facts if resets is None else facts | {"resets_at": resets.isoformat()}


def _pause(answer: Full | Stopped, now: datetime) -> float | None:
    """Seconds until a short window has room; None for one that is not waited for."""
    if isinstance(answer, Stopped) or answer.resets_at is None:
        return None
    if answer.quota.window not in PACES:
        return None
    return max(0.001, (answer.resets_at - now).total_seconds())


def _unused(taken: Taken, error: StepError) -> dict[str, int]:
    """What certainly did not happen; a request that was answered did, whatever the answer."""
    if not did_nothing(error):
        return {}
    answered = "status" in error.details
    return {
        unit: amount
        for unit, amount in taken.amounts.items()
        if not (answered and unit == _REQUESTS)
    }


def limits_of(
    source: QuotaSource, account: Account, known: Mapping[str, Integration]
) -> tuple[Quota, ...]:
    """The limits of *account* by its name; where that tells nothing, those of its service."""
    found = source.limits(account.workspace_id, account.integration)
    if found or (name := _as_named(account.integration, known)) not in known:
        return found
    return source.limits(account.workspace_id, known[name].type)


def _as_named(integration: str, known: Mapping[str, Integration]) -> str:
    """The name of an account as its workspace spells it."""
    key = account_key(integration)
    return next((name for name in known if account_key(name) == key), integration)
