"""Why runs failed: reports, repeated failures, and the last run of a workflow at a glance."""

from collections.abc import Sequence

from ..errors import NotFound
from ..pipeline.sanitize import one_line
from ..types import Report, RunRecord, StepRecord, StepStatus
from ..types.insight import DebugView, FailureGroup, FailureSummary, TieredAdvice, TimelineStep
from ..types.page import Page
from ..types.principal import Scope
from .caller import Caller
from .parts import Parts

_LONGEST_ERROR = 300
_STATES = {
    StepStatus.SUCCEEDED: "good",
    StepStatus.FAILED: "bad",
    StepStatus.RUNNING: "warning",
    StepStatus.PAUSED: "warning",
    StepStatus.PENDING: "idle",
    StepStatus.SKIPPED: "idle",
}


class LocalAnalyses:
    """Implements `Analyses`."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def analyze(self, execution_id: str) -> Report:
        self._caller.require(Scope.ANALYZE)
        workspace_id = self._caller.workspace_id
        run = self._parts.runs.run(workspace_id, execution_id)
        self._parts.intake.catch_up(workspace_id)
        return self._parts.analyzer.analyze(
            run, idempotency_key=self._caller.request, asked_by=self._caller.actor
        )

    def analyze_foreign(self, run: RunRecord) -> Report:
        self._caller.require(Scope.ANALYZE)
        here = run.model_copy(update={"workspace_id": self._caller.workspace_id})
        return self._parts.foreign.analyze(
            here, idempotency_key=self._caller.request, asked_by=self._caller.actor
        )

    def report(self, analysis_id: str) -> Report:
        self._caller.require(Scope.READ)
        return self._parts.store.analyses.get(self._caller.workspace_id, analysis_id)

    def debug(self, workflow_id: str) -> DebugView:
        self._caller.require(Scope.READ)
        run = self._parts.runs.last_ended(self._caller.workspace_id, workflow_id)
        if run is None:
            raise NotFound("run of this workflow that has ended")
        diagnosis = self._parts.analyzer.glance(run) if run.status.is_failure else None
        return DebugView(
            workflow_id=workflow_id,
            execution_id=run.execution_id,
            status=run.status.value,
            started_at=run.started_at,
            completed_at=run.finished_at,
            timeline=tuple(_timeline_step(step) for step in run.steps),
            root_cause=diagnosis.root_cause if diagnosis else None,
            verdict=diagnosis.verdict if diagnosis else None,
            explanation=diagnosis.explanation if diagnosis else None,
            advice=tuple(
                TieredAdvice(tier=hint.tier, type=hint.type, description=hint.description)
                for hint in (diagnosis.fixes if diagnosis else ())
            ),
            report=self._parts.store.analyses.of_run(run.workspace_id, run.execution_id),
        )

    def failures(
        self, *, workflow_id: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[FailureSummary]:
        self._caller.require(Scope.READ)
        workspace_id = self._caller.workspace_id
        self._parts.intake.catch_up(workspace_id)
        return self._parts.store.failures.page(
            workspace_id, workflow_id=workflow_id, cursor=cursor, limit=limit
        )

    def patterns(self, workflow_id: str) -> Sequence[FailureGroup]:
        self._caller.require(Scope.READ)
        workspace_id = self._caller.workspace_id
        self._parts.target.snapshot(workspace_id, workflow_id)  # NotFound for an unknown workflow
        self._parts.intake.catch_up(workspace_id)
        return self._parts.analyzer.patterns(workspace_id, workflow_id)


def _timeline_step(step: StepRecord) -> TimelineStep:
    retried = step.status is StepStatus.SUCCEEDED and step.attempts > 1
    elapsed = None
    if step.started_at is not None and step.finished_at is not None:
        elapsed = round((step.finished_at - step.started_at).total_seconds() * 1000)
    return TimelineStep.model_validate(
        {
            "number": step.number,
            "name": one_line(step.name or step.path.lstrip("/")),
            "action": step.action,
            "status": step.status.value,
            "state": "warning" if retried else _STATES[step.status],
            "started_at": step.started_at,
            "execution_time_ms": elapsed,
            "attempts": step.attempts,
            "error": one_line(step.error.message, limit=_LONGEST_ERROR) if step.error else None,
        }
    )
