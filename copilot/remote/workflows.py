"""Workflows, runs and resources of the workspace, on a server."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..types.engine import (
    Decision,
    Execution,
    ExecutionPage,
    ExecutionStatus,
    Hints,
    Progress,
    ResourceKind,
    ResumeMode,
    ResumeOptions,
    StepApproval,
    StepExecution,
    StoredResource,
    WorkflowRecord,
    WorkflowVersionSummary,
)
from .engine import missing
from .workspace import Workspace

Definition = str | Mapping[str, Any]

#: Seconds between two looks at a run that goes on: soon at first, then less often.
FIRST_LOOK = 0.05
LAST_LOOK = 1.0


class RemoteWorkflows:
    """Implements `Workflows`."""

    def __init__(self, workspace: Workspace) -> None:
        self._at = workspace.at("workflows", missing=missing("workflow"))

    def list(self) -> Sequence[WorkflowRecord]:
        data = self._at.ask("GET", params={"definitions": True})
        return self._at.many(WorkflowRecord, data, "workflows")

    def get(self, workflow_id: str, version: int | None = None) -> WorkflowRecord:
        place = (workflow_id,) if version is None else (workflow_id, "versions", str(version))
        return self._at.one(WorkflowRecord, "GET", *place)

    def versions(self, workflow_id: str) -> Sequence[WorkflowVersionSummary]:
        data = self._at.ask("GET", workflow_id, "versions")
        return self._at.many(WorkflowVersionSummary, data, "versions")

    def create(self, definition: Definition, *, workflow_id: str | None = None) -> WorkflowRecord:
        body: dict[str, Any] = {"definition": definition}
        if workflow_id is not None:
            body["workflow_id"] = workflow_id
        return self._at.one(WorkflowRecord, "POST", body=body)

    def replace(
        self, workflow_id: str, definition: Definition, *, expected_version: int
    ) -> WorkflowRecord:
        return self._at.one(
            WorkflowRecord,
            "PUT",
            workflow_id,
            body={"definition": definition},
            headers={"If-Match": f'"{expected_version}"'},
        )

    def pause(self, workflow_id: str, *, reason: str = "") -> WorkflowRecord:
        return self._at.one(WorkflowRecord, "POST", workflow_id, "pause", body={"reason": reason})

    def unpause(self, workflow_id: str) -> WorkflowRecord:
        return self._at.one(WorkflowRecord, "POST", workflow_id, "unpause")

    def hints(self, workflow_id: str) -> Hints:
        return self._at.one(Hints, "GET", workflow_id, "hints")


class RemoteExecutions:
    """Implements `Executions`."""

    def __init__(
        self, workspace: Workspace, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._at = workspace.at("executions", missing=missing("execution"))
        self._start = workspace.at("executions", missing=missing("workflow"))
        self._asked = workspace.at("executions", missing=missing("approval"))
        self._waiting = workspace.at("approvals", missing=missing("approval"))
        self._sleep = sleep

    def start(
        self,
        workflow_id: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        test_mode: bool = False,
        timeout_seconds: float | None = None,
        priority: int | None = None,
    ) -> Execution:
        body: dict[str, Any] = {"workflow_id": workflow_id, "test_mode": test_mode}
        if inputs:
            body["inputs"] = dict(inputs)
        if timeout_seconds is not None:
            body["timeout_seconds"] = timeout_seconds
        if priority is not None:
            body["priority"] = priority
        return self._start.one(Execution, "POST", body=body)

    def list(
        self,
        *,
        workflow_id: str | None = None,
        status: ExecutionStatus | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> ExecutionPage:
        wanted = {"workflow_id": workflow_id, "status": status, "cursor": cursor, "limit": limit}
        return self._at.one(ExecutionPage, "GET", params=wanted)

    def get(self, execution_id: str) -> Execution:
        data = self._at.ask("GET", execution_id, params={"outputs": True})
        return self._at.read(Execution, self._at.member(data, "execution"))

    def steps(self, execution_id: str, *, outputs: bool = True) -> Sequence[StepExecution]:
        data = self._at.ask("GET", execution_id, params={"outputs": outputs})
        return self._at.many(StepExecution, data, "steps")

    def progress(self, execution_id: str) -> Progress:
        return self._at.one(Progress, "GET", execution_id, "progress")

    def wait(self, execution_id: str, timeout: float) -> Execution:
        deadline = time.monotonic() + timeout
        pause = FIRST_LOOK
        while not _stands_still(self.progress(execution_id).status):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            self._sleep(min(pause, left))
            pause = min(pause * 1.5, LAST_LOOK)
        return self.get(execution_id)

    def cancel(self, execution_id: str) -> Execution:
        return self._at.one(Execution, "POST", execution_id, "cancel")

    def resume(
        self, execution_id: str, *, mode: ResumeMode = "full", repeat_effects: bool = False
    ) -> Execution:
        body: dict[str, Any] = {"resume_mode": mode}
        if repeat_effects:
            body["repeat_effects"] = True
        return self._at.one(Execution, "POST", execution_id, "resume", body=body)

    def resume_options(self, execution_id: str) -> ResumeOptions:
        return self._at.one(ResumeOptions, "GET", execution_id, "resume-options")

    def waiting(self) -> Sequence[StepApproval]:
        return self._waiting.many(StepApproval, self._waiting.ask("GET"), "approvals")

    def approvals(self, execution_id: str) -> Sequence[StepApproval]:
        data = self._at.ask("GET", execution_id, "approvals")
        return self._at.many(StepApproval, data, "approvals")

    def decide(
        self, execution_id: str, path: str, *, decision: Decision, comment: str = ""
    ) -> Execution:
        place = (execution_id, "approvals", *path.strip("/").split("/"))
        body = {"decision": decision, "comment": comment}
        return self._asked.one(Execution, "POST", *place, body=body)


class RemoteResources:
    """Implements `Resources`."""

    def __init__(self, workspace: Workspace) -> None:
        self._at = workspace.at("resources", missing=missing("resource"))

    def list(self, kind: ResourceKind | None = None) -> Sequence[StoredResource]:
        return self._at.many(
            StoredResource, self._at.ask("GET", params={"kind": kind}), "resources"
        )

    def get(self, kind: ResourceKind, name: str) -> StoredResource:
        return self._at.one(StoredResource, "GET", kind, name)

    def put(
        self,
        kind: ResourceKind,
        name: str,
        content: Mapping[str, Any],
        *,
        expected_version: int | None = None,
    ) -> StoredResource:
        return self._at.one(
            StoredResource,
            "PUT",
            kind,
            name,
            body={"content": dict(content)},
            headers=_condition(expected_version),
        )

    def delete(self, kind: ResourceKind, name: str, *, expected_version: int | None = None) -> None:
        self._at.ask("DELETE", kind, name, headers=_condition(expected_version))


def _stands_still(status: ExecutionStatus) -> bool:
    """Whether it has ended, or waits for a person or a quota."""
    return status.is_terminal or status is ExecutionStatus.PAUSED


def _condition(expected_version: int | None) -> dict[str, str]:
    """The version that is to be replaced, as HTTP says it; 0 for none at all."""
    if expected_version is None:
        return {}
    if expected_version == 0:
        return {"If-None-Match": "*"}
    return {"If-Match": f'"{expected_version}"'}
