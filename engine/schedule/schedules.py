"""Schedules at work: `tick`, called each minute, starts what is due and learns from what ended."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from ..errors import EngineError, InvalidSchedule, WorkflowPaused
from ..execution import Execution
from ..ports import Clock
from ..storage.definitions import StoredWorkflow
from ..storage.schedule_places import PATIENCE
from ..storage.schedule_records import (
    Outcome,
    ScheduledStart,
    ScheduleNotice,
    ScheduleRecord,
    SkipReason,
    Trigger,
    Verdict,
)
from ..storage.scheduled_starts import StartStore
from ..storage.schedules import ScheduleStore
from .interval import MINUTE, parse_ticks, ticks_of
from .stagger import spread
from .streaks import Allowance
from .verdicts import judged
from .warnings import ScheduleWarning, schedule_warnings

JOB = "workflow-schedules"
EACH_MINUTE = "* * * * *"
TRIGGER = "schedule"
KEPT = timedelta(days=7)
_NOTICES_AT_ONCE = 100
_log = logging.getLogger(__name__)


class StartRun(Protocol):
    """Queues a run, the same one for the same key, as `Runs.submit` does."""

    def __call__(
        self, workspace_id: str, workflow_id: str, *, trigger: str, request_key: str
    ) -> Execution: ...


class Notifier(Protocol):
    """Tells people about a schedule."""

    def notify(self, notice: ScheduleNotice) -> None:
        """Returns when it has been handed over; raises an `OSError` or `EngineError` if it can't be.

        It then comes again each minute, and after a crash, with the same id; 60 times at most.
        """
        ...


class LogNotifier:
    """For an engine that knows nobody to tell: a line in the log."""

    def notify(self, notice: ScheduleNotice) -> None:
        _log.warning("Workspace %s: %s", notice.workspace_id, notice.text)


@dataclass(frozen=True, slots=True)
class ScheduleRules:
    """What a workspace has set. `gap` lies between the starts of two workflows, if it can."""

    gap: timedelta = timedelta(minutes=5)
    most_running: int = 5
    allowance: Allowance = field(default_factory=Allowance)

    def __post_init__(self) -> None:
        if self.gap < timedelta() or self.most_running < 1:
            raise ValueError("A gap is not negative, and at least one run may be under way.")


def default_rules(_workspace_id: str) -> ScheduleRules:
    """The same for every workspace."""
    return ScheduleRules()


class Schedules:
    """The schedules of every workspace. Methods may be called from any thread and any process."""

    def __init__(
        self,
        schedules: ScheduleStore,
        starts: StartStore,
        clock: Clock,
        *,
        start_run: StartRun,
        notifier: Notifier | None = None,
        rules: Callable[[str], ScheduleRules] = default_rules,
    ) -> None:
        self._schedules = schedules
        self._starts = starts
        self._clock = clock
        self._start_run = start_run
        self._notifier = notifier or LogNotifier()
        self._rules = rules

    def tick(self, moment: datetime) -> None:
        """Does what is due at *moment*: to be called each minute, by one process or by all.

        Whatever was left undone by a crash is done by the next call.
        """
        now = self._clock.now()
        self._schedules.refresh(_Plan(moment))
        self._starts.put_right(moment, _Plan(moment))
        self._schedules.notice_pauses()
        self._starts.settle(judge=self._judge, now=now)
        for workspace_id in self._starts.due_workspaces(moment):
            gap = self._rules(workspace_id).gap
            self._starts.make(workspace_id, moment, _Plan(moment, gap), now=now)
        self.drain(moment)
        self._starts.purge(now - KEPT)
        self._tell(now)

    def drain(self, moment: datetime) -> None:
        """Starts what waits and has a free place by now."""
        now = self._clock.now()
        for workspace_id in self._starts.waiting_workspaces(moment):
            most = self._rules(workspace_id).most_running
            self._starts.claim(workspace_id, moment, most_running=most, now=now)
        for start in self._starts.claimed():
            self._start(start, now)

    def get(self, workspace_id: str, workflow_id: str) -> ScheduleRecord:
        """As its newest version says. Raises `NotFound`, also for a workflow without a schedule."""
        self._read_new(workspace_id)
        return self._schedules.schedule(workspace_id, workflow_id)

    def list(self, workspace_id: str) -> tuple[ScheduleRecord, ...]:
        """Every schedule of a workspace, as the newest versions say."""
        self._read_new(workspace_id)
        return self._schedules.schedules(workspace_id)

    def warnings(self, workspace_id: str, workflow_id: str) -> tuple[ScheduleWarning, ...]:
        """What may go wrong, as nobody watches. Raises `NotFound` as `get` does."""
        self.get(workspace_id, workflow_id)
        return schedule_warnings(self._schedules.workflow(workspace_id, workflow_id))

    def starts(
        self, workspace_id: str, workflow_id: str, *, limit: int = 50
    ) -> tuple[ScheduledStart, ...]:
        """What came of the last ticks of a workflow, the newest first; those of a week are kept.

        Raises `NotFound`.
        """
        self.get(workspace_id, workflow_id)
        return self._starts.starts(workspace_id, workflow_id, limit)

    def _read_new(self, workspace_id: str) -> None:
        """So that who has stored a schedule sees it before the next tick."""
        self._schedules.refresh(_Plan(self._clock.now()), workspace_id)

    def _start(self, start: ScheduledStart, now: datetime) -> None:
        if start.updated_at < now - PATIENCE:  # its request key may be gone: never start it twice
            self._starts.skip(start, SkipReason.BROKEN_OFF, now=now)
            return
        try:
            run = self._start_run(
                start.workspace_id,
                start.workflow_id,
                trigger=TRIGGER,
                request_key=f"{TRIGGER}:{start.workflow_id}:{start.tick:%Y-%m-%dT%H:%MZ}",
            )
        except WorkflowPaused:
            self._starts.skip(start, SkipReason.PAUSED, now=now)
        except EngineError as error:
            if error.retryable:
                _log.warning("A start waits for the next minute: %s", error)
                return
            self._starts.refuse(start, error.code, str(error), judge=self._judge, now=now)
        else:
            self._starts.started(start, run.id, now=now)

    def _tell(self, now: datetime) -> None:
        """Hands notices over in order; after one that fails, no other of its workflow."""
        failed: set[tuple[str, str]] = set()
        for notice in self._schedules.unsent(_NOTICES_AT_ONCE):
            key = (notice.workspace_id, notice.workflow_id)
            if key in failed:
                continue
            self._schedules.sending(notice)
            try:
                self._notifier.notify(notice)
            except (OSError, EngineError) as error:
                failed.add(key)
                _log.warning("A notice could not be sent (%s): trying again.", type(error).__name__)
            else:
                self._schedules.sent(notice, now=now)

    def _judge(self, schedule: ScheduleRecord, outcome: Outcome, *, warning_waits: bool) -> Verdict:
        return judged(
            schedule,
            outcome,
            allowance=self._rules(schedule.workspace_id).allowance,
            now=self._clock.now(),
            warning_waits=warning_waits,
        )


class BoundSchedules:
    """The schedules of one workspace: nothing here can name another."""

    def __init__(self, schedules: Schedules, workspace_id: str) -> None:
        self._schedules = schedules
        self._workspace_id = workspace_id

    def list(self) -> tuple[ScheduleRecord, ...]:
        """Every schedule, as the newest versions say."""
        return self._schedules.list(self._workspace_id)

    def get(self, workflow_id: str) -> ScheduleRecord:
        """As its newest version says. Raises `NotFound`, also for a workflow without a schedule."""
        return self._schedules.get(self._workspace_id, workflow_id)

    def warnings(self, workflow_id: str) -> tuple[ScheduleWarning, ...]:
        """What may go wrong, as nobody watches. Raises `NotFound` as `get` does."""
        return self._schedules.warnings(self._workspace_id, workflow_id)

    def starts(self, workflow_id: str, *, limit: int = 50) -> tuple[ScheduledStart, ...]:
        """What came of the last ticks, the newest first. Raises `NotFound`."""
        return self._schedules.starts(self._workspace_id, workflow_id, limit=limit)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is due at `moment`, as the store asks for it."""

    moment: datetime
    gap: timedelta = timedelta()

    def trigger(self, stored: StoredWorkflow, known: ScheduleRecord | None) -> Trigger:
        expression = stored.workflow.trigger.schedule or ""
        try:
            ticks = ticks_of(stored.workflow)
        except InvalidSchedule as error:
            return Trigger(expression, str(error))
        if ticks is None:
            return Trigger()
        if known is not None and known.next_at and known.expression == expression:
            # Earlier than what is known only if the clock was ahead and has been put right.
            return Trigger(expression, None, min(known.next_at, ticks.next_tick(self.moment)))
        # A workflow that was there long before its schedule was seen makes nothing up.
        begin = max(stored.created_at, self.moment - MINUTE)
        return Trigger(expression, None, ticks.next_tick(begin))

    def tick(self, schedule: ScheduleRecord) -> tuple[datetime, datetime]:
        ticks = parse_ticks(schedule.expression, name=schedule.workflow_id)
        return ticks.last_tick(self.moment), ticks.next_tick(self.moment)

    def spread(
        self, next_ticks: Mapping[str, datetime], planned: Mapping[str, datetime]
    ) -> Mapping[str, datetime]:
        return spread(self.moment, next_ticks, planned=planned, gap=self.gap)
