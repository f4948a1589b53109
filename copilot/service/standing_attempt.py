"""One try to apply a fix that nobody looks at: what speaks for it, or what keeps it back.

Beside a signature it takes: that the rules propose it, the level `standing` for its type, enough
fixes of the type that have held in this workspace, a confirmed diagnosis, and a dry run that has
passed. A dry run carries the failed step out again, so it is possible only where that does no harm,
and only in what is left of the time of the analysis.
"""

import time
from collections.abc import Iterator, Mapping, Sequence

from ..errors import ApprovalRefused, CopilotError, NotFound, StaleBase
from ..runtimes import OFFLINE
from ..snapshot import Snapshot
from ..storage.past_fixes import fix_key
from ..storage.standing import signer
from ..types import Approval, Change, ChangeState, DryRun, Report, RunRecord, SuggestedFix, Verdict
from ..types.standing import StandingApproval, StandingState
from .caller import Caller
from .fixes import LocalFixes
from .parts import Parts
from .standing import StandingApprovals
from .standing_needs import StandingNeeds, missing_of
from .standing_places import FIRST_FAILED, StandingPlaces, is_change

_PASSED = DryRun(state="passed", explanation="Tried on the failed input: it passes.")
#: Seconds of an analysis that a dry run leaves for applying the fix, and the fewest it is given.
FOR_APPLYING, LEAST_SECONDS = 0.25, 0.1
_NO_TIME = "there was no time left to try it in this analysis"
_MOVED = "the workflow was changed while the fix was tried"
_UNDER_WAY = "another analysis is applying it at this moment"
_ONCE = "a standing approval has approved this very fix before, and does so once"
_GONE = "the workflow is not there any more"
_USED_UP = "every standing approval for it is used up"
_JUST_ENDED = "the standing approval for it was revoked or has expired at this moment"
_BEFORE = (
    "exactly this fix was applied here before, and whether it is again is for people to decide"
)
_BY_MODEL = "only the model proposes it, and the rules do not"
_DRY_RUN: Mapping[str, str] = {
    "failed": "tried on the failed input, it still fails",
    "not_possible": "it could not be tried on the failed input",
}


class Declined(Exception):
    """A fix that somebody has signed for is not applied by itself: why, in words for people."""


def signed_for(parts: Parts, run: RunRecord) -> Sequence[StandingApproval]:
    """What owners have signed for the workflow of *run*, and has not ended.

    Under a suspended one nothing is applied, and that it would have been is noted. One that is used
    up is no signature any more, and who signed it is told so.
    """
    alive = parts.store.standing.alive(run.workspace_id)
    return [one for one in alive if one.workflow_id in {None, run.workflow_id}]


def covering(signed: Sequence[StandingApproval], fix: SuggestedFix) -> list[StandingApproval]:
    return [one for one in signed if one.fix_type == fix.type]


