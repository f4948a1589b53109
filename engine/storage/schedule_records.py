"""Schedules as everybody else sees them, and what is decided about them from outside the store."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ..execution import ExecutionStatus
from .definitions import StoredWorkflow


class StartState(StrEnum):
    WAITING = "waiting"  # for its turn, or for a free place
    CLAIMED = "claimed"  # being started
    RUNNING = "running"
    ENDED = "ended"
    SKIPPED = "skipped"


class SkipReason(StrEnum):
    OVERLAP = "overlap"  # the start before it has not ended
    PAUSED = "paused"
    TOO_LATE = "too_late"  # it waited for a day
    REFUSED = "refused"  # the run could not be started; the detail says why
    BROKEN_OFF = "broken_off"  # the process died while starting it, and nobody came for a day


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class ScheduleRecord(_Record):
    """The schedule of a workflow: when it ticks next, and how its runs have fared."""

    workspace_id: str
    workflow_id: str
    version: int = Field(description="Of the definition it was read from.")
    expression: str
    problem: str | None = Field(description="Why it can't be used; it then never ticks.")
    next_at: AwareDatetime | None
    paused: bool = Field(description="Whether the workflow is, now.")
    failures: dict[str, int] = Field(description="Since the last success, by reason.")
    last_failure: str | None = Field(description="The reason of the last one that counted.")
    warned: bool = Field(description="Whether a warning that a pause is near was written.")
    average_turns: float | None = Field(description="Moving: 0.7 of the old, 0.3 of the new.")
    last_turns: int | None
    last_version: int | None = Field(description="Of the workflow, in the last run that ended.")
    last_execution_id: str | None


class ScheduledStart(_Record):
    """One tick, and what came of it. `note` is a skip's reason, or the status of an ended run."""

    workspace_id: str
    workflow_id: str
    tick: AwareDatetime
    planned_at: AwareDatetime
    state: StartState
    note: str | None
    detail: str | None
    execution_id: str | None
    updated_at: AwareDatetime


class ScheduleNotice(_Record):
    """Something people are to be told; the same `id` when it is said twice."""

    id: str
    kind: Literal["pause_near", "paused"]
    workspace_id: str
    workflow_id: str
    workflow_name: str
    reason: str = Field(description="Of the last failure.")
    failures: int = Field(description="In a row, of the kind that counts here.")
    limit: int = Field(description="With how many of them the workflow is paused.")
    execution_id: str | None = Field(description="The last run; null if it could not be started.")
    text: str = Field(description="All of it in words.")
    at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Trigger:
    """What a definition says about its schedule: nothing, a problem, or when it ticks next."""

    expression: str | None = None
    problem: str | None = None
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a scheduled start has ended; without a run it was refused, for the error `code`."""

    workflow_name: str
    execution_id: str | None
    status: ExecutionStatus | None
    code: str | None
    version: int | None = None
    turns: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an outcome means for the schedule: its new standing, who hears of it, and a pause."""

    failures: Mapping[str, int]
    last_failure: str | None
    warned: bool
    average_turns: float | None
    last_turns: int | None
    notice: ScheduleNotice | None = None
    pause_reason: str | None = None


class Planner(Protocol):
    """When things are due. Asked inside a transaction: it must be quick and touch no database."""

    def trigger(self, stored: StoredWorkflow, known: ScheduleRecord | None) -> Trigger:
        """What *stored*'s newest version says; *known* is from an older version, if any."""
        ...

    def tick(self, schedule: ScheduleRecord) -> tuple[datetime, datetime]:
        """The tick that is due, and the one after it."""
        ...

    @property
    def gap(self) -> timedelta:
        """What lies between two starts; an earlier start is of no interest to `spread`."""
        ...

    def spread(
        self, next_ticks: Mapping[str, datetime], planned: Mapping[str, datetime]
    ) -> Mapping[str, datetime]:
        """When each of some workflows, due at once, is to start; given when each ticks again.

        *planned* has the last start of every workflow that has one planned or just behind it.
        """
        ...


def schedule_record(row: Any) -> ScheduleRecord:
    """`row` of `workflow_schedule` with the column `paused_at` of its workflow."""
    return ScheduleRecord(
        workspace_id=row.workspace_id,
        workflow_id=row.workflow_id,
        version=row.version,
        expression=row.expression or "",
        problem=row.problem,
        next_at=row.next_at,
        paused=row.paused_at is not None,
        failures=json.loads(row.failures),
        last_failure=row.last_failure,
        warned=row.warned,
        average_turns=row.average_turns,
        last_turns=row.last_turns,
        last_version=row.last_version,
        last_execution_id=row.last_execution_id,
    )


def scheduled_start(row: Any) -> ScheduledStart:
    """`row` of `scheduled_start`."""
    return ScheduledStart.model_validate(row, from_attributes=True)
