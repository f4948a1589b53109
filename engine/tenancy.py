"""The engine as one workspace sees it, for one request: who asks, and under which key.

What it gives is plain: every answer is equal to itself after a trip through JSON, so that a client
elsewhere can build the same. Values that JSON has no form for are objects with `$type`, as stored.
"""

import unicodedata
from collections.abc import Mapping
from typing import Any, Protocol

from .definition.versions import WorkflowRecord, WorkflowVersionSummary
from .errors import InvalidParameters
from .execution import (
    Decision,
    Execution,
    ExecutionPage,
    ExecutionStatus,
    Progress,
    ResumeMode,
    StepApproval,
    StepExecution,
)
from .observe.events import EventStreams, WorkspaceEvents
from .observe.live import LiveTiles
from .observe.stats import Hints, Learning
from .offer import Offer
from .plain import plain, plain_step
from .run.allowances import Allowances, BoundAllowances
from .run.resume_options import ResumeOptions, ResumeOptionsReader
from .runs import Runs
from .schedule.schedules import BoundSchedules, Schedules
from .storage.approvals import Verdict
from .storage.definitions import ResourceChange
from .storage.resources import ResourceStore
from .storage.workflows import WorkflowStore
from .workspace import ResourceKind, StoredResource

LONGEST_KEY = 255
MACHINE = "machine"
LONGEST_NAME = 200
MOST_IN_A_PAGE = 1000
_UNUSABLE = frozenset({"Cc", "Cs"})  # control characters and halves of characters


class Whole(Protocol):
    """The engine of all workspaces, as far as a workspace needs it."""

    offer: Offer
    workflow_store: WorkflowStore
    resource_store: ResourceStore
    runs: Runs
    resume_options: ResumeOptionsReader
    learning: Learning
    allowances: Allowances
    schedules: Schedules
    streams: EventStreams
    tiles: LiveTiles


class _Part:
    """Bound to one workspace: nothing here can name another."""

    def __init__(
        self,
        engine: Whole,
        workspace_id: str,
        *,
        actor: str | None = None,
        request_key: str | None = None,
        actor_kind: str = MACHINE,
        roles: frozenset[str] = frozenset(),
    ) -> None:
        if request_key is not None:
            _check_text(request_key, "request_key", LONGEST_KEY)
        self._engine = engine
        self._workspace_id = workspace_id
        self._actor = actor
        self._request_key = request_key
        self._actor_kind = actor_kind
        self._roles = roles


class Workflows(_Part):
    """The workflows of a workspace. `create` and `replace` happen once per request key."""

    def list(self) -> tuple[WorkflowRecord, ...]:
        """The newest version of each, by id."""
        return self._engine.workflow_store.records(self._workspace_id)

    def get(self, workflow_id: str, version: int | None = None) -> WorkflowRecord:
        """The newest version, or *version*. Raises `NotFound`."""
        return self._engine.workflow_store.record(self._workspace_id, workflow_id, version)

    def versions(self, workflow_id: str) -> tuple[WorkflowVersionSummary, ...]:
        """Every version, the newest first. Raises `NotFound`."""
        return self._engine.workflow_store.versions(self._workspace_id, workflow_id)

    def create(
        self, definition: str | Mapping[str, Any], *, workflow_id: str | None = None
    ) -> WorkflowRecord:
        """A new workflow from YAML or JSON text or data, under an id of its own if none is given.

        Raises `InvalidDefinition`, `InvalidSchedule`, `InvalidParameters` for the id,
        `AlreadyExists` or `RequestKeyReused`.
        """
        if workflow_id is not None:
            _check_text(workflow_id, "workflow_id", LONGEST_NAME)
        return self._engine.workflow_store.create(
            self._workspace_id,
            self._engine.offer.read(definition),
            workflow_id=workflow_id,
            key=self._request_key,
        )

    def replace(
        self, workflow_id: str, definition: str | Mapping[str, Any], *, expected_version: int
    ) -> WorkflowRecord:
        """The next version. Raises `InvalidDefinition`, `InvalidSchedule`, `NotFound`,
        `StaleVersion` if *expected_version* is not the newest, or `RequestKeyReused`."""
        return self._engine.workflow_store.replace(
            self._workspace_id,
            workflow_id,
            self._engine.offer.read(definition),
            expected_version=expected_version,
            key=self._request_key,
        )

    def pause(self, workflow_id: str, *, reason: str = "") -> WorkflowRecord:
        """It starts no new runs but tests; a first pause stays as it is. Raises `NotFound`."""
        return self._engine.workflow_store.pause(
            self._workspace_id, workflow_id, by=self._actor, reason=reason
        )

    def unpause(self, workflow_id: str) -> WorkflowRecord:
        """It starts runs again. Raises `NotFound`."""
        return self._engine.workflow_store.unpause(self._workspace_id, workflow_id)

    def hints(self, workflow_id: str) -> Hints:
        """What earlier runs suggest for it. Raises `NotFound`."""
        return self._engine.learning.hints(self._workspace_id, workflow_id)


