"""What the end of a scheduled run means for its schedule."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import uuid4

from ..execution import ExecutionStatus
from ..storage.schedule_records import Outcome, ScheduleNotice, ScheduleRecord, Verdict
from .streaks import Allowance, FailureReason, Streak, average, reason_of

Kind: TypeAlias = Literal["pause_near", "paused"]
_TEXTS: Mapping[Kind, str] = {
    "pause_near": "Your agent {name!r} is paused after one more failure of this kind. {why}",
    "paused": "Your agent {name!r} is paused and starts no more by itself. {why} "
    "Unpause it when the cause is gone.",
}


def judged(
    schedule: ScheduleRecord,
    outcome: Outcome,
    *,
    allowance: Allowance,
    now: datetime,
    warning_waits: bool = False,
) -> Verdict:
    """A success ends the streak, a failure makes it longer, an end by a person leaves it.

    One failure before the last that is allowed people are warned; a pause comes only after a
    warning that was handed over, so none while *warning_waits* to be. The first breach after the workflow was changed is let pass: its limit may just have
    been set.
    """
    streak = Streak({FailureReason(name): many for name, many in schedule.failures.items()})
    reason = _reason(outcome)
    if reason is None:
        succeeded = outcome.status is ExecutionStatus.SUCCEEDED
        return _standing(schedule, outcome, Streak() if succeeded else streak)
    if reason.is_breach and schedule.last_version not in {None, outcome.version}:
        return _standing(schedule, outcome, streak, reason)
    longer = streak.with_failure(reason)
    limit = allowance.of(reason)
    kind = _step(schedule, longer.alike(reason), limit, warning_waits=warning_waits)
    if kind is None:
        return _standing(schedule, outcome, longer, reason)
    return _escalated(schedule, outcome, longer, reason, kind=kind, limit=limit, now=now)


def _step(
    schedule: ScheduleRecord, failures: int, limit: int, *, warning_waits: bool
) -> Kind | None:
    if schedule.paused or failures < limit - 1:
        return None
    if not schedule.warned:
        return "pause_near"
    return "paused" if failures >= limit and not warning_waits else None


def _reason(outcome: Outcome) -> FailureReason | None:
    if outcome.status is None:
        return FailureReason.NOT_STARTED
    return reason_of(outcome.status, outcome.code)


def _standing(
    schedule: ScheduleRecord,
    outcome: Outcome,
    streak: Streak,
    reason: FailureReason | None = None,
    *,
    notice: ScheduleNotice | None = None,
    pause_reason: str | None = None,
) -> Verdict:
    counted = outcome.turns is not None and outcome.status is not ExecutionStatus.CANCELLED
    turns = outcome.turns if counted else None
    return Verdict(
        failures={one.value: many for one, many in streak.counts.items()},
        last_failure=schedule.last_failure if reason is None else reason.value,
        warned=bool(streak.total) and (schedule.warned or notice is not None),
        average_turns=(
            schedule.average_turns if turns is None else average(schedule.average_turns, turns)
        ),
        last_turns=schedule.last_turns if turns is None else turns,
        notice=notice,
        pause_reason=pause_reason,
    )


def _escalated(
    schedule: ScheduleRecord,
    outcome: Outcome,
    streak: Streak,
    reason: FailureReason,
    *,
    kind: Kind,
    limit: int,
    now: datetime,
) -> Verdict:
    notice = ScheduleNotice(
        id=uuid4().hex,
        kind=kind,
        workspace_id=schedule.workspace_id,
        workflow_id=schedule.workflow_id,
        workflow_name=outcome.workflow_name,
        reason=reason.value,
        failures=streak.alike(reason),
        limit=limit,
        execution_id=outcome.execution_id,
        text=_TEXTS[kind].format(name=outcome.workflow_name, why=streak.words()),
        at=now,
    )
    pause_reason = streak.words() if kind == "paused" else None
    return _standing(schedule, outcome, streak, reason, notice=notice, pause_reason=pause_reason)
