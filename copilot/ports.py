"""What the stages need from outside; the engine's side is in `sources/engine.py` and `targets/engine.py`."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from pydantic import AwareDatetime, Field, JsonValue

from .snapshot import Snapshot, Standing
from .types import DryRun, Frozen, RunRecord
from .types.outlook import Outlook


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

    def as_failed(
        self, workspace_id: str, execution_id: str, *, at: datetime, version: int
    ) -> RunRecord:
        """A run as it was when it failed at *at*, with that version, also if it went on since.

        Then without the steps that it had not come to; as it is now where that is not known any
        more. Raises NotFound, like `run`.
        """
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


class Circumstances(Frozen):
    """What one run was carried out with, as far as its system keeps it."""

    execution_id: str
    workflow_version: int
    version_made_at: AwareDatetime | None = None
    definition: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    input_shapes: dict[str, str] = Field(
        default_factory=dict[str, str],
        description="Name of an input to what it was: 'text', 'a number', 'a list of 3'.",
    )
    started_at: AwareDatetime
    finished_at: AwareDatetime | None = None


class Touched(Frozen):
    """The last change of something a workspace has: a template, an integration, …"""

    kind: str
    name: str
    version: int = Field(ge=1, description="1: it was made then.")
    at: AwareDatetime
    deleted: bool = False


class QuotaUse(Frozen):
    """How far one limit of one account is used."""

    account: str
    limit: str = Field(description="'100 emails/day'.")
    used: int
    resets_at: AwareDatetime | None = None


class RunHistory(Protocol):
    """What was different the last time it went well. Every read is bound to one workspace."""

    def circumstances(self, workspace_id: str, execution_id: str) -> Circumstances:
        """Those of one run. Raises NotFound."""
        ...

    def last_green(
        self, workspace_id: str, workflow_id: str, *, before: datetime
    ) -> Circumstances | None:
        """Those of the newest run of a workflow that was started before and succeeded; not a test.

        None without one among the latest that succeeded.
        """
        ...

    def touched(self, workspace_id: str, *, after: datetime, before: datetime) -> Sequence[Touched]:
        """What the workspace has that was last changed between two moments, the newest first."""
        ...

    def quota_use(self, workspace_id: str) -> Sequence[QuotaUse]:
        """Limits of the workspace's accounts that something is used of, the fullest first."""
        ...


class Outlooks(Protocol):
    """What is known of a definition before it runs. Every read is bound to one workspace."""

    def of(
        self,
        workspace_id: str,
        definition: str | Mapping[str, Any],
        *,
        workflow_id: str | None = None,
    ) -> Outlook:
        """Of a definition that is written; *workflow_id*: of which workflow it is to be a version.

        Raises the system's own error for one that is not valid.
        """
        ...

    def of_stored(self, workspace_id: str, workflow_id: str) -> Outlook:
        """Of a workflow's newest version. Raises NotFound."""
        ...

    def shape(self, workspace_id: str, workflow_id: str) -> tuple[str, int] | None:
        """How its steps are put together, and how many there are; None without the workflow."""
        ...


class DefinitionChecker(Protocol):
    def problems(self, snapshot: Snapshot) -> Sequence[str]:
        """Why this definition can't be run, in words for people; empty when it can."""
        ...


class DefinitionReader(Protocol):
    def read(self, text: str) -> dict[str, JsonValue]:
        """The definition that YAML or JSON *text* is, as a snapshot has it.

        Raises InvalidInput with what is wrong with it.
        """
        ...


class Unstorable(Exception):
    """`Unstorable(problems)`: a target will never take this; one line each, in words for people.

    Whoever has asked for the change is told by an error of ours.
    """

    @property
    def problems(self) -> Sequence[str]:
        return self.args[0]

    def __str__(self) -> str:
        return "; ".join(self.problems)


class Target(DefinitionChecker, Protocol):
    """Where fixes go. Remembers change ids, so that applying one twice does it once."""

    def snapshot(
        self, workspace_id: str, workflow_id: str, *, also: Collection[str] = ()
    ) -> Snapshot:
        """The current version with the resources around it. Raises NotFound.

        also: names of resources to be there that nothing in the definition stands for alone, as
        one that its instructions speak of.
        """
        ...

    def canonical(self, snapshot: Snapshot) -> Snapshot:
        """*snapshot* as it would be read again once it was stored. Raises Unstorable."""
        ...

    def apply(self, change_id: str, *, base: Snapshot, changed: Snapshot) -> int:
        """Store *changed* as a new version and return its number; once per *change_id*.

        Raises StaleBase when any part that differs has moved since *base* was taken, and Unstorable
        for what it will never take, whether or not `problems` has named that.
        """
        ...

    def applied_version(self, change_id: str) -> int | None:
        """The version this change made, None if it was never applied."""
        ...

    def runs_started_since(self, workspace_id: str, workflow_id: str, moment: datetime) -> int:
        """Runs that have started since: undo says so."""
        ...

    def definitions(self, workspace_id: str) -> Mapping[str, Mapping[str, JsonValue]]:
        """The newest of each workflow there is, by its id: who uses what a fix has made."""
        ...


class Versions(Protocol):
    """Workflows as they were: what a run was carried out with."""

    def at(
        self, workspace_id: str, workflow_id: str, version: int, *, also: Collection[str] = ()
    ) -> Snapshot:
        """That version, with the resources that it names as they are now. Raises NotFound.

        also: names of others to be there.
        """
        ...


class Deeds(Protocol):
    """Where actions are carried out. Remembers change ids, so that a deed is done once."""

    def standing(
        self, workspace_id: str, workflow_id: str, *, execution_id: str | None = None
    ) -> Standing:
        """How things stand around a workflow, with one of its runs if one is named.

        Raises NotFound, also for a run of another workflow.
        """
        ...

    def carry_out(self, change_id: str, decided: Snapshot, *, actor: str) -> int:
        """Do the deed of *decided*, and give the version of the workflow; once per *change_id*.

        Raises StaleBase when things do not stand as *decided* has them any more, and NotFound when
        what it is about is gone.
        """
        ...

    def take_back(self, change_id: str, of: str, decided: Snapshot) -> int:
        """Undo what the change *of*, the deed of *decided*, did; once per *change_id*.

        Raises NotReversible when that is gone already, and NotFound when what it was about is.
        """
        ...

    def done_at(self, change_id: str) -> int | None:
        """The version at which this was done, None if it never was."""
        ...


class DryRunner(Protocol):
    """Tries a change where that has no effect outside."""

    def try_out(
        self,
        execution_id: str,
        *,
        base: Snapshot,
        changed: Snapshot,
        seconds: float | None = None,
    ) -> DryRun:
        """The step that a run failed at, carried out as *changed* has it on the same input.

        Takes a few seconds at most, or *seconds* where that is less, and stores nothing. What can't be tried says so: it raises
        nothing for that.
        """
        ...
