"""Taking a fix back, as another change that goes the same way as the fix has gone."""

from collections.abc import Callable
from typing import Literal

from ...errors import NotReversible, StaleBase, UndoExpired
from ...policy import Policy
from ...ports import Target, Unstorable
from ...storage.changes import Changes
from ...storage.database import Clock
from ...types import Change, Reversal
from ...types.principal import Principal
from .going_back import Diff, refusal, without_fix
from .refusals import require_reversible, would_break
from .reversal import notice, touched_resources
from .settling import Settler


class Reverser:
    """diff: spells the difference of two snapshots for people. policy: what a workspace has decided."""

    def __init__(
        self,
        changes: Changes,
        target: Target,
        settler: Settler,
        *,
        diff: Diff,
        policy: Callable[[str], Policy],
        now: Clock,
    ) -> None:
        self._changes = changes
        self._target = target
        self._settler = settler
        self._diff = diff
        self._policy = policy
        self._now = now

    def undo(
        self,
        change_id: str,
        *,
        workspace_id: str,
        actor: str,
        reversal_id: str | None = None,
        by: Principal | None = None,
    ) -> Reversal:
        """Take a fix back while undo is offered. Raises UndoExpired after that, and as `revert` does.

        The same *reversal_id* again is the same undo. by: who is noted in the audit; None leaves
        that to the caller.
        """
        known, reversal_id = self._attempted(workspace_id, reversal_id)
        if known is not None:
            return self._reversal(known)
        change = self._changes.get(workspace_id, change_id).change
        require_reversible(change)
        if change.undo_until is None or self._now() > change.undo_until:
            raise UndoExpired(self._policy(workspace_id).undo_seconds)
        return self._reverse(
            change_id,
            "undo",
            workspace_id=workspace_id,
            actor=actor,
            reversal_id=reversal_id,
            by=by,
        )

    def revert(
        self,
        change_id: str,
        *,
        workspace_id: str,
        actor: str,
        reversal_id: str | None = None,
        by: Principal | None = None,
    ) -> Reversal:
        """Take a fix back at any time: a new version with what it touched as it was before.

        Raises EditedMeanwhile when that has been edited since, what the fix has made is used
        elsewhere by now, or the workflow would not be valid without it, and NotReversible when the
        fix is not in place. The same *reversal_id* again is the same revert. by: as `undo` has it.
        """
        known, reversal_id = self._attempted(workspace_id, reversal_id)
        if known is not None:
            return self._reversal(known)
        return self._reverse(
            change_id,
            "revert",
            workspace_id=workspace_id,
            actor=actor,
            reversal_id=reversal_id,
            by=by,
        )

    def _attempted(
        self, workspace_id: str, reversal_id: str | None
    ) -> tuple[Change | None, str | None]:
        """What earlier calls with *reversal_id* did, or the id of the next attempt.

        One that failed keeps its id.
        """
        attempt, number = reversal_id, 1
        while attempt is not None and self._changes.find(workspace_id, attempt) is not None:
            if (known := self._settler.known(workspace_id, attempt)) is not None:
                return known, attempt
            number += 1
            attempt = f"{reversal_id}_{number}"
        return None, attempt

    def _reverse(
        self,
        change_id: str,
        kind: Literal["undo", "revert"],
        *,
        workspace_id: str,
        actor: str,
        reversal_id: str | None,
        by: Principal | None,
    ) -> Reversal:
        original = self._changes.get(workspace_id, change_id)
        change = original.change
        require_reversible(change)
        touched = {name for _, name in touched_resources(original.before, original.after)}
        current = self._target.snapshot(workspace_id, change.workflow_id, also=touched)
        after = without_fix(original, current, target=self._target, diff=self._diff)
        record = self._changes.begin_reversal(
            change,
            kind,
            before=current,
            after=after,
            actor=actor,
            reversal_id=reversal_id,
            by=by,
        )
        if record is None:
            raise NotReversible("it is being taken back already.")
        try:
            done = self._settler.carry_out(record, self._policy(workspace_id), by)
        except StaleBase:
            edited = self._target.snapshot(workspace_id, change.workflow_id)
            raise refusal(original, edited, self._diff) from None
        except Unstorable as refused:
            why = would_break(refused.problems)
            raise refusal(original, current, self._diff, why) from None
        return self._reversal(done)

    def _reversal(self, done: Change) -> Reversal:
        """*done* with how many runs may have used what it took back."""
        original = self._changes.get(done.workspace_id, done.reverses or "")
        if original.after.deed is not None:  # no run has used what is no change
            return Reversal(change=done, runs_started=0)
        taken_back = original.change
        since = taken_back.applied_at or done.applied_at or self._now()
        started = self._target.runs_started_since(done.workspace_id, done.workflow_id, since)
        return Reversal(change=done, runs_started=started, notice=notice(started))