class Executions(_Part):
    """The runs of a workspace. `start` and `resume` happen once per request key."""

    def start(
        self,
        workflow_id: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        test_mode: bool = False,
        timeout_seconds: float | None = None,
        priority: int | None = None,
        trigger: str = "api",
    ) -> Execution:
        """Queues a run of the newest version; *priority* as in `Runs.submit`.

        Raises `NotFound`, `WorkflowPaused`, `InvalidParameters` or `RequestKeyReused`.
        """
        return plain(
            self._engine.runs.submit(
                self._workspace_id,
                workflow_id,
                inputs=inputs,
                user_id=self._actor,
                trigger=trigger,
                test_mode=test_mode,
                timeout_seconds=timeout_seconds,
                priority=priority,
                request_key=self._request_key,
            )
        )

    def list(
        self,
        *,
        workflow_id: str | None = None,
        status: ExecutionStatus | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> ExecutionPage:
        """The newest first, without outputs. Raises `InvalidCursor`, `InvalidParameters`."""
        if not 1 <= limit <= MOST_IN_A_PAGE:
            raise InvalidParameters(
                f"A page has 1 to {MOST_IN_A_PAGE} executions.", parameter="limit"
            )
        page = self._engine.runs.stored.page(
            self._workspace_id, workflow_id=workflow_id, status=status, cursor=cursor, limit=limit
        )
        return ExecutionPage(
            executions=tuple(map(plain, page.executions)), next_cursor=page.next_cursor
        )

    def get(self, execution_id: str) -> Execution:
        """The run, with its output once it has succeeded. Raises `NotFound`."""
        return plain(self._engine.runs.stored.execution(self._workspace_id, execution_id))

    def steps(self, execution_id: str, *, outputs: bool = True) -> tuple[StepExecution, ...]:
        """Every step in order, as it stands in the current round. Raises `NotFound`."""
        found = self._engine.runs.stored.steps(self._workspace_id, execution_id, outputs=outputs)
        return tuple(map(plain_step, found))

    def history(self, execution_id: str) -> tuple[StepExecution, ...]:
        """Every step of every round as it was recorded. Raises `NotFound`."""
        found = self._engine.runs.stored.history(self._workspace_id, execution_id)
        return tuple(map(plain_step, found))

    def progress(self, execution_id: str) -> Progress:
        """How far the run is, as of now. Raises `NotFound`."""
        return self._engine.runs.progress(self._workspace_id, execution_id)

    def wait(self, execution_id: str, timeout: float) -> Execution:
        """The run when it has ended, or as it is after *timeout* seconds. Raises `NotFound`."""
        return plain(self._engine.runs.wait(self._workspace_id, execution_id, timeout))

    def cancel(self, execution_id: str) -> Execution:
        """Ends a run; one that has ended stays as it is. Raises `NotFound`."""
        return plain(self._engine.runs.cancel(self._workspace_id, execution_id))

    def resume(
        self, execution_id: str, *, mode: ResumeMode = "full", repeat_effects: bool = False
    ) -> Execution:
        """Queues the next round, with the newest version of the workflow.

        What can't be repeated is done again only with *repeat_effects*; `resume_report` says what
        is kept. Raises `NotFound`, `AlreadyRunning`, `NotResumable`, `EffectWouldRepeat` or
        `RequestKeyReused`.
        """
        return plain(
            self._engine.runs.resume(
                self._workspace_id,
                execution_id,
                mode=mode,
                repeat_effects=repeat_effects,
                request_key=self._request_key,
            )
        )

    def resume_options(self, execution_id: str) -> ResumeOptions:
        """The ways to resume it: what each keeps, takes, and why it may be refused. Does nothing.

        Raises `NotFound`.
        """
        return self._engine.resume_options.of(self._workspace_id, execution_id)

    def waiting(self) -> tuple[StepApproval, ...]:
        """The approvals of every run that wait for a person, the oldest first."""
        return self._engine.runs.waiting(self._workspace_id)

    def approvals(self, execution_id: str) -> tuple[StepApproval, ...]:
        """Those of one run, of every round, the oldest first. Raises `NotFound`."""
        return self._engine.runs.questions.of_execution(self._workspace_id, execution_id)

    def decide(
        self, execution_id: str, path: str, *, decision: Decision, comment: str = ""
    ) -> Execution:
        """Decides the approval at *path* as the actor of this request; the run goes on.

        Raises `NotFound`, `ApprovalNotAllowed`, `ApprovalClosed` or `RequestKeyReused`.
        """
        verdict = Verdict(
            decision=decision,
            by=self._actor,
            actor_kind=self._actor_kind,
            roles=self._roles,
            comment=comment,
            request_key=self._request_key,
        )
        return plain(self._engine.runs.decide(self._workspace_id, execution_id, path, verdict))


class WorkspaceResources(_Part):
    """Templates, custom fields, integrations and documents of a workspace."""

    def list(self, kind: ResourceKind | None = None) -> tuple[StoredResource, ...]:
        """All of them, or those of one kind, by kind and name."""
        return self._engine.resource_store.stored(self._workspace_id, kind)

    def get(self, kind: ResourceKind, name: str) -> StoredResource:
        """Raises `NotFound`."""
        return self._engine.resource_store.one(self._workspace_id, kind, name)

    def put(
        self,
        kind: ResourceKind,
        name: str,
        content: Mapping[str, Any],
        *,
        expected_version: int | None = None,
    ) -> StoredResource:
        """As it is stored now; *expected_version* 0 means it must not exist.

        Raises `InvalidParameters` for the name, `InvalidDefinition` for the content, or
        `StaleVersion`.
        """
        _check_text(name, "name", LONGEST_NAME)
        change = ResourceChange(kind, name, content, expected_version)
        return self._engine.resource_store.put(self._workspace_id, change)

    def delete(self, kind: ResourceKind, name: str, *, expected_version: int | None = None) -> None:
        """Raises `NotFound` or `StaleVersion`."""
        self._engine.resource_store.delete(
            self._workspace_id, kind, name, expected_version=expected_version
        )


class WorkspaceEngine:
    """One workspace, one request. Put parts of your own in their place to check permissions.

    Only an actor of the kind "person" decides approvals, of the *roles* that the steps name; who
    does not say what kind they are is taken for a machine.
    """

    def __init__(
        self,
        engine: Whole,
        workspace_id: str,
        *,
        actor: str | None = None,
        request_key: str | None = None,
        actor_kind: str = MACHINE,
        roles: frozenset[str] = frozenset(),
    ) -> None:
        self.workspace_id = workspace_id
        self.workflows = Workflows(engine, workspace_id, actor=actor, request_key=request_key)
        self.executions = Executions(
            engine,
            workspace_id,
            actor=actor,
            request_key=request_key,
            actor_kind=actor_kind,
            roles=roles,
        )
        self.resources = WorkspaceResources(
            engine, workspace_id, actor=actor, request_key=request_key
        )
        self.events = WorkspaceEvents(engine.streams, engine.tiles, workspace_id)
        self.quotas = BoundAllowances(engine.allowances, workspace_id, actor)
        self.schedules = BoundSchedules(engine.schedules, workspace_id)


def _check_text(text: str, parameter: str, longest: int) -> None:
    """Raises `InvalidParameters` for what no database or log should be given."""
    unusable = any(unicodedata.category(character) in _UNUSABLE for character in text)
    if unusable or not 1 <= len(text) <= longest:
        raise InvalidParameters(
            f"This {parameter} can't be used: 1 to {longest} characters, none of them a control "
            "character.",
            parameter=parameter,
        )
