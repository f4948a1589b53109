"""The use cases of repeated failures; a part of `protocol`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from ..types.engine import WorkflowRecord
from ..types.insight import FailureGroup
from ..types.pattern import CauseBreakdown, PatternLife


class Patterns(Protocol):
    """Failures that are repeated: where they stand, and who has seen them.

    *signature* is that of the group or of any failure in it.
    """

    def list(self, *, resolved: bool = False, limit: int = 50) -> Sequence[FailureGroup]:
        """Those of the workspace: new, worsening and regressed ones first. *limit*: at most 200.

        resolved: those that are resolved, instead of all others.
        """
        ...

    def dismiss(self, workflow_id: str, signature: str, *, reason: str = "") -> PatternLife:
        """Tell no more of it, until it grows by a half again or a new version of the workflow has it.

        Raises NotFound for what was never repeated often enough.
        """
        ...

    def reopen(self, workflow_id: str, signature: str, *, reason: str = "") -> PatternLife:
        """Take the dismissal back; what is not dismissed stays as it is."""
        ...

    def pause(self, workflow_id: str, signature: str, *, reason: str = "") -> WorkflowRecord:
        """Start no new run of the workflow; without a *reason* the pattern is the reason."""
        ...

    def causes(
        self,
        *,
        workflow_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> CauseBreakdown:
        """Why runs failed in a time, in shares that sum up to 100; the last 30 days by default.

        Raises InvalidInput for a time that is empty or longer than 366 days.
        """
        ...
