"""The engine as a whole: workflows and resources in, runs carried out, what happened out."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from typing import Any, Self

from .actions import Action, catalog
from .definition.workflow import Workflow
from .dispatch import Dispatcher
from .dispatch.dbos import DbosDispatcher
from .dispatch.reconcile import Reconciler
from .dispatch.schedule import Job
from .execution import (
    EndedRun,
    Execution,
    ExecutionStatus,
    FailedRun,
    Progress,
    ResumeMode,
    StepExecution,
)
from .network import OutboundPolicy
from .ports import (
    Clock,
    EngineSettings,
    LanguageModel,
    MailServer,
    SecretMasker,
    Secrets,
    WorkspaceLimits,
)
from .run.context import NoLimits, NoMasker, NoSecrets, Outside, SystemClock
from .run.interpreter import Interpreter
from .runs import Runs
from .storage.database import at_one_moment, connect, lock_for
from .storage.definitions import (
    Content,
    DefinitionStore,
    PlainChange,
    ResourceChange,
    StoredResources,
    StoredWorkflow,
)
from .storage.executions import ExecutionStore
from .storage.migrations import upgrade
from .storage.requests import RequestKeys
from .storage.resources import ResourceStore
from .storage.rounds import RoundStore
from .storage.spending import SpendingStore
from .storage.workflows import WorkflowStore
from .storage.writer import Writer
from .tenancy import WorkspaceEngine
from .workspace import ResourceKind


class Engine:
    """Open it with `start` or `with`. Methods may be called from any thread; each is one
    transaction and blocks for no longer than that, except `wait`."""

    def __init__(
        self,
        settings: EngineSettings,
        *,
        model: LanguageModel | None = None,
        secrets: Secrets | None = None,
        mail: MailServer | None = None,
        masker: SecretMasker | None = None,
        clock: Clock | None = None,
        network: OutboundPolicy | None = None,
        actions: Mapping[str, Action] | None = None,
        limits: WorkspaceLimits | None = None,
        dispatcher: Dispatcher | None = None,
    ) -> None:
        self.settings = settings
        self.database = connect(settings.url)
        self._clock = clock or SystemClock()
        self._lock = lock_for(self.database)
        requests = RequestKeys()
        self._definitions = DefinitionStore(self.database, self._clock)
        self.workflow_store = WorkflowStore(self.database, self._definitions, requests, self._clock)
        self.resource_store = ResourceStore(self.database, self._clock)
        self._executions = ExecutionStore(self.database, self._definitions)
        rounds = RoundStore(
            self.database, self._definitions, self._executions, requests, self._clock
        )
        self._writer = Writer(self.database)
        self._dispatcher = dispatcher or DbosDispatcher(self.database, settings)
        self._reconciler = Reconciler(
            rounds, self._dispatcher, most_dispatches=settings.most_recoveries
        )
        self.actions = catalog() if actions is None else actions
        outside = Outside(
            files=settings.files,
            actions=self.actions,
            model=model,
            secrets=secrets or NoSecrets(),
            mail=mail,
            masker=masker or NoMasker(),
            clock=self._clock,
            network=network or OutboundPolicy(),
            limits=limits or NoLimits(),
        )
        self._interpreter = Interpreter(
            self._definitions, SpendingStore(self.database), self._writer, outside
        )
        self.runs = Runs(
            settings,
            self._definitions,
            self._executions,
            rounds,
            self._dispatcher,
            self._interpreter,
        )

    @classmethod
    def open(cls, settings: EngineSettings, *, dispatch: bool = True, **ports: Any) -> Self:
        """An engine that has been started; *ports* are those of the constructor."""
        engine = cls(settings, **ports)
        engine.start(dispatch=dispatch)
        return engine

    def start(self, *, dispatch: bool = True) -> None:
        """Takes the file's lock, brings the schema up, and works on the queue if *dispatch*.

        Without *dispatch* runs can be submitted and are carried out by the next engine that does.
        Raises `StoreBusy` if another process still has the file after the wait of the settings.
        """
        with ExitStack() as undo:
            undo.callback(self.close)
            if self._lock is not None:
                self._lock.acquire(self.settings.lock_wait_seconds)
            upgrade(self.database)
            self._writer.start()
            if dispatch:
                self._dispatcher.start(self._interpreter.carry_out)
                self._reconciler.run_once()
                self._reconciler.start(self.settings.reconcile_seconds)
            undo.pop_all()

    def close(self) -> None:
        """Stops working; what is under way goes on at the next start."""
        self._reconciler.close()
        self._interpreter.stop(2.0)
        self._dispatcher.close()
        self._writer.close()
        self.database.dispose()
        if self._lock is not None:
            self._lock.release()

    def at_one_moment(self) -> AbstractContextManager[None]:
        """Reading inside, in this thread, sees one moment over one connection; writing stays out."""
        return at_one_moment(self.database)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def schedule(self, name: str, cron: str, job: Job) -> None:
        """Has *job* called with the time of each tick of *cron* (UTC), in a thread; before `start`.

        Once a tick over all processes; of the ticks nobody was there for, the last is made up.
        Raises `InvalidSchedule`.
        """
        self._dispatcher.schedule(name, cron, job)

    def workspace(
        self, workspace_id: str, *, actor: str | None = None, request_key: str | None = None
    ) -> WorkspaceEngine:
        """The engine as one workspace sees it, for one request."""
        return WorkspaceEngine(self, workspace_id, actor=actor, request_key=request_key)

    def put_workflow(
        self,
        workspace_id: str,
        workflow: Workflow,
        *,
        workflow_id: str | None = None,
        expected_version: int | None = None,
    ) -> StoredWorkflow:
        """A new version; a new workflow without *workflow_id*.

        *expected_version* is the newest the caller has seen, 0 for none at all. Raises
        `StaleVersion`.
        """
        return self._definitions.put_workflow(
            workspace_id, workflow, workflow_id=workflow_id, expected_version=expected_version
        )

    def workflow(
        self, workspace_id: str, workflow_id: str, version: int | None = None
    ) -> StoredWorkflow:
        """The newest version, or *version*. Raises `NotFound`."""
        return self._definitions.workflow(workspace_id, workflow_id, version)

    def workflows(self, workspace_id: str) -> tuple[StoredWorkflow, ...]:
        """The newest version of each."""
        return self._definitions.workflows(workspace_id)

    def put_resource(
        self,
        workspace_id: str,
        kind: ResourceKind | str,
        name: str,
        resource: Content,
        *,
        expected_version: int | None = None,
    ) -> int:
        """Its new version; None as *resource* deletes. Raises `StaleVersion`, `InvalidDefinition`."""
        change = ResourceChange(kind, name, resource, expected_version)
        return self._definitions.put_resource(workspace_id, change)

    def resources(self, workspace_id: str) -> StoredResources:
        """Everything the workspace has, as of one moment."""
        return self._definitions.resources(workspace_id)

    def apply_change(
        self,
        workspace_id: str,
        *,
        change_id: str,
        workflow_id: str,
        expected_version: int,
        workflow: Workflow,
        resources: Sequence[ResourceChange | PlainChange] = (),
    ) -> int:
        """A new workflow version and resources with it, in one transaction, once per *change_id*.

        Gives the version, the same one however often it is called. Raises `StaleVersion` if the
        workflow or a touched resource has moved; nothing is then changed.
        """
        return self._definitions.apply_change(
            workspace_id,
            change_id=change_id,
            workflow_id=workflow_id,
            expected_version=expected_version,
            workflow=workflow,
            resources=[ResourceChange(*change) for change in resources],
        )

    def change_version(self, change_id: str) -> int | None:
        """The version a change made; None if it was never applied."""
        return self._definitions.change_version(change_id)

    def submit(
        self,
        workspace_id: str,
        workflow_id: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        trigger: str = "manual",
        test_mode: bool = False,
        timeout_seconds: float | None = None,
    ) -> Execution:
        """Queues a run of the newest version, as `Runs.submit` does."""
        return self.runs.submit(
            workspace_id,
            workflow_id,
            inputs=inputs,
            user_id=user_id,
            session_id=session_id,
            trigger=trigger,
            test_mode=test_mode,
            timeout_seconds=timeout_seconds,
        )

    def wait(self, workspace_id: str, execution_id: str, timeout: float) -> Execution:
        """The run when it has ended, or as it is after *timeout* seconds. Raises `NotFound`."""
        return self.runs.wait(workspace_id, execution_id, timeout)

    def execution(self, workspace_id: str, execution_id: str) -> Execution:
        """The run, with its output once it has succeeded. Raises `NotFound`."""
        return self._executions.execution(workspace_id, execution_id)

    def executions(
        self,
        workspace_id: str,
        *,
        workflow_id: str | None = None,
        status: ExecutionStatus | None = None,
        limit: int = 50,
    ) -> tuple[Execution, ...]:
        """The newest first, without outputs."""
        page = self._executions.page(
            workspace_id, workflow_id=workflow_id, status=status, limit=limit
        )
        return page.executions

    def steps(
        self, workspace_id: str, execution_id: str, *, outputs: bool = True
    ) -> tuple[StepExecution, ...]:
        """Every step in order, as it stands in the current round; its output if *outputs*.

        Those without a result are pending while the run goes on, and skipped once it has ended.
        """
        return self._executions.steps(workspace_id, execution_id, outputs=outputs)

    def history(self, workspace_id: str, execution_id: str) -> tuple[StepExecution, ...]:
        """Every step of every round as it was recorded."""
        return self._executions.history(workspace_id, execution_id)

    def progress(self, workspace_id: str, execution_id: str) -> Progress:
        """How far the run is, as of now."""
        return self.runs.progress(workspace_id, execution_id)

    def ended_runs(
        self, workspace_id: str, *, after: int = 0, limit: int = 100
    ) -> tuple[EndedRun, ...]:
        """Runs that ended after cursor *after*, in the order they ended."""
        return self._executions.ended_runs(workspace_id, after=after, limit=limit)

    def failed_runs(
        self, workspace_id: str | None, *, after: int = 0, limit: int = 100
    ) -> tuple[FailedRun, ...]:
        """Runs that failed after cursor *after*; of every workspace when it is None."""
        return self._executions.failed_runs(workspace_id, after=after, limit=limit)

    def failed_run(self, workspace_id: str, execution_id: str) -> FailedRun | None:
        """One failed run with everything about it; None if it has not failed. Raises `NotFound`."""
        return self._executions.failed_run(workspace_id, execution_id)

    def runs_started_since(self, workspace_id: str, workflow_id: str, moment: datetime) -> int:
        """How many runs of a workflow have been started since."""
        return self._executions.started_since(workspace_id, workflow_id, moment)

    def resume(
        self,
        workspace_id: str,
        execution_id: str,
        *,
        mode: ResumeMode = "full",
        version: int | None = None,
    ) -> Execution:
        """Queues the next round, of the newest version of the workflow unless told otherwise.

        'full' runs everything again; 'partial' keeps the outputs of steps that succeeded;
        'dependencies' runs the failed step again with the steps it needs, and then goes on. An
        output is never kept if the definition of its step, or of one it read, has changed. Raises
        `NotFound`, `AlreadyRunning` or `NotResumable`.
        """
        return self.runs.resume(workspace_id, execution_id, mode=mode, version=version)

    def cancel(self, workspace_id: str, execution_id: str) -> Execution:
        """Ends a run; one that has ended stays as it is. A step under way stops within a second."""
        return self.runs.cancel(workspace_id, execution_id)
