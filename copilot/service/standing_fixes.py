"""Fixes that are applied without anybody looking: where an owner has signed, and all speaks for it.

Only the first change of a report is applied so, the one that the evidence has singled out, and only
where no other of them would write the same place; else the fix is offered like any other, and says
why. An answer that is told again of another run comes here like a new one. What was applied before
is never applied by itself again, and nothing is where an earlier fix of the same place was taken
back or edited, or did not hold.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ..pipeline.learned import fixed_by_itself
from ..types import Change, ChangeState, Report, RunRecord
from ..types.standing import StandingUse
from .parts import Parts
from .standing_attempt import Declined, StandingAttempt, covering, signed_for
from .standing_places import ANOTHER_FIRST, is_change


@dataclass(frozen=True, slots=True)
class Looked:
    """change: what was applied, if anything was. declined: why not, by the number of the fix."""

    change: Change | None = None
    declined: Mapping[int, str] = field(default_factory=dict[int, str])


class StandingFixes:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def answered(self, run: RunRecord, report: Report, until: float) -> Report:
        """`look_at`, with *report* as it is told then: fixes that were signed for say why not.

        What was applied is told as that, and not offered again.
        """
        looked = self.look_at(run, report, until=until)
        fixes = tuple(
            fix.model_copy(update={"not_applied_because": looked.declined[number]})
            if number in looked.declined
            else fix
            for number, fix in enumerate(report.suggested_fixes)
        )
        told = report.model_copy(update={"suggested_fixes": fixes})
        if looked.change is None:
            return told
        return self._as_fixed(run.workspace_id, told, {looked.change.fix_id})

    def as_given(self, workspace_id: str, report: Report) -> Report:
        """A stored *report* as it was told: with the fix that was applied by itself and is in place."""
        offered = {fix.fix_id for fix in report.suggested_fixes if fix.fix_id is not None}
        return self._as_fixed(workspace_id, report, offered)

    def look_at(self, run: RunRecord, report: Report, *, until: float = math.inf) -> Looked:
        """Apply the first change of *report*, if it may be.

        The same report again changes nothing. until: by `time.monotonic`; no dry run takes longer.
        """
        if run.is_parked or report.already_fixed is not None:
            return Looked()
        signed = signed_for(self._parts, run)
        changes = [one for one in report.suggested_fixes if is_change(one)]
        declined: dict[int, str] = {}
        for number, fix in enumerate(report.suggested_fixes):
            own = covering(signed, fix)
            if not own or not is_change(fix):
                continue
            if fix is not changes[0]:
                declined[number] = ANOTHER_FIRST
                continue
            attempt = StandingAttempt(self._parts, run, report, fix, until=until)
            try:
                return Looked(change=attempt.made(own), declined=declined)
            except Declined as why:
                declined[number] = str(why)
        return Looked(declined=declined)

    def _as_fixed(self, workspace_id: str, report: Report, fix_ids: Collection[str]) -> Report:
        """*report* as fixed by the one of *fix_ids* that was applied by itself, if one is in place."""
        store = self._parts.store
        use = next(filter(_in_place, store.standing.uses_of(workspace_id, fix_ids)), None)
        if use is None or use.change_id is None:
            return report
        standing = store.standing.get(workspace_id, use.standing_id)
        return fixed_by_itself(
            report, store.changes.get(workspace_id, use.change_id), under=standing
        )


def _in_place(use: StandingUse) -> bool:
    return use.change_state is ChangeState.APPLIED
