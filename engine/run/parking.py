"""Runs stopped by a quota: parked until it resets, and then sent on their way by themselves."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol, TypeAlias

import sqlalchemy as sa

from ..definition.workflow import Workflow
from ..errors import EngineError, RateLimited
from ..execution import ErrorInfo, Execution, ExecutionStatus
from ..ports import Clock
from ..storage.definitions import DefinitionStore
from ..storage.journal import LiveStep, Ticket
from ..storage.parked import ASKED, ParkedRun, ParkedStore, park, wakened
from ..storage.quotas import QuotaStore
from ..storage.rounds import RoundStore
from .quota import reset_of
from .resume import Planned, ResumePlan
from .retry import LONGEST_WAIT

JOB = "parked-runs"
EACH_MINUTE = "* * * * *"
#: A run is parked for no longer unless its workflow says `on_quota: park`.
LONGEST_USUAL = timedelta(hours=24)
OnQuota: TypeAlias = Literal["park", "fail"] | None
_log = logging.getLogger(__name__)


def wake_time(error: ErrorInfo, on_quota: OnQuota, *, now: datetime) -> datetime | None:
    """When a run that *error* has stopped is to go on by itself; None if it just fails.

    *on_quota* is its workflow's word; without one a run waits for up to a day.
    """
    reset = reset_of(error.code, error.details, now=now)
    if reset is None or on_quota == "fail" or error.details.get("sent"):
        return None
    if error.code == RateLimited.code and reset - now <= timedelta(seconds=LONGEST_WAIT):
        return None  # waited for inside the step, in vain
    if on_quota is None and reset - now > LONGEST_USUAL:
        return None
    return max(reset, now)


def park_stopped(
    connection: sa.Connection,
    ticket: Ticket,
    *,
    error: ErrorInfo | None,
    on_quota: OnQuota,
    now: datetime,
    current_step: str | None = None,
) -> datetime | None:
    """Parks a run that *error* has stopped, and gives when it goes on; None if it is to end.

    For the transaction that would else end the round. Raises `Fenced`.
    """
    wake_at = None if error is None else wake_time(error, on_quota, now=now)
    if error is None or wake_at is None:
        return None
    parked = park(
        connection, ticket, wake_at=wake_at, error=error, now=now, current_step=current_step
    )
    return wake_at if parked else None


class Queue(Protocol):
    """What a dispatcher takes runs by."""

    def prepare(self) -> None: ...

    def enqueue(self, connection: sa.Connection, execution_id: str, dispatch: int) -> None: ...

    def committed(self) -> None: ...


class _MovedOn(Exception):
    """Somebody has ended the run or had it go on meanwhile."""


@dataclass(frozen=True, slots=True)
class _WakePlan:
    """A resume that happens only while the run still waits in the round it was parked in."""

    parked: ParkedRun
    plan: Callable[[Execution, int, tuple[LiveStep, ...], Workflow], Planned]

    def __call__(
        self, run: Execution, dispatch: int, steps: tuple[LiveStep, ...], workflow: Workflow
    ) -> Planned:
        is_asked = self.parked.reason == ASKED
        waits = ExecutionStatus.FAILED if is_asked else ExecutionStatus.PAUSED
        if run.status is not waits or run.round != self.parked.round:
            raise _MovedOn
        stopped = run.model_copy(update={"status": ExecutionStatus.FAILED})
        return self.plan(stopped, dispatch, steps, workflow)


@dataclass(frozen=True, slots=True)
class ParkedRuns:
    """The runs of every workspace that wait for a quota. Methods are called in any thread."""

    store: ParkedStore
    quotas: QuotaStore
    rounds: RoundStore
    definitions: DefinitionStore
    queue: Queue
    clock: Clock

    def tick(self, moment: datetime) -> None:
        """Has every run go on that is due at *moment*; each once, whoever calls this, and how often.

        To be called each minute. A run keeps its version: nobody has asked for another.
        """
        while runs := self.store.due(moment):
            for run in runs:
                self._wake(run)
        self.store.forget_settled()
        self.quotas.purge(self.clock.now())

    def _wake(self, run: ParkedRun) -> None:
        try:
            self._resume(run)
        except _MovedOn:
            return
        except EngineError as error:
            if error.retryable:
                raise
            _log.warning("Run %s can't go on by itself: %s", run.execution_id, error)
            self.store.give_up(run, now=self.clock.now())

    def _resume(self, run: ParkedRun) -> None:
        plan = ResumePlan("partial", self.definitions, _nobody_has_it)
        self.queue.prepare()
        self.rounds.resume(
            run.workspace_id,
            run.execution_id,
            mode="partial",
            version=run.workflow_version,
            plan=_WakePlan(run, plan),
            enqueue=self._enqueue,
            reason="pause_over",
        )
        self.queue.committed()

    def _enqueue(self, connection: sa.Connection, execution_id: str, dispatch: int) -> None:
        if not wakened(connection, execution_id):
            raise _MovedOn  # somebody has taken the timer back
        self.queue.enqueue(connection, execution_id, dispatch)


def _nobody_has_it(_execution_id: str, _dispatch: int) -> bool:
    return False
