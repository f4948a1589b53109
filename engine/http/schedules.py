"""Workflows that are started by the clock: when, what came of it, and what may go wrong."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from ..schedule.warnings import ScheduleWarning
from ..storage.schedule_records import ScheduledStart, ScheduleRecord
from .fields import Asking, Id

router = APIRouter(tags=["schedules"])

LastStarts = Annotated[
    int, Query(ge=0, le=1000, description="How many of the last starts; those of a week are kept.")
]


class ScheduleList(BaseModel):
    schedules: list[ScheduleRecord]


class ScheduleDetail(BaseModel):
    """`starts` has the newest first. `warnings` are taken from the words of the definition."""

    schedule: ScheduleRecord
    starts: list[ScheduledStart]
    warnings: list[ScheduleWarning]


@router.get("/schedules")
def list_schedules(asking: Asking) -> ScheduleList:
    """Every workflow with a schedule, those too whose schedule can't be used."""
    return ScheduleList(schedules=list(asking.schedules.list()))


@router.get("/workflows/{workflow_id}/schedule")
def get_schedule(workflow_id: Id, asking: Asking, starts: LastStarts = 50) -> ScheduleDetail:
    """When a workflow is started next, what came of the last times, and what may go wrong.

    404 too for a workflow that is not started by the clock.
    """
    return ScheduleDetail(
        schedule=asking.schedules.get(workflow_id),
        starts=list(asking.schedules.starts(workflow_id, limit=starts)),
        warnings=list(asking.schedules.warnings(workflow_id)),
    )
