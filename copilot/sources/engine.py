"""Our own engine as a source: its executions as `RunRecord`s, its workspaces as context.

The other way round the engine asks here what the knowledge base has of services' limits.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from pydantic import JsonValue

from engine.definition import to_data
from engine.engine import Engine
from engine.errors import NotFound as EngineNotFound
from engine.execution import ErrorInfo, Execution, ExecutionStatus, StepExecution
from engine.execution import StepStatus as EngineStepStatus
from engine.quota import Quota, Resets
from engine.storage.definitions import StoredWorkflow
from engine.workspace import Resources
from knowledge_base import KnowledgeBase, Limit, load

from ..errors import NotFound
from ..ports import (
    Circumstances,
    EndedRun,
    FieldSummary,
    QuotaUse,
    TemplateSummary,
    Touched,
    WorkspaceContext,
)
from ..types import ErrorRecord, RunRecord, RunStatus, StepRecord, StepStatus

SOURCE = "engine"
MAX_TEMPLATES = 20
#: Runs under way that may be newer than the last one that has ended.
LATEST = 100
#: Runs that succeeded and may be newer than the one looked at.
LATEST_GREEN = 3
#: Names of a record that are told.
MOST_KEYS = 8
#: Workflow versions that are kept at hand.
MOST_VERSIONS = 512
#: Characters of a template's text that an analysis takes along; no fix writes a longer one.
LONGEST_BODY = 5000
#: How a file says that a window is the time just gone by, and not one of the calendar.
_ROLLS = "hours after the first"


class EngineSource:
    """Reads runs and workspaces; implements `RunReader`, `RunHistory` and `WorkspaceReader`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # a version never changes, and most runs read are of a few of them
        self._version = lru_cache(MOST_VERSIONS)(engine.workflow)
        self._data: dict[tuple[str, str, int], dict[str, JsonValue]] = {}

    def run(self, workspace_id: str, execution_id: str) -> RunRecord:
        try:
            with self._engine.at_one_moment():
                execution = self._engine.execution(workspace_id, execution_id)
                steps = self._engine.steps(workspace_id, execution_id, outputs=False)
                record = self._record(execution, steps)
                if record.status is not RunStatus.PAUSED:
                    return record
                resumes = self._engine.allowances.auto_resume_at(workspace_id, execution_id)
                return record.model_copy(update={"auto_resume_at": resumes})
        except EngineNotFound as error:
            raise NotFound(*error.args) from None

    def as_failed(
        self, workspace_id: str, execution_id: str, *, at: datetime, version: int
    ) -> RunRecord:
        now = self.run(workspace_id, execution_id)
        history = self._engine.history(workspace_id, execution_id)
        failed = next((one for one in history if one.error and one.completed_at == at), None)
        if now.status.is_failure or failed is None:
            return now
        execution = self._engine.execution(workspace_id, execution_id)
        then = execution.model_copy(
            update={
                "status": ExecutionStatus.FAILED,
                "workflow_version": version,
                "error": failed.error,
                "completed_at": at,
            }
        )
        return self._record(then, _until(failed.round, history))

    def ended_after(
        self, workspace_id: str, cursor: int, *, limit: int = 200
    ) -> Sequence[EndedRun]:
        return [
            EndedRun(
                cursor=ended.cursor,
                run=self._record(ended.execution, ended.steps),
            )
            for ended in self._engine.ended_runs(workspace_id, after=cursor, limit=limit)
        ]

    def last_ended(self, workspace_id: str, workflow_id: str) -> RunRecord | None:
        latest = self._engine.executions(workspace_id, workflow_id=workflow_id, limit=LATEST)
        ended = next((run for run in latest if run.status.is_terminal), None)
        if ended is None:
            return None
        return self._record(ended, self._engine.steps(workspace_id, ended.id, outputs=False))

    def context(self, workspace_id: str) -> WorkspaceContext:
        return workspace_context(self._engine.resources(workspace_id).resources)

    def output_names(self, workspace_id: str, execution_id: str) -> dict[str, Sequence[str]]:
        steps = self._engine.steps(workspace_id, execution_id)
        named = {
            step.step_id: _names(step.output)
            for step in steps
            if step.status is EngineStepStatus.SUCCEEDED
        }
        return {step_id: names for step_id, names in named.items() if names}

    def circumstances(self, workspace_id: str, execution_id: str) -> Circumstances:
        try:
            return self._circumstances(self._engine.execution(workspace_id, execution_id))
        except EngineNotFound as error:
            raise NotFound(*error.args) from None

    def last_green(
        self, workspace_id: str, workflow_id: str, *, before: datetime
    ) -> Circumstances | None:
        latest = self._engine.executions(
            workspace_id,
            workflow_id=workflow_id,
            status=ExecutionStatus.SUCCEEDED,
            limit=LATEST_GREEN,
        )
        green = (run for run in latest if run.created_at < before and not run.test_mode)
        found = next(green, None)
        return None if found is None else self._circumstances(found)

    def touched(self, workspace_id: str, *, after: datetime, before: datetime) -> Sequence[Touched]:
        return [
            Touched(
                kind=one.kind.value,
                name=one.name,
                version=one.version,
                at=one.at,
                deleted=one.deleted,
            )
            for one in self._engine.resource_store.touched(workspace_id, after=after, before=before)
        ]

    def quota_use(self, workspace_id: str) -> Sequence[QuotaUse]:
        used = [
            (one.used / one.quota.limit, account.integration, one)
            for account in self._engine.allowances.of_workspace(workspace_id)
            for one in account.allowances
            if one.used
        ]
        return [
            QuotaUse(
                account=account,
                limit=f"{one.quota.limit:,} {one.quota.unit}/{one.quota.window}",
                used=one.used,
                resets_at=one.resets_at,
            )
            for _, account, one in sorted(used, key=lambda found: (-found[0], found[1]))
        ]

    def _as_data(self, stored: StoredWorkflow) -> dict[str, JsonValue]:
        key = (stored.workspace_id, stored.workflow_id, stored.version)
        if key not in self._data:
            if len(self._data) >= MOST_VERSIONS:
                self._data.clear()
            self._data[key] = to_data(stored.workflow)
        return self._data[key]

    def _circumstances(self, execution: Execution) -> Circumstances:
        stored = self._version(
            execution.workspace_id, execution.workflow_id, execution.workflow_version
        )
        return Circumstances(
            execution_id=execution.id,
            workflow_version=stored.version,
            version_made_at=stored.created_at,
            definition=self._as_data(stored),
            input_shapes={name: _shape(value) for name, value in execution.inputs.items()},
            started_at=execution.started_at or execution.created_at,
            finished_at=execution.completed_at,
        )

    def _record(self, execution: Execution, steps: Sequence[StepExecution]) -> RunRecord:
        stored = self._version(
            execution.workspace_id, execution.workflow_id, execution.workflow_version
        )
        workflow = stored.workflow
        return RunRecord(
            source=SOURCE,
            workspace_id=execution.workspace_id,
            execution_id=execution.id,
            workflow_id=execution.workflow_id,
            workflow_name=workflow.name,
            workflow_version=execution.workflow_version,
            status=RunStatus(execution.status.value),
            trigger=execution.trigger,
            started_by=execution.user_id,
            cost_usd=execution.total_cost_usd,
            test_mode=execution.test_mode,
            started_at=execution.round_started_at or execution.started_at,
            finished_at=execution.completed_at,
            error=_error(execution.error),
            steps=tuple(_step(step) for step in steps),
            instructions=workflow.instructions or None,
            restrictions=dict(workflow.restrictions),
            memory=dict(workflow.memory),
        )


