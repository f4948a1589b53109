"""Repeated failures of the workspace, on a server."""

from collections.abc import Sequence
from datetime import datetime

from ..types.engine import WorkflowRecord
from ..types.insight import FailureGroup
from ..types.pattern import CauseBreakdown, PatternLife
from .workspace import Workspace


class RemotePatterns:
    """Implements `Patterns`."""

    def __init__(self, workspace: Workspace) -> None:
        self._patterns = workspace.at("patterns", missing="pattern")
        self._failures = workspace.at("failures", missing="failure")
        self._workflows = workspace.at("workflows", missing="pattern")

    def list(self, *, resolved: bool = False, limit: int = 50) -> Sequence[FailureGroup]:
        data = self._patterns.ask("GET", params={"resolved": resolved, "limit": limit})
        return self._patterns.many(FailureGroup, data, "patterns")

    def dismiss(self, workflow_id: str, signature: str, *, reason: str = "") -> PatternLife:
        place = (workflow_id, "patterns", signature, "dismiss")
        return self._workflows.one(PatternLife, "POST", *place, body={"reason": reason})

    def reopen(self, workflow_id: str, signature: str, *, reason: str = "") -> PatternLife:
        place = (workflow_id, "patterns", signature, "reopen")
        return self._workflows.one(PatternLife, "POST", *place, body={"reason": reason})

    def pause(self, workflow_id: str, signature: str, *, reason: str = "") -> WorkflowRecord:
        place = (workflow_id, "patterns", signature, "pause")
        return self._workflows.one(WorkflowRecord, "POST", *place, body={"reason": reason})

    def causes(
        self,
        *,
        workflow_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> CauseBreakdown:
        wanted = {
            "workflow_id": workflow_id,
            "since": since and since.isoformat(),
            "until": until and until.isoformat(),
        }
        return self._failures.one(CauseBreakdown, "GET", "causes", params=wanted)
