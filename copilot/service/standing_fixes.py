"""Fixes that are applied without anybody looking: where an owner has signed, and all speaks for it.

Beside a standing approval it takes: the level `standing` for the type, enough fixes of the type
that have held in this workspace, a confirmed diagnosis, and a dry run that has passed. A dry run
carries the failed step out again, so it is possible only where that does no harm, and only in what
is left of the time of the analysis: else the fix is offered like any other, and says why.
Only the first change of a report is applied so, the one that the evidence has singled out, and only
where no other of them would write the same place. An answer that is told again of another run comes
here like a new one. What was applied before is never applied by itself again, and nothing is where
an earlier fix of the same place was taken back or edited, or did not hold.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence

from ..errors import ApprovalRefused, CopilotError, NotFound, StaleBase
from ..pipeline.learned import fixed_by_itself
from ..snapshot import Snapshot
from ..storage.changes import ChangeRecord
from ..storage.past_fixes import fix_key
from ..storage.standing import signer
from ..types import Change, ChangeState, DryRun, Report, RunRecord, SuggestedFix, Verdict
from ..types.standing import StandingApproval, StandingState, StandingUse
from .caller import Caller
from .fixes import LocalFixes
from .parts import Parts
from .standing import StandingApprovals
from .standing_needs import StandingNeeds, missing_of
from .standing_places import ANOTHER_FIRST, FIRST_FAILED, StandingPlaces, is_change

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
_WHY: Mapping[str, str] = {
    "failed": "tried on the failed input, it still fails",
    "not_possible": "it could not be tried on the failed input",
}
#: Under a suspended one nothing is applied, and that it would have been is noted. One that is used
#: up is no signature any more, and who signed it is told so.
_ASKED = frozenset({StandingState.ACTIVE, StandingState.SUSPENDED, StandingState.USED_UP})


class StandingFixes:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._approvals = StandingApprovals(parts)

    def answered(self, run: RunRecord, report: Report, until: float) -> Report:
        """`look_at`, with *report* as it is told then: fixes that were signed for say why not.

        What was applied is told as that, and not offered again.
        """
        said: dict[int, str] = {}
        change = self.look_at(run, report, until=until, said=said)
        fixes = tuple(
            fix.model_copy(update={"not_applied_because": said[place]}) if place in said else fix
            for place, fix in enumerate(report.suggested_fixes)
        )
        told = report.model_copy(update={"suggested_fixes": fixes}) if said else report
        if change is None or change.state is not ChangeState.APPLIED:
            return told
        return fixed_by_itself(told, self._record(change), under=self._behind(change))

    def as_given(self, workspace_id: str, report: Report) -> Report:
        """A stored *report* as it was told: with the fix that was applied by itself and is in place."""
        offered = {fix.fix_id for fix in report.suggested_fixes if fix.fix_id is not None}
        found = self._in_place(workspace_id, offered)
        if found is None:
            return report
        return fixed_by_itself(report, self._record(found[1]), under=found[0])

    def look_at(
        self,
        run: RunRecord,
        report: Report,
        *,
        until: float = math.inf,
        said: dict[int, str] | None = None,
    ) -> Change | None:
        """Apply the first change of *report*, if it may be; None where it may not.

        The same report again changes nothing. until: by `time.monotonic`; no dry run takes longer.
        said: takes, by place, why a fix that somebody has signed for was not applied.
        """
        if run.is_parked or report.already_fixed is not None:
            return None
        signed = self._signed(run)
        changes = [one for one in report.suggested_fixes if is_change(one)]
        for place, fix in enumerate(report.suggested_fixes if signed else ()):
            covering = _covering(signed, fix)
            if not covering or not is_change(fix):
                continue
            found = ANOTHER_FIRST
            if fix is changes[0]:
                found = self._tried(run, report, fix, covering, until)
            if isinstance(found, Change):
                return found
            if said is not None:
                said[place] = found
        return None

    def _signed(self, run: RunRecord) -> Sequence[StandingApproval]:
        return [
            one
            for one in self._parts.store.standing.list(run.workspace_id)
            if one.state in _ASKED and one.workflow_id in {None, run.workflow_id}
        ]

    def _tried(
        self,
        run: RunRecord,
        report: Report,
        fix: SuggestedFix,
        covering: Sequence[StandingApproval],
        until: float,
    ) -> Change | str:
        """The change that was made, perhaps by another analysis of this moment, or why none was."""
        if fix.fix_id is None:  # it is for reading only, by the levels of the workspace
            return "; ".join(self._needs(run, fix))
        try:
            base = self._parts.target.snapshot(run.workspace_id, run.workflow_id)
        except NotFound:
            return _GONE
        missing, spent = tuple(self._missing(run, report, fix, base)), _of_all(covering)
        is_noted = any(one.state is StandingState.SUSPENDED for one in covering)
        if missing or (spent and not is_noted):
            found = "; ".join((*spent, *missing))
        else:
            found = self._attempt(run, fix.fix_id, report.verdict, until, tried_on=base.digest)
        if isinstance(found, Change):
            return found
        return self._elsewhere(run, fix.fix_id) or found or self._lost(run, fix)

    def _lost(self, run: RunRecord, fix: SuggestedFix) -> str:
        """Why no standing approval has approved *fix*, though one seemed to be there for it."""
        covering = _covering(self._signed(run), fix)
        if not covering:
            return _JUST_ENDED
        return "; ".join(_of_all(covering)) or _ONCE

    def _attempt(
        self, run: RunRecord, fix_id: str, verdict: Verdict, until: float, *, tried_on: str
    ) -> Change | str | None:
        """tried_on: digest of the workflow that the fix was judged on; no other is changed."""
        if (why := self._why_not(run, fix_id, until)) is not None:
            return why
        try:
            return self._apply(run.workspace_id, fix_id, verdict, tried_on=tried_on)
        except StaleBase:
            return _MOVED
        except CopilotError as error:  # it does not fit any more, or was refused since
            return f"it was refused: {str(error).rstrip('.')}"

    def _missing(
        self, run: RunRecord, report: Report, fix: SuggestedFix, base: Snapshot
    ) -> Iterator[str]:
        """What keeps a fix that is signed for from even being tried."""
        if run.test_mode:
            yield "the run was a test"
        if report.verdict is not Verdict.CONFIRMED:
            yield f"the cause is {report.verdict.value}, not confirmed"
        if fix.failed_before:
            times = "once" if fix.failed_before == 1 else f"{fix.failed_before} times"
            yield f"exactly this fix has failed here before ({times})"
        elif fix.fix_id is not None and self._was_applied(run, fix.fix_id):
            yield _BEFORE
        elif any(one.failed_before and is_change(one) for one in report.suggested_fixes):
            yield FIRST_FAILED
        else:
            yield from StandingPlaces(self._parts, report, base).why_not(fix)
        yield from self._needs(run, fix)

    def _needs(self, run: RunRecord, fix: SuggestedFix) -> tuple[str, ...]:
        return StandingNeeds(self._parts, run.workspace_id).of_type(fix.type)

    def _was_applied(self, run: RunRecord, fix_id: str) -> bool:
        """Whether the same was written into this workflow before: somebody took it out, or edited it."""
        store, workspace_id = self._parts.store, run.workspace_id
        key = fix_key(store.analyses.fix(workspace_id, fix_id).fix)
        past = store.past_fixes.of(workspace_id, run.workflow_id)
        return any(one.key == key for one in past)

    def _why_not(self, run: RunRecord, fix_id: str, until: float) -> str | None:
        """Why the dry run does not speak for the fix; None where it does."""
        seconds = until - FOR_APPLYING - time.monotonic()
        if seconds < LEAST_SECONDS:
            return _NO_TIME
        state = self._parts.dry_run(run.workspace_id, fix_id, run.execution_id, seconds)
        if time.monotonic() >= until - FOR_APPLYING:
            return _NO_TIME
        return _WHY.get(state)

    def _apply(
        self, workspace_id: str, fix_id: str, verdict: Verdict, *, tried_on: str
    ) -> Change | str | None:
        """The change, or why not, where that is known.

        tried_on: digest of the workflow that the dry run was made on; no other is changed.
        """
        if (why := self._approvals.why_not(workspace_id, fix_id)) is not None:
            return why
        approval = self._approvals.use(workspace_id, fix_id, verdict=verdict, dry_run=_PASSED)
        if approval is None or approval.standing_id is None:
            return None
        if approval.base_digest != tried_on:
            return _MOVED
        store = self._parts.store
        standing = store.standing.get(workspace_id, approval.standing_id)
        caller = Caller(signer(standing, workspace_id), store.audit)
        try:
            change = LocalFixes(self._parts, caller).apply(approval.approval_id)
        except ApprovalRefused as error:
            given = store.approvals.find(workspace_id, approval.approval_id)
            if given is not None and given.used:  # by an analysis of the same moment
                return None
            details = {"fix_id": fix_id, "reason": str(error)}
            caller.record("refuse_standing", approval.standing_id, **details)
            raise
        self._parts.outbox.look(workspace_id)
        return change

    def _elsewhere(self, run: RunRecord, fix_id: str) -> Change | str | None:
        """What another analysis has made, or is making, of the fix: the run did not have it."""
        workspace_id = run.workspace_id
        states = {use.change_state for _, use in self._uses(workspace_id) if use.fix_id == fix_id}
        if ChangeState.APPLYING in states:
            return _UNDER_WAY
        found = self._in_place(workspace_id, {fix_id})
        if found is None or run.workflow_version is None or found[1].version is None:
            return None
        current = self._parts.target.snapshot(workspace_id, run.workflow_id).version
        return found[1] if run.workflow_version < found[1].version == current else None

    def _record(self, change: Change) -> ChangeRecord:
        return self._parts.store.changes.get(change.workspace_id, change.change_id)

    def _behind(self, change: Change) -> StandingApproval:
        """The standing approval under which *change* was made."""
        uses = self._uses(change.workspace_id)
        return next(one for one, use in uses if use.change_id == change.change_id)

    def _in_place(
        self, workspace_id: str, fix_ids: set[str]
    ) -> tuple[StandingApproval, Change] | None:
        """Of *fix_ids*, the one that was applied by itself and is in place."""
        for one, use in self._uses(workspace_id):
            if use.fix_id not in fix_ids or use.change_id is None:
                continue
            if use.change_state is ChangeState.APPLIED:
                return one, self._parts.store.changes.get(workspace_id, use.change_id).change
        return None

    def _uses(self, workspace_id: str) -> Iterator[tuple[StandingApproval, StandingUse]]:
        standing = self._parts.store.standing
        for one in standing.list(workspace_id):
            for use in standing.uses(workspace_id, one.standing_id) if one.uses else ():
                yield one, use


def _covering(signed: Sequence[StandingApproval], fix: SuggestedFix) -> list[StandingApproval]:
    return [one for one in signed if one.fix_type == fix.type]


def _of_all(covering: Sequence[StandingApproval]) -> tuple[str, ...]:
    """What keeps each of them from being used now; nothing where one could be."""
    left = [one for one in covering if one.state is not StandingState.USED_UP]
    return min(map(missing_of, left), key=len) if left else (_USED_UP,)
