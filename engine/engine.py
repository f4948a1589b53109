"""The engine as a whole: workflows and resources in, runs carried out, what happened out."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Self

import sqlalchemy as sa

from .actions import Action
from .actions import catalog as shipped_actions
from .definition.workflow import Workflow
from .dispatch import Dispatcher
from .dispatch.schedule import Job
from .execution import Execution, ResumeMode
from .network import OutboundPolicy
from .plugins import Plugin
from .ports import (
    Clock,
    EngineSettings,
    IntegrationRefresher,
    LanguageModel,
    MailServer,
    ModelCatalog,
    SecretMasker,
    Secrets,
    WorkspaceLimits,
)
from .quota import NoQuotas, QuotaSource
from .run.context import NoLimits, NoMasker, NoSecrets, SystemClock
from .run.interpreter import Listening
from .run.trial import ResourceAsIf, Trial
from .runs import RunViews
from .schedule.schedules import Notifier, ScheduleRules, default_rules
from .storage.database import at_one_moment, connect, lock_for
from .storage.definitions import (
    Content,
    PlainChange,
    ResourceChange,
    StoredResources,
    StoredWorkflow,
)
from .storage.migrations import upgrade
from .storage.writer import Writer
from .tenancy import WorkspaceEngine
from .wiring import Ports, put_together
from .workspace import ResourceKind


class Engine(RunViews):
    """Open it with `start` or `with`. Methods may be called from any thread; each is one
    transaction and blocks for no longer than that, except `wait`."""

    def __init__(
        self,
        settings: EngineSettings,
        *,
        model: LanguageModel | None = None,
        catalog: ModelCatalog | None = None,
        refresher: IntegrationRefresher | None = None,
        plugins: Mapping[str, Plugin] | None = None,
        secrets: Secrets | None = None,
        mail: MailServer | None = None,
        masker: SecretMasker | None = None,
        clock: Clock | None = None,
        network: OutboundPolicy | None = None,
        actions: Mapping[str, Action] | None = None,
        limits: WorkspaceLimits | None = None,
        quotas: QuotaSource | None = None,
        notifier: Notifier | None = None,
        schedule_rules: Callable[[str], ScheduleRules] = default_rules,
        listening: Listening | None = None,
        dispatcher: Dispatcher | None = None,
        writer: Callable[[sa.Engine], Writer] = Writer,
    ) -> None:
        """*plugins* are the application's own, by name; *actions* are all there are.

        Without a *notifier* the log says which schedules are about to be paused.
        """
        ports = Ports(
            model=model,
            catalog=catalog,
            refresher=refresher,
            plugins=plugins or {},
            secrets=secrets or NoSecrets(),
            mail=mail,
            masker=masker or NoMasker(),
            clock=clock or SystemClock(),
            network=network or OutboundPolicy(),
            actions=shipped_actions() if actions is None else actions,
            limits=limits or NoLimits(),
            quotas=quotas or NoQuotas(),
            notifier=notifier,
            schedule_rules=schedule_rules,
            listening=listening,
            dispatcher=dispatcher,
            writer=writer,
        )
        self.settings = settings
        self.database = connect(settings.url)
        self._lock = lock_for(self.database)
        parts = put_together(self.database, settings, ports)
        self._definitions = parts.definitions
        self.workflow_store = parts.workflows
        self.deeds = parts.deeds
        self.resource_store = parts.resources
        self.queue_limits = parts.queue_limits
        self.learning = parts.learning
        self.schedules = parts.schedules
        self.allowances = parts.allowances
        self.parked = parts.parked
        self.streams = parts.streams
        self.tiles = parts.tiles
        self.runs = parts.runs
        self.resume_options = parts.resume_options
        self.offer = ports.offer()
        self._trials = parts.trials
        self._clock = ports.clock
        self._writer = parts.writer
        self._dispatcher = parts.dispatcher
        self._reconciler = parts.reconciler
        self._interpreter = parts.interpreter

    @classmethod
    def open(cls, settings: EngineSettings, *, dispatch: bool = True, **ports: Any) -> Self:
        """An engine that has been started; *ports* are those of the constructor."""
        engine = cls(settings, **ports)
        engine.start(dispatch=dispatch)
        return engine

    def start(self, *, dispatch: bool = True) -> None:
        """Takes the file's lock, brings the schema up, and works on the queue if *dispatch*.

        Without *dispatch* runs can be submitted and are carried out by the next engine that does,
        or once this one is told to `work`. Raises `StoreBusy` if another process still has the file
        after the wait of the settings.
        """
        with ExitStack() as undo:
            undo.callback(self.close)
            if self._lock is not None:
                self._lock.acquire(self.settings.lock_wait_seconds)
            upgrade(self.database)
            self._writer.start()
            if dispatch:
                self.work()
            undo.pop_all()

    def work(self) -> None:
        """Carries out runs and jobs from now on; once, after `start` without *dispatch*."""
        self._dispatcher.start(self._interpreter.carry_out)
        self._reconciler.run_once()
        self._reconciler.start(self.settings.reconcile_seconds)

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
        """Has *job* called with the time of each tick of *cron* (UTC), in a thread; before it works.

        Once a tick over all processes; of the ticks nobody was there for, the last is made up.
        Raises `InvalidSchedule`.
        """
        self._dispatcher.schedule(name, cron, job)

    def workspace(
        self,
        workspace_id: str,
        *,
        actor: str | None = None,
        request_key: str | None = None,
        actor_kind: str = "machine",
        roles: frozenset[str] = frozenset(),
    ) -> WorkspaceEngine:
        """The engine as one workspace sees it, for one request."""
        return WorkspaceEngine(
            self,
            workspace_id,
            actor=actor,
            request_key=request_key,
            actor_kind=actor_kind,
            roles=roles,
        )

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
        `InvalidDefinition`, `InvalidSchedule` or `StaleVersion`.
        """
        self.offer.check(workflow)
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

        Gives the version, the same one however often it is called. Raises `InvalidDefinition`,
        `InvalidSchedule`, or `StaleVersion` if the workflow or a touched resource has moved;
        nothing is then changed.
        """
        if self.change_version(change_id) is None:
            self.offer.check(workflow)
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
        priority: int | None = None,
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
            priority=priority,
        )

    def wait(self, workspace_id: str, execution_id: str, timeout: float) -> Execution:
        """The run when it has ended or waits for a person, or as it is after *timeout* seconds."""
        return self.runs.wait(workspace_id, execution_id, timeout)

    def resume(
        self,
        workspace_id: str,
        execution_id: str,
        *,
        mode: ResumeMode = "full",
        version: int | None = None,
        repeat_effects: bool = False,
    ) -> Execution:
        """Queues the next round, of the newest version of the workflow unless told otherwise.

        'full' runs everything again; 'partial' keeps the outputs of steps that succeeded;
        'dependencies' runs the failed step again with the steps it needs, and then goes on. An
        output is never kept if the definition of its step, or of one it read, has changed. What
        can't be repeated is done again only with *repeat_effects*. Raises `NotFound`,
        `AlreadyRunning`, `NotResumable` or `EffectWouldRepeat`.
        """
        return self.runs.resume(
            workspace_id, execution_id, mode=mode, version=version, repeat_effects=repeat_effects
        )

    def try_step(
        self,
        workspace_id: str,
        execution_id: str,
        workflow: Workflow,
        *,
        resources: Sequence[ResourceAsIf] = (),
        seconds: float | None = None,
    ) -> Trial:
        """The step that a run has failed at, tried on the same input as *workflow* has it.

        Only steps that read the workspace's files and compute are tried, for 2 s at most, or
        *seconds* where that is less; nothing is stored. Raises `NotFound`.
        """
        return self._trials.of(
            workspace_id, execution_id, workflow, resources=resources, seconds=seconds
        )

    def cancel(self, workspace_id: str, execution_id: str) -> Execution:
        """Ends a run; one that has ended stays as it is. A step under way stops within a second."""
        return self.runs.cancel(workspace_id, execution_id)