class KnownQuotas:
    """The limits the knowledge base has of a service; implements the engine's `QuotaSource`."""

    def __init__(self, knowledge: KnowledgeBase | None = None) -> None:
        self._knowledge = knowledge or load()

    def limits(self, workspace_id: str, integration: str) -> tuple[Quota, ...]:
        """Of the service that *integration* speaks of; of several plans the first counts.

        They are the same for every workspace.
        """
        found = self._knowledge.quota_of(integration.casefold())
        return () if found is None else tuple(map(_quota, _first_of_each(found.limits)))


def workspace_context(resources: Resources) -> WorkspaceContext:
    """The part of a workspace that an analysis shows: templates by usage, at most 20."""
    by_usage = sorted(resources.templates.items(), key=lambda item: (-item[1].usage_count, item[0]))
    return WorkspaceContext(
        templates=tuple(
            TemplateSummary(
                name=name,
                description=template.description,
                usage_count=template.usage_count,
                subject=template.subject,
                body=template.body if len(template.body) <= LONGEST_BODY else None,
            )
            for name, template in by_usage[:MAX_TEMPLATES]
        ),
        custom_fields=tuple(
            FieldSummary(key=key, label=field.label, type=field.type)
            for key, field in sorted(resources.custom_fields.items())
        ),
        integrations={
            name: integration.connected
            for name, integration in sorted(resources.integrations.items())
        },
    )


def _shape(value: Any) -> str:
    """What kind of value it is, in words; never the value."""
    for kind, words in ((bool, "yes or no"), (int | float, "a number"), (str, "text")):
        if isinstance(value, kind):
            return words if value != "" else "empty text"
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return f"a list of {len(items)}" if items else "an empty list"
    if isinstance(value, dict):
        named = sorted(map(str, cast("dict[Any, Any]", value)))[:MOST_KEYS]
        return f"a record with {', '.join(named)}" if named else "an empty record"
    return "nothing"


def _names(output: Any) -> list[str]:
    """The names a later step can ask this output for; a list or a plain value has none."""
    return sorted(map(str, cast("dict[Any, Any]", output))) if isinstance(output, dict) else []


def _until(number: int, history: Iterable[StepExecution]) -> Sequence[StepExecution]:
    """The steps as they stood in round *number*: the newest of each path up to it."""
    newest = {step.path: step for step in history if step.round <= number}
    return sorted(newest.values(), key=lambda step: (step.number, step.path))


def _step(step: StepExecution) -> StepRecord:
    return StepRecord(
        number=step.number,
        path=step.path,
        action=step.action,
        name=step.name,
        status=StepStatus(step.status.value),
        error=_error(step.error),
        attempts=max(step.attempts, 1),
        started_at=step.started_at,
        finished_at=step.completed_at,
        tokens=step.tokens_used,
        kept=step.restored,
    )


def _error(info: ErrorInfo | None) -> ErrorRecord | None:
    if info is None:
        return None
    return ErrorRecord(
        message=info.message,
        type=info.type,
        traceback=info.traceback,
        code=info.code,
        details=info.details,
    )


def _first_of_each(limits: Iterable[Limit]) -> list[Limit]:
    """The limit that is met first over each window: the others are of other plans."""
    first: dict[str, Limit] = {}
    for limit in limits:
        first.setdefault(limit.per, limit)
    return list(first.values())


def _quota(limit: Limit) -> Quota:
    resets: Resets = "rolling" if _ROLLS in (limit.resets or "") else "midnight"
    return Quota(
        name=f"{limit.what}/{limit.per}",
        limit=limit.amount,
        unit=limit.what,
        window=limit.per,
        resets=resets,
        source=limit.source,
        date=limit.seen,
    )
