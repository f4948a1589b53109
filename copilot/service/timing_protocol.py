"""The use cases about what the clock decides: quotas and schedules; see `protocol.py`."""

from collections.abc import Sequence
from typing import Protocol

from ..types.engine import (
    AccountAllowances,
    Override,
    ScheduledStart,
    ScheduleRecord,
    ScheduleWarning,
    WaitingRun,
)


class Quotas(Protocol):
    """What the workspace's accounts may still do. *name* is `unit/window`: invitations/day."""

    def list(self) -> Sequence[AccountAllowances]: ...

    def waiting(self) -> Sequence[WaitingRun]:
        """Runs that go on by themselves when their quota resets, the next first."""
        ...

    def override(self, integration: str, name: str, override: Override) -> AccountAllowances: ...

    def restore(self, integration: str, name: str) -> AccountAllowances: ...


class Schedules(Protocol):
    """Workflows that are started by the clock. How they fared is as of its last tick."""

    def list(self) -> Sequence[ScheduleRecord]: ...

    def get(self, workflow_id: str) -> ScheduleRecord: ...

    def starts(self, workflow_id: str, *, limit: int = 50) -> Sequence[ScheduledStart]:
        """What came of the last ticks, the newest first."""
        ...

    def warnings(self, workflow_id: str) -> Sequence[ScheduleWarning]:
        """What may go wrong with it, by its words: nobody watches a run by the clock."""
        ...
