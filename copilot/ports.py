"""What the stages need from outside; the engine's side is in `sources/engine.py` and `targets/engine.py`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from pydantic import Field

from .snapshot import Snapshot
from .types import Frozen, RunRecord


class TemplateSummary(Frozen):
    name: str
    description: str = ""
    usage_count: int = 0
    subject: str = ""
    body: str | None = Field(default=None, description="None when it is too long to be copied.")


class FieldSummary(Frozen):
    key: str
    label: str = ""
    type: str = "text"


class WorkspaceContext(Frozen):
    """What this workspace has, as far as an analysis needs it."""

    templates: tuple[TemplateSummary, ...] = Field(
        default=(), description="Most used first, at most 20."
    )
    custom_fields: tuple[FieldSummary, ...] = ()
    integrations: dict[str, bool] = Field(
        default_factory=dict[str, bool], description="Name to connected or not; both are shown."
    )


class EndedRun(Frozen):
    """A run that has ended, with its place in the source's order of endings."""

    cursor: int
    run: RunRecord


class RunReader(Protocol):
    """Runs as their system tells them. Every read is bound to one workspace."""

    def run(self, workspace_id: str, execution_id: str) -> RunRecord:
        """One run with all its steps. Raises NotFound, also for another workspace's."""
        ...

    def ended_after(
        self, workspace_id: str, cursor: int, *, limit: int = 200
    ) -> Sequence[EndedRun]:
        """Runs that ended after *cursor*, oldest first, failed and succeeded alike."""
        ...

    def last_ended(self, workspace_id: str, workflow_id: str) -> RunRecord | None:
        """The newest run of a workflow that has ended, among its latest; None without one."""
        ...


class WorkspaceReader(Protocol):
    def context(self, workspace_id: str) -> WorkspaceContext: ...

    def output_names(self, workspace_id: str, execution_id: str) -> dict[str, Sequence[str]]:
        """Names of what each finished step put out: {'step1': ('emails', 'count')}."""
        ...


class DefinitionChecker(Protocol):
    def problems(self, snapshot: Snapshot) -> Sequence[str]:
        """Why this definition can't be run, in words for people; empty when it can."""
        ...


class Target(Protocol):
    """Where fixes go. Remembers change ids, so that applying one twice does it once."""

    def snapshot(self, workspace_id: str, workflow_id: str) -> Snapshot:
        """The current version with the resources around it. Raises NotFound."""
        ...

    def apply(self, change_id: str, *, base: Snapshot, changed: Snapshot) -> int:
        """Store *changed* as a new version and return its number; once per *change_id*.

        Raises StaleBase when any part that differs has moved since *base* was taken.
        """
        ...

    def applied_version(self, change_id: str) -> int | None:
        """The version this change made, None if it was never applied."""
        ...

    def runs_started_since(self, workspace_id: str, workflow_id: str, moment: datetime) -> int:
        """Runs that have started since: undo says so."""
        ...
