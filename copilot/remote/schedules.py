"""What starts by the clock, on a server."""

from collections.abc import Sequence
from typing import TypeVar

from ..types.engine import ScheduledStart, ScheduleRecord, ScheduleWarning
from .engine import missing
from .workspace import Workspace

T = TypeVar("T")


class RemoteSchedules:
    """Implements `Schedules`."""

    def __init__(self, workspace: Workspace) -> None:
        self._schedules = workspace.at("schedules", missing=missing("schedule"))
        self._workflows = workspace.at("workflows", missing=missing("schedule"))

    def list(self) -> Sequence[ScheduleRecord]:
        return self._schedules.many(ScheduleRecord, self._schedules.ask("GET"), "schedules")

    def get(self, workflow_id: str) -> ScheduleRecord:
        return self._member(ScheduleRecord, workflow_id, "schedule")

    def starts(self, workflow_id: str, *, limit: int = 50) -> Sequence[ScheduledStart]:
        return self._member(tuple[ScheduledStart, ...], workflow_id, "starts", starts=limit)

    def warnings(self, workflow_id: str) -> Sequence[ScheduleWarning]:
        return self._member(tuple[ScheduleWarning, ...], workflow_id, "warnings")

    def _member(self, kind: type[T], workflow_id: str, name: str, *, starts: int = 0) -> T:
        data = self._workflows.ask("GET", workflow_id, "schedule", params={"starts": starts})
        return self._workflows.read(kind, self._workflows.member(data, name))
