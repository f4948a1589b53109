"""The engine's own use cases for one principal: what the role may is checked, changes are recorded."""

from collections.abc import Callable, Mapping
from typing import Any

from engine.engine import Engine
from engine.observe.events import WorkspaceEvents
from engine.run.allowances import BoundAllowances
from engine.schedule.schedules import BoundSchedules
from engine.storage.events import MOST_IN_A_PAGE
from engine.storage.resource_checks import flaws
from engine.tenancy import Executions, Workflows, WorkspaceEngine, WorkspaceResources

from ..errors import InvalidInput
from ..redaction import mask_secrets
from ..types.engine import (
    AccountAllowances,
    Decision,
    EventPage,
    Execution,
    ExecutionPage,
    ExecutionStatus,
    Hints,
    Override,
    Progress,
    ResourceKind,
    ResumeMode,
    ResumeOptions,
    ScheduledStart,
    ScheduleRecord,
    ScheduleWarning,
    StepApproval,
    StepExecution,
    StoredResource,
    Tiles,
    WaitingRun,
    Watch,
    WorkflowRecord,
    WorkflowVersionSummary,
)
from ..types.principal import Principal, Role, Scope
from .caller import Caller
from .written_secrets import refuse_secret_name, refuse_secrets, without_secrets


class GuardedWorkflows(Workflows):
    def __init__(self, engine: Engine, caller: Caller) -> None:
        super().__init__(
            engine, caller.workspace_id, actor=caller.actor, request_key=caller.request
        )
        self._caller = caller

    def list(self) -> tuple[WorkflowRecord, ...]:
        self._caller.require(Scope.READ)
        return super().list()

    def get(self, workflow_id: str, version: int | None = None) -> WorkflowRecord:
        self._caller.require(Scope.READ)
        return super().get(workflow_id, version)

    def versions(self, workflow_id: str) -> tuple[WorkflowVersionSummary, ...]:
        self._caller.require(Scope.READ)
        return super().versions(workflow_id)

    def hints(self, workflow_id: str) -> Hints:
        self._caller.require(Scope.READ)
        return super().hints(workflow_id)

    def create(
        self, definition: str | Mapping[str, Any], *, workflow_id: str | None = None
    ) -> WorkflowRecord:
        self._caller.require(Scope.EDIT)
        made = super().create(definition, workflow_id=workflow_id)
        self._caller.record("create_workflow", made.workflow_id, version=made.version)
        return made

    def replace(
        self, workflow_id: str, definition: str | Mapping[str, Any], *, expected_version: int
    ) -> WorkflowRecord:
        self._caller.require(Scope.EDIT)
        made = super().replace(workflow_id, definition, expected_version=expected_version)
        self._caller.record("replace_workflow", workflow_id, version=made.version)
        return made

    def pause(self, workflow_id: str, *, reason: str = "") -> WorkflowRecord:
        self._caller.require(Scope.RUN)
        paused = super().pause(workflow_id, reason=reason)
        self._caller.record("pause_workflow", workflow_id, reason=reason)
        return paused

    def unpause(self, workflow_id: str) -> WorkflowRecord:
        self._caller.require(Scope.RUN)
        going = super().unpause(workflow_id)
        self._caller.record("unpause_workflow", workflow_id)
        return going


