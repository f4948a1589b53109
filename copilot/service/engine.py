"""The engine's own use cases for one principal: what the role may is checked, changes are recorded."""

from collections.abc import Mapping
from typing import Any

from engine.engine import Engine
from engine.tenancy import Executions, Workflows, WorkspaceEngine, WorkspaceResources

from ..types.engine import (
    Hints,
    Execution,
    ExecutionPage,
    ExecutionStatus,
    Progress,
    ResourceKind,
    ResumeMode,
    StepExecution,
    StoredResource,
    WorkflowRecord,
    WorkflowVersionSummary,
)
from ..types.principal import Scope
from .caller import Caller


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
            engine, caller.workspace_id, actor=caller.actor, request_key=caller.request
        )
        self._caller = caller

    def start(
        self,
        workflow_id: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        test_mode: bool = False,
        timeout_seconds: float | None = None,
        trigger: str = "api",
    ) -> Execution:
        self._caller.require(Scope.RUN)
        return super().start(
            workflow_id,
            inputs=inputs,
            test_mode=test_mode,
            timeout_seconds=timeout_seconds,
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

    def resume(self, execution_id: str, *, mode: ResumeMode = "full") -> Execution:
        self._caller.require(Scope.RUN)
        resumed = super().resume(execution_id, mode=mode)
        self._caller.record("resume_execution", execution_id, mode=mode, round=resumed.round)
        return resumed


class GuardedResources(WorkspaceResources):
    def __init__(self, engine: Engine, caller: Caller) -> None:
        super().__init__(
            engine, caller.workspace_id, actor=caller.actor, request_key=caller.request
        )
        self._caller = caller

    def list(self, kind: ResourceKind | None = None) -> tuple[StoredResource, ...]:
        self._caller.require(Scope.READ)
        return super().list(kind)

    def get(self, kind: ResourceKind, name: str) -> StoredResource:
        self._caller.require(Scope.READ)
        return super().get(kind, name)

    def put(
        self,
        kind: ResourceKind,
        name: str,
        content: Mapping[str, Any],
        *,
        expected_version: int | None = None,
    ) -> StoredResource:
        self._caller.require(Scope.EDIT)
        stored = super().put(kind, name, content, expected_version=expected_version)
        self._caller.record("put_resource", f"{stored.kind}/{name}", version=stored.version)
        return stored

    def delete(self, kind: ResourceKind, name: str, *, expected_version: int | None = None) -> None:
        self._caller.require(Scope.EDIT)
        super().delete(kind, name, expected_version=expected_version)
        self._caller.record("delete_resource", f"{ResourceKind(kind).value}/{name}")


class GuardedEngine(WorkspaceEngine):
    """What the engine's own router is given."""

    def __init__(self, engine: Engine, caller: Caller) -> None:
        super().__init__(
            engine, caller.workspace_id, actor=caller.actor, request_key=caller.request
        )
        self.workflows: GuardedWorkflows = GuardedWorkflows(engine, caller)
        self.executions: GuardedExecutions = GuardedExecutions(engine, caller)
        self.resources: GuardedResources = GuardedResources(engine, caller)