class StandingAttempt:
    """until: by `time.monotonic`; no dry run takes longer."""

    def __init__(
        self, parts: Parts, run: RunRecord, report: Report, fix: SuggestedFix, *, until: float
    ) -> None:
        self._parts = parts
        self._approvals = StandingApprovals(parts)
        self._run = run
        self._report = report
        self._fix = fix
        self._fix_id = fix.fix_id or ""
        self._until = until

    def made(self, signed: Sequence[StandingApproval]) -> Change:
        """The change, made here or by another analysis of this moment. Raises Declined.

        signed: those that cover the type, one at least.
        """
        if self._fix.fix_id is None:  # it is for reading only, by the levels of the workspace
            raise Declined("; ".join(self._needs()))
        try:
            base = self._parts.target.snapshot(self._run.workspace_id, self._run.workflow_id)
        except NotFound:
            raise Declined(_GONE) from None
        try:
            return self._make(signed, base)
        except Declined:
            if (change := self._made_elsewhere()) is not None:
                return change
            raise

    def _make(self, signed: Sequence[StandingApproval], base: Snapshot) -> Change:
        missing, spent = tuple(self._missing(base)), _of_all(signed)
        is_noted = any(one.state is StandingState.SUSPENDED for one in signed)
        if missing or (spent and not is_noted):
            raise Declined("; ".join((*spent, *missing)))
        self._require_dry_run()
        try:
            return self._apply(self._approved(base))
        except StaleBase:
            raise Declined(_MOVED) from None
        except CopilotError as error:  # it does not fit any more, or was refused since
            raise Declined(f"it was refused: {str(error).rstrip('.')}") from None

    def _missing(self, base: Snapshot) -> Iterator[str]:
        """What keeps a fix that is signed for from even being tried."""
        if self._run.test_mode:
            yield "the run was a test"
        if self._report.verdict is not Verdict.CONFIRMED:
            yield f"the cause is {self._report.verdict.value}, not confirmed"
        if self._report.produced_by != OFFLINE and self._fix.only_by_model is not False:
            yield _BY_MODEL
        yield from self._in_the_past(base)
        yield from self._needs()

    def _in_the_past(self, base: Snapshot) -> Iterator[str]:
        fixes, failed = self._report.suggested_fixes, self._fix.failed_before
        if failed:
            times = "once" if failed == 1 else f"{failed} times"
            yield f"exactly this fix has failed here before ({times})"
        elif self._was_applied():
            yield _BEFORE
        elif any(one.failed_before and is_change(one) for one in fixes):
            yield FIRST_FAILED
        else:
            yield from StandingPlaces(self._parts, self._report, base).why_not(self._fix)

    def _needs(self) -> tuple[str, ...]:
        return StandingNeeds(self._parts, self._run.workspace_id).of_type(self._fix.type)

    def _was_applied(self) -> bool:
        """Whether the same was written into this workflow before: somebody took it out, or edited it."""
        store, workspace_id = self._parts.store, self._run.workspace_id
        key = fix_key(store.analyses.fix(workspace_id, self._fix_id).fix)
        past = store.past_fixes.of(workspace_id, self._run.workflow_id)
        return any(one.key == key for one in past)

    def _require_dry_run(self) -> None:
        """Raises Declined where the dry run does not speak for the fix."""
        seconds = self._until - FOR_APPLYING - time.monotonic()
        if seconds < LEAST_SECONDS:
            raise Declined(_NO_TIME)
        run = self._run
        state = self._parts.dry_run(run.workspace_id, self._fix_id, run.execution_id, seconds)
        if time.monotonic() >= self._until - FOR_APPLYING:
            raise Declined(_NO_TIME)
        if state in _DRY_RUN:
            raise Declined(_DRY_RUN[state])

    def _approved(self, base: Snapshot) -> Approval:
        """The approval of the fix on *base*, which the dry run was made on; no other is changed."""
        workspace_id, verdict = self._run.workspace_id, self._report.verdict
        if (why := self._approvals.why_not(workspace_id, self._fix_id)) is not None:
            raise Declined(why)
        approval = self._approvals.use(workspace_id, self._fix_id, verdict=verdict, dry_run=_PASSED)
        if approval is None:
            raise Declined(self._lost())
        if approval.base_digest != base.digest:
            raise Declined(_MOVED)
        return approval

    def _apply(self, approval: Approval) -> Change:
        workspace_id, store = self._run.workspace_id, self._parts.store
        standing = store.standing.get(workspace_id, approval.standing_id or "")
        caller = Caller(signer(standing, workspace_id), store.audit)
        try:
            change = LocalFixes(self._parts, caller).apply(approval.approval_id)
        except ApprovalRefused as error:
            given = store.approvals.find(workspace_id, approval.approval_id)
            if given is not None and given.used:  # by an analysis of the same moment
                raise Declined(self._lost()) from None
            details = {"fix_id": self._fix_id, "reason": str(error)}
            caller.record("refuse_standing", standing.standing_id, **details)
            raise
        self._parts.outbox.look(workspace_id)
        return change

    def _lost(self) -> str:
        """Why no standing approval has approved the fix, though one seemed to be there for it."""
        signed = covering(signed_for(self._parts, self._run), self._fix)
        if not signed:
            return _JUST_ENDED
        return "; ".join(_of_all(signed)) or _ONCE

    def _made_elsewhere(self) -> Change | None:
        """What another analysis has made of the fix: the run did not have it.

        Raises Declined while it is being made.
        """
        run, store = self._run, self._parts.store
        uses = store.standing.uses_of(run.workspace_id, {self._fix_id})
        if any(use.change_state is ChangeState.APPLYING for use in uses):
            raise Declined(_UNDER_WAY)
        made = (use.change_id for use in uses if use.change_state is ChangeState.APPLIED)
        if run.workflow_version is None or (change_id := next(made, None)) is None:
            return None
        change = store.changes.get(run.workspace_id, change_id).change
        current = self._parts.target.snapshot(run.workspace_id, run.workflow_id).version
        is_news = change.version is not None and run.workflow_version < change.version == current
        return change if is_news else None


def _of_all(signed: Sequence[StandingApproval]) -> tuple[str, ...]:
    """What keeps each of them from being used now; nothing where one could be."""
    left = [one for one in signed if one.state is not StandingState.USED_UP]
    return min(map(missing_of, left), key=len) if left else (_USED_UP,)
