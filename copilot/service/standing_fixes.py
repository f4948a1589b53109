"""Fixes that are applied without anybody looking: where an owner has signed, and all speaks for it.

Beside a standing approval it takes: the level `standing` for the type, enough fixes of the type
that have held in this workspace, a confirmed diagnosis, and a dry run that has passed. A dry run
carries the failed step out again, so it is possible only where that does no harm.
"""

from collections.abc import Iterator

from ..errors import CopilotError
from ..learning import meets, success
from ..storage.standing import signer
from ..types import Change, DryRun, Report, RunRecord, Verdict
from ..types.learning import Level
from .caller import Caller
from .fixes import LocalFixes
from .parts import Parts
from .standing import StandingApprovals

_PASSED = DryRun(state="passed", explanation="Tried on the failed input: it passes.")


class StandingFixes:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._approvals = StandingApprovals(parts)

    def look_at(self, run: RunRecord, report: Report) -> Change | None:
        """Apply the first fix of *report* that may be; None where none may.

        The same report again changes nothing.
        """
        if run.test_mode or run.is_parked or report.verdict is not Verdict.CONFIRMED:
            return None
        if report.already_fixed is not None:
            return None
        for fix_id in self._trusted(run.workspace_id, report):
            base = self._parts.target.snapshot(run.workspace_id, run.workflow_id).digest
            if self._parts.dry_run(run.workspace_id, fix_id) != "passed":
                continue
            try:
                change = self._apply(run.workspace_id, fix_id, report.verdict, tried_on=base)
            except CopilotError:  # it does not fit any more, or was refused since: people decide
                continue
            if change is not None:
                return change
        return None

    def _trusted(self, workspace_id: str, report: Report) -> Iterator[str]:
        """Fixes of types that have proved themselves, and that have not failed here before."""
        workspace, levels = self._parts.autonomy.levels(workspace_id)
        if not workspace.allows(Level.APPROVE):
            return
        floor = self._parts.policies.of(workspace_id).standing_floor
        for fix in report.suggested_fixes:
            if fix.fix_id is None or fix.failed_before:
                continue
            if levels.get(fix.type) is not Level.STANDING:
                continue
            rates = self._parts.store.outcomes.rates(workspace_id)
            own = success(fix.type, (rate for rate in rates if rate.fix_type == fix.type))
            if meets(own, floor):
                yield fix.fix_id

    def _apply(
        self, workspace_id: str, fix_id: str, verdict: Verdict, *, tried_on: str
    ) -> Change | None:
        """tried_on: digest of the workflow that the dry run was made on; no other is changed."""
        approval = self._approvals.use(workspace_id, fix_id, verdict=verdict, dry_run=_PASSED)
        if approval is None or approval.standing_id is None or approval.base_digest != tried_on:
            return None
        store = self._parts.store
        standing = store.standing.get(workspace_id, approval.standing_id)
        caller = Caller(
            signer(standing, workspace_id), store.audit, request_key=f"standing:{fix_id}"
        )
        return LocalFixes(self._parts, caller).apply(approval.approval_id)
