"""Why runs failed, and fixes on their way, on a server."""

from collections.abc import Callable, Sequence

from ..types import Approval, Change, Outcome, Preview, Recheck, Report, Reversal, RunRecord
from ..types.consultation import StoredPrompt
from ..types.debug import DebugView
from ..types.insight import FailureGroup, FailureSummary
from ..types.page import Page
from ..types.pasted import PastedDiagnosis, PastedError
from .workspace import Workspace


class RemoteAnalyses:
    """Implements `Analyses`."""

    def __init__(self, workspace: Workspace) -> None:
        self._executions = workspace.at("executions", missing="execution")
        self._analyses = workspace.at("analyses", missing="analysis")
        self._workflows = workspace.at("workflows", missing="workflow")
        self._ended = workspace.at("workflows", missing="run of this workflow that has ended")
        self._diagnose = workspace.at("diagnose", missing="workspace")
        self._failures = workspace.at("failures", missing="failure")

    def analyze(
        self,
        execution_id: str,
        *,
        require_model: bool = False,
        on_text: Callable[[str], None] | None = None,
    ) -> Report:
        """*on_text* hears the whole explanation at once: a repeated request needs one answer."""
        body = {"require_model": True} if require_model else None
        found = self._executions.one(Report, "POST", execution_id, "analyze", body=body)
        if on_text is not None:
            on_text(found.explanation)
        return found

    def analyze_foreign(self, run: RunRecord, *, require_model: bool = False) -> Report:
        body = {
            "run": run.model_dump(mode="json", exclude={"workspace_id"}),
            "require_model": require_model,
        }
        return self._analyses.one(Report, "POST", body=body)

    def prompt(self, execution_id: str) -> StoredPrompt:
        return self._executions.one(StoredPrompt, "GET", execution_id, "prompt")

    def report(self, analysis_id: str) -> Report:
        return self._analyses.one(Report, "GET", analysis_id)

    def debug(self, workflow_id: str) -> DebugView:
        return self._ended.one(DebugView, "GET", workflow_id, "debug")

    def debug_run(self, execution_id: str) -> DebugView:
        return self._executions.one(DebugView, "GET", execution_id, "debug")

    def diagnose(self, given: PastedError) -> PastedDiagnosis:
        body = given.model_dump(mode="json", exclude_none=True)
        return self._diagnose.one(PastedDiagnosis, "POST", body=body)

    def failures(
        self, *, workflow_id: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[FailureSummary]:
        wanted = {"workflow_id": workflow_id, "cursor": cursor, "limit": limit}
        return self._failures.one(Page[FailureSummary], "GET", params=wanted)

    def patterns(self, workflow_id: str) -> Sequence[FailureGroup]:
        data = self._workflows.ask("GET", workflow_id, "patterns")
        return self._workflows.many(FailureGroup, data, "patterns")


class RemoteFixes:
    """Implements `Fixes`."""

    def __init__(self, workspace: Workspace) -> None:
        self._fixes = workspace.at("fixes", missing="fix")
        self._approvals = workspace.at("approvals", missing="approval")
        self._changes = workspace.at("changes", missing="change")
        self._workflows = workspace.at("workflows", missing="workflow")

    def preview(self, fix_id: str, *, dry_run: bool = False) -> Preview:
        asked = {"dry_run": True} if dry_run else None
        return self._fixes.one(Preview, "GET", fix_id, "preview", params=asked)

    def approve(self, fix_id: str, *, digest: str, version: int) -> Approval:
        seen = {"digest": digest, "version": version}
        return self._fixes.one(Approval, "POST", fix_id, "approve", body=seen)

    def waiting(self) -> Sequence[Approval]:
        return self._fixes.many(Approval, self._fixes.ask("GET", "waiting"), "approvals")

    def apply(self, approval_id: str) -> Change:
        return self._approvals.one(Change, "POST", approval_id, "apply")

    def undo(self, change_id: str) -> Reversal:
        return self._changes.one(Reversal, "POST", change_id, "undo")

    def revert(self, change_id: str) -> Reversal:
        return self._changes.one(Reversal, "POST", change_id, "revert")

    def changes(self, workflow_id: str) -> Sequence[Change]:
        data = self._workflows.ask("GET", workflow_id, "changes")
        return self._workflows.many(Change, data, "changes")

    def outcome(self, change_id: str) -> Outcome:
        return self._changes.one(Outcome, "GET", change_id, "outcome")

    def recheck(self, fix_id: str) -> Recheck:
        return self._fixes.one(Recheck, "GET", fix_id, "recheck")
