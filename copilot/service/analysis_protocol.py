"""Why runs failed, as every surface asks for it."""

from collections.abc import Callable, Sequence
from typing import Protocol

from ..types import Report, RunRecord
from ..types.consultation import StoredPrompt
from ..types.debug import DebugView
from ..types.insight import FailureGroup, FailureSummary
from ..types.page import Page
from ..types.pasted import PastedDiagnosis, PastedError


class Analyses(Protocol):
    def analyze(
        self,
        execution_id: str,
        *,
        require_model: bool = False,
        on_text: Callable[[str], None] | None = None,
    ) -> Report:
        """Why this run failed and what to do. Raises NotAnalysable, InsufficientCredits.

        require_model: a model is asked although the rules are sure, and credits for the rules alone
        are not enough. on_text hears the explanation as it comes, in any thread; what counts is the
        report.
        """
        ...

    def analyze_foreign(self, run: RunRecord, *, require_model: bool = False) -> Report:
        """The same for a run of another system; its fixes are in words."""
        ...

    def prompt(self, execution_id: str) -> StoredPrompt:
        """The exact words a model was last asked with about a run, and what became of it.

        Where none was asked: the words it would be asked with now. Raises NotAnalysable.
        """
        ...

    def report(self, analysis_id: str) -> Report: ...

    def debug(self, workflow_id: str) -> DebugView:
        """The last ended run of a workflow and what the rules say of it, for nothing.

        Raises NotFound also for a workflow that has not run yet.
        """
        ...

    def debug_run(self, execution_id: str) -> DebugView:
        """The same of one run, however it stands."""
        ...

    def diagnose(self, given: PastedError) -> PastedDiagnosis:
        """What a pasted text says has failed, and why: for nothing, and nothing is stored."""
        ...

    def failures(
        self, *, workflow_id: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[FailureSummary]:
        """Failed runs, the newest first."""
        ...

    def patterns(self, workflow_id: str) -> Sequence[FailureGroup]:
        """The kinds of failure among a workflow's last failed runs, the most frequent first."""
        ...
