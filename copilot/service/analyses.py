"""Why runs failed: reports, repeated failures, and the last run of a workflow at a glance."""

import time
from collections.abc import Callable, Sequence

from ..errors import NotFound
from ..masking import masked
from ..pasted import diagnose_given
from ..types import Report, RunRecord
from ..types.consultation import StoredPrompt
from ..types.debug import DebugView
from ..types.insight import FailureGroup, FailureSummary
from ..types.page import Page
from ..types.pasted import PastedDiagnosis, PastedError
from ..types.principal import Scope
from .caller import Caller
from .debug import RunDebugger
from .parts import Parts
from .pattern_view import PatternView
from .standing_fixes import StandingFixes


class LocalAnalyses:
    """Implements `Analyses`."""

    def __init__(self, parts: Parts, caller: Caller, debugger: RunDebugger) -> None:
        self._parts = parts
        self._caller = caller
        self._debugger = debugger

    def analyze(
        self,
        execution_id: str,
        *,
        require_model: bool = False,
        on_text: Callable[[str], None] | None = None,
    ) -> Report:
        self._caller.require(Scope.ANALYZE)
        until = time.monotonic() + self._parts.analysis_seconds
        workspace_id = self._caller.workspace_id
        run = self._parts.runs.run(workspace_id, execution_id)
        self._parts.intake.catch_up(workspace_id)
        report = self._parts.analyzer.analyze(
            run,
            idempotency_key=self._caller.request,
            asked_by=self._caller.actor,
            require_model=require_model,
            until=until,
            on_text=on_text,
        )
        if self._caller.request is None or report.already_fixed or report.served_from:
            return report
        # the same request again has what is stored, without what was applied by itself
        return StandingFixes(self._parts).as_given(workspace_id, report)

    def analyze_foreign(self, run: RunRecord, *, require_model: bool = False) -> Report:
        self._caller.require(Scope.ANALYZE)
        own = run.model_copy(update={"workspace_id": self._caller.workspace_id})
        here = masked(own, self._parts.mask)
        return self._parts.foreign.analyze(
            here,
            idempotency_key=self._caller.request,
            asked_by=self._caller.actor,
            require_model=require_model,
        )

    def prompt(self, execution_id: str) -> StoredPrompt:
        self._caller.require(Scope.READ)
        workspace_id = self._caller.workspace_id
        try:
            return self._parts.store.consultations.of_run(workspace_id, execution_id)
        except NotFound:
            run = self._parts.runs.run(workspace_id, execution_id)
            return self._parts.analyzer.prompt(run)

    def report(self, analysis_id: str) -> Report:
        self._caller.require(Scope.READ)
        workspace_id = self._caller.workspace_id
        stored = self._parts.store.analyses.get(workspace_id, analysis_id)
        return StandingFixes(self._parts).as_given(workspace_id, stored)

    def debug(self, workflow_id: str) -> DebugView:
        return self._debugger.of_workflow(workflow_id)

    def debug_run(self, execution_id: str) -> DebugView:
        return self._debugger.of_run(execution_id)

    def diagnose(self, given: PastedError) -> PastedDiagnosis:
        self._caller.require(Scope.READ)
        return diagnose_given(given, self._parts.knowledge.of(self._caller.workspace_id))

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
        view = PatternView(self._parts.store, self._parts.analyzer, self._parts.policies.of)
        return view.of_workflow(workspace_id, workflow_id)