class GuardedExecutions(Executions):
    """Runs record who started them themselves, so starting one is not in the audit as well."""

    def __init__(self, engine: Engine, caller: Caller) -> None:
        super().__init__(
            engine,
            caller.workspace_id,
            actor=caller.actor,
            request_key=caller.request,
            actor_kind=caller.principal.kind.value,
            roles=_roles(caller.principal),
        )
        self._caller = caller

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
        self._caller.require(Scope.RUN)
        return super().start(
            workflow_id,
            inputs=inputs,
            test_mode=test_mode,
            timeout_seconds=timeout_seconds,
            priority=priority,
            trigger=trigger,
        )

    def list(
        self,
        *,
        workflow_id: str | None = None,
        status: ExecutionStatus | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> ExecutionPage:
        self._caller.require(Scope.READ)
        return super().list(workflow_id=workflow_id, status=status, cursor=cursor, limit=limit)

    def get(self, execution_id: str) -> Execution:
        self._caller.require(Scope.READ)
        return super().get(execution_id)

    def steps(self, execution_id: str, *, outputs: bool = True) -> tuple[StepExecution, ...]:
        self._caller.require(Scope.READ)
        return super().steps(execution_id, outputs=outputs)

    def history(self, execution_id: str) -> tuple[StepExecution, ...]:
        self._caller.require(Scope.READ)
        return super().history(execution_id)

    def progress(self, execution_id: str) -> Progress:
        self._caller.require(Scope.READ)
        return super().progress(execution_id)

    def wait(self, execution_id: str, timeout: float) -> Execution:
        self._caller.require(Scope.READ)
        return super().wait(execution_id, timeout)

    def cancel(self, execution_id: str) -> Execution:
        self._caller.require(Scope.RUN)
        ended = super().cancel(execution_id)
        self._caller.record("cancel_execution", execution_id)
        return ended

    def resume(
        self, execution_id: str, *, mode: ResumeMode = "full", repeat_effects: bool = False
    ) -> Execution:
        self._caller.require(Scope.RUN)
        resumed = super().resume(execution_id, mode=mode, repeat_effects=repeat_effects)
        chosen = {"repeat_effects": True} if repeat_effects else {}
        self._caller.record(
            "resume_execution", execution_id, mode=mode, round=resumed.round, **chosen
        )
        return resumed

    def resume_options(self, execution_id: str) -> ResumeOptions:
        self._caller.require(Scope.READ)
        return super().resume_options(execution_id)

    def waiting(self) -> tuple[StepApproval, ...]:
        self._caller.require(Scope.READ)
        return super().waiting()

    def approvals(self, execution_id: str) -> tuple[StepApproval, ...]:
        self._caller.require(Scope.READ)
        return super().approvals(execution_id)

    def decide(
        self, execution_id: str, path: str, *, decision: Decision, comment: str = ""
    ) -> Execution:
        """The engine refuses machines, and people without the role that the step names."""
        self._caller.require(Scope.RUN)
        path = f"/{path.strip('/')}"
        decided = super().decide(execution_id, path, decision=decision, comment=comment)
        self._caller.record("decide_approval", execution_id, path=path, decision=decision)
        return decided


class GuardedEvents(WorkspaceEvents):
    def __init__(self, engine: Engine, caller: Caller) -> None:
        super().__init__(engine.streams, engine.tiles, caller.workspace_id)
        self._caller = caller

    def page(self, execution_id: str, *, after: int = 0, limit: int = MOST_IN_A_PAGE) -> EventPage:
        self._caller.require(Scope.READ)
        return super().page(execution_id, after=after, limit=limit)

    def watch(self, execution_id: str, *, after: int = 0) -> Watch:
        self._caller.require(Scope.READ)
        return super().watch(execution_id, after=after)

    def live(self, execution_id: str) -> Tiles:
        self._caller.require(Scope.READ)
        return super().live(execution_id)


class GuardedQuotas(BoundAllowances):
    def __init__(self, engine: Engine, caller: Caller) -> None:
        super().__init__(engine.allowances, caller.workspace_id, caller.actor)
        self._caller = caller

    def list(self) -> tuple[AccountAllowances, ...]:
        self._caller.require(Scope.READ)
        return super().list()

    def waiting(self) -> tuple[WaitingRun, ...]:
        self._caller.require(Scope.READ)
        return super().waiting()

    def override(self, integration: str, name: str, override: Override) -> AccountAllowances:
        self._caller.require(Scope.EDIT)
        stored = super().override(integration, name, override)
        self._caller.record("override_quota", f"{integration}/{name}", limit=override.limit)
        return stored

    def restore(self, integration: str, name: str) -> AccountAllowances:
        self._caller.require(Scope.EDIT)
        stored = super().restore(integration, name)
        self._caller.record("restore_quota", f"{integration}/{name}")
        return stored


class GuardedSchedules(BoundSchedules):
    def __init__(self, engine: Engine, caller: Caller) -> None:
        super().__init__(engine.schedules, caller.workspace_id)
        self._caller = caller

    def list(self) -> tuple[ScheduleRecord, ...]:
        self._caller.require(Scope.READ)
        return super().list()

    def get(self, workflow_id: str) -> ScheduleRecord:
        self._caller.require(Scope.READ)
        return super().get(workflow_id)

    def starts(self, workflow_id: str, *, limit: int = 50) -> tuple[ScheduledStart, ...]:
        self._caller.require(Scope.READ)
        return super().starts(workflow_id, limit=limit)

    def warnings(self, workflow_id: str) -> tuple[ScheduleWarning, ...]:
        self._caller.require(Scope.READ)
        return super().warnings(workflow_id)


class GuardedResources(WorkspaceResources):
    def __init__(self, engine: Engine, caller: Caller, *, mask: Callable[[str], str]) -> None:
        super().__init__(
            engine, caller.workspace_id, actor=caller.actor, request_key=caller.request
        )
        self._caller = caller
        self._mask = mask

    def list(self, kind: ResourceKind | None = None) -> tuple[StoredResource, ...]:
        self._caller.require(Scope.READ)
        return tuple(map(self._shown, super().list(kind)))

    def get(self, kind: ResourceKind, name: str) -> StoredResource:
        self._caller.require(Scope.READ)
        return self._shown(super().get(kind, name))

    def _shown(self, stored: StoredResource) -> StoredResource:
        """An account may be older than what is refused today: who may edit it, sees all of it."""
        if self._caller.principal.may(Scope.EDIT) or stored.kind != ResourceKind.INTEGRATION:
            return stored
        content = without_secrets(stored.content, mask=self._mask)
        return stored.model_copy(update={"content": content})

    def put(
        self,
        kind: ResourceKind,
        name: str,
        content: Mapping[str, Any],
        *,
        expected_version: int | None = None,
    ) -> StoredResource:
        """As the engine does. Raises InvalidInput for the first thing that is wrong with it."""
        self._caller.require(Scope.EDIT)
        kind = ResourceKind(kind)
        is_new = name not in {one.name for one in super().list(kind)}
        for one in flaws(kind, name, content, is_new=is_new):
            raise InvalidInput(self._mask(one.place), one.problem, one.advice)
        if kind == ResourceKind.INTEGRATION:
            if is_new:
                refuse_secret_name(name, mask=self._mask)
            refuse_secrets(content, mask=self._mask)
        stored = super().put(kind, name, content, expected_version=expected_version)
        self._caller.record("put_resource", f"{stored.kind}/{name}", version=stored.version)
        return stored

    def delete(self, kind: ResourceKind, name: str, *, expected_version: int | None = None) -> None:
        self._caller.require(Scope.EDIT)
        super().delete(kind, name, expected_version=expected_version)
        self._caller.record("delete_resource", f"{ResourceKind(kind).value}/{name}")


class GuardedEngine(WorkspaceEngine):
    """What the engine's own router is given. mask: takes secrets out of a text."""

    def __init__(
        self, engine: Engine, caller: Caller, *, mask: Callable[[str], str] = mask_secrets
    ) -> None:
        super().__init__(
            engine, caller.workspace_id, actor=caller.actor, request_key=caller.request
        )
        self.workflows: GuardedWorkflows = GuardedWorkflows(engine, caller)
        self.executions: GuardedExecutions = GuardedExecutions(engine, caller)
        self.resources: GuardedResources = GuardedResources(engine, caller, mask=mask)
        self.events: GuardedEvents = GuardedEvents(engine, caller)
        self.quotas: GuardedQuotas = GuardedQuotas(engine, caller)
        self.schedules: GuardedSchedules = GuardedSchedules(engine, caller)


def _roles(principal: Principal) -> frozenset[str]:
    """A person's role and those below it: who may approve may do what an operator may."""
    known = list(Role)
    return frozenset(role.value for role in known[: known.index(principal.role) + 1])
