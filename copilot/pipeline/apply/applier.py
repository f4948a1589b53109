"""Applying an approved fix, and taking it back: undo, revert, and tidying up after a crash.

The copilot's store and the target can't share a transaction. So a change is marked as applying,
given to the target under its change id, which the target remembers, and marked as applied. After a
crash between any two of these `reconcile` asks the target whether it has the change, and marks it.
An action goes the same way: its deed takes the place of the change, and no run is watched for it.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Literal, NoReturn

from ...errors import ApprovalRefused, NotReversible, StaleBase, UndoExpired
from ...policy import Policy
from ...ports import Deeds, Target
from ...snapshot import Snapshot
from ...storage.approvals import Approvals
from ...storage.changes import ChangeRecord, Changes
from ...storage.database import Clock, utc_now
from ...types import Approval, ApprovalState, Change, ChangeState, Preview, Reversal
from .carrier import Carrier
from .reversal import notice, restored, same_where_touched

#: What a fix makes of the workflow as it is now: `preview` of the stage of that name.
Propose = Callable[[Snapshot], tuple[Preview, Snapshot]]
ActorKind = Literal["person", "machine"]

INTERRUPTED = "Interrupted before it reached the workflow."


class Applier:
    """Carries out changes on one target, and the deeds of actions where there are `deeds`.

    diff: spells the difference of two snapshots for people. policy: what a workspace has decided
    about approvals, undo and verification.
    """

    def __init__(
        self,
        approvals: Approvals,
        changes: Changes,
        target: Target,
        *,
        diff: Callable[[Snapshot, Snapshot], str],
        policy: Callable[[str], Policy],
        deeds: Deeds | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._approvals = approvals
        self._changes = changes
        self._target = target
        self._carrier = Carrier(target, deeds)
        self._diff = diff
        self._now = clock
        self._policy = policy

    def approve(
        self,
        fresh: Preview,
        *,
        workspace_id: str,
        seen_digest: str,
        seen_version: int,
        actor: str,
        actor_kind: ActorKind,
        approval_id: str | None = None,
    ) -> Approval:
        """Let *fresh*, the fix previewed on the workflow as it is now, be applied once.

        seen_digest, seen_version: of the preview that was looked at. The same *approval_id* again
        is the same approval. For a type that takes a second person it is pending until another has
        approved the same. Raises StaleBase with the fresh diff when that was another one, and
        ApprovalRefused for a machine, and for the same person again.
        """
        if actor_kind != "person":
            raise ApprovalRefused("only a person can approve a fix.")
        if fresh.kind == "hand_over":
            raise ApprovalRefused("a person does this, by the steps of its preview; then recheck.")
        if (seen_digest, seen_version) != (fresh.digest, fresh.base_version):
            raise StaleBase(seen_version, fresh.base_version, fresh.diff)
        policy = self._policy(workspace_id)
        return self._approvals.add(
            workspace_id,
            fresh,
            actor=actor,
            valid_for=timedelta(seconds=policy.approval_seconds),
            approval_id=approval_id,
            needs_second=fresh.fix_type in policy.second_person_types,
        )

    def apply(
        self,
        approval_id: str,
        *,
        workspace_id: str,
        workflow_id: str,
        propose: Propose,
        change_id: str | None = None,
    ) -> Change:
        """Make the approved change; it takes effect at once and its watch starts.

        The same *change_id* again is the same change, also after a crash in the middle of it.

        Raises ApprovalRefused when there is no such approval, or it was used, has expired, is for
        another diff, or a second person has still to approve it, and StaleBase with the fresh diff
        when the workflow has moved since.
        """
        if (known := self._known(workspace_id, change_id)) is not None:
            return known
        approval = self._usable(workspace_id, approval_id)
        base = self._target.snapshot(workspace_id, workflow_id)
        preview, changed = propose(base)
        _require_same_diff(approval, preview)
        self._require_second(approval, preview, workspace_id)
        self._carrier.require(changed)
        record = self._changes.begin(
            approval,
            fix_type=preview.fix_type,
            before=base,
            after=self._target.canonical(changed),
            change_id=change_id,
        )
        if record is None:
            raise _already_used()
        try:
            return self._carry_out(record)
        except StaleBase:
            fresh, _ = propose(self._target.snapshot(workspace_id, workflow_id))
            raise StaleBase(approval.base_version, fresh.base_version, fresh.diff) from None

    def undo(
        self, change_id: str, *, workspace_id: str, actor: str, reversal_id: str | None = None
    ) -> Reversal:
        """Take a fix back while undo is offered. Raises UndoExpired after that; see `revert`.

        The same *reversal_id* again is the same undo.
        """
        if (known := self._known(workspace_id, reversal_id)) is not None:
            return self._reversal(known)
        change = self._changes.get(workspace_id, change_id).change
        _require_reversible(change)
        if change.undo_until is None or self._now() > change.undo_until:
            raise UndoExpired(self._policy(workspace_id).undo_seconds)
        return self._reverse(
            change_id, "undo", workspace_id=workspace_id, actor=actor, reversal_id=reversal_id
        )

    def revert(
        self, change_id: str, *, workspace_id: str, actor: str, reversal_id: str | None = None
    ) -> Reversal:
        """Take a fix back at any time: a new version with what it touched as it was before.

        Raises StaleBase when that has been edited since, and NotReversible when the fix is not in
        place. The same *reversal_id* again is the same revert.
        """
        if (known := self._known(workspace_id, reversal_id)) is not None:
            return self._reversal(known)
        return self._reverse(
            change_id, "revert", workspace_id=workspace_id, actor=actor, reversal_id=reversal_id
        )

    def reconcile(self, *, older_than: timedelta = timedelta(minutes=1)) -> Sequence[Change]:
        """Finish what a crash left half done; changes younger than *older_than* may be under way.

        What the target has is marked as applied. What it does not have goes back to approved while
        its approval is good, and has failed otherwise.
        """
        unfinished = self._changes.applying(started_before=self._now() - older_than)
        return tuple(self._settle(record) for record in unfinished)

    def _known(self, workspace_id: str, change_id: str | None) -> Change | None:
        """What an earlier call with this id did, finished if a crash left it half done."""
        record = self._changes.find(workspace_id, change_id) if change_id else None
        if record is None:
            return None
        state = record.change.state
        change = self._settle(record) if state is ChangeState.APPLYING else record.change
        return change if change.version is not None else None

    def _usable(self, workspace_id: str, approval_id: str) -> Approval:
        approval = self._approvals.find(workspace_id, approval_id)
        if approval is None:
            raise ApprovalRefused("nobody has approved it.")
        if approval.used:
            raise _already_used()
        if self._now() >= approval.expires_at:
            raise ApprovalRefused("the approval has expired. Look at the diff and approve again.")
        if approval.state is ApprovalState.PENDING:
            raise ApprovalRefused(f"it waits for {approval.missing}.")
        return approval

    def _require_second(self, approval: Approval, preview: Preview, workspace_id: str) -> None:
        """What was approved before the workspace asked for two people is no longer enough."""
        types = self._policy(workspace_id).second_person_types
        if preview.fix_type in types and approval.second_actor is None:
            raise ApprovalRefused("two people have to approve it by now. Approve it again.")

    def _carry_out(self, record: ChangeRecord) -> Change:
        change = record.change
        try:
            version = self._carrier.carry_out(record)
        except StaleBase:
            self._changes.mark_failed(change, "The workflow changed meanwhile.")
            raise
        except NotReversible as error:
            self._changes.mark_failed(change, str(error))
            raise
        return self._mark_applied(record, version)

    def _mark_applied(self, record: ChangeRecord, version: int) -> Change:
        policy = self._policy(record.change.workspace_id)
        return self._changes.mark_applied(
            record.change,
            version,
            undo_for=timedelta(seconds=policy.undo_seconds),
            needed_passes=policy.verify_runs if record.after.deed is None else None,
        )

    def _settle(self, record: ChangeRecord) -> Change:
        change = record.change
        version = self._carrier.applied_version(record)
        if version is not None:
            return self._mark_applied(record, version)
        if record.valid_until is not None and self._now() < record.valid_until:
            return self._changes.reset(change, INTERRUPTED)
        return self._changes.mark_failed(change, INTERRUPTED)

    def _reverse(
        self,
        change_id: str,
        kind: Literal["undo", "revert"],
        *,
        workspace_id: str,
        actor: str,
        reversal_id: str | None,
    ) -> Reversal:
        original = self._changes.get(workspace_id, change_id)
        change = original.change
        _require_reversible(change)
        current = self._target.snapshot(workspace_id, change.workflow_id)
        if not same_where_touched(original, current):
            self._refuse_stale(original, current)
        if reversal_id is not None and self._changes.find(workspace_id, reversal_id):
            reversal_id = None  # that attempt failed and keeps its id
        record = self._changes.begin_reversal(
            change,
            kind,
            before=current,
            after=restored(original, current),
            actor=actor,
            reversal_id=reversal_id,
        )
        if record is None:
            raise NotReversible("it is being taken back already.")
        try:
            done = self._carry_out(record)
        except StaleBase:
            self._refuse_stale(original, self._target.snapshot(workspace_id, change.workflow_id))
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

    def _refuse_stale(self, original: ChangeRecord, current: Snapshot) -> NoReturn:
        """The diff shows what was edited since the fix."""
        seen = original.change.version or original.after.version
        raise StaleBase(seen, current.version, self._diff(original.after, current))


def _require_same_diff(approval: Approval, preview: Preview) -> None:
    if approval.digest == preview.digest:
        return
    if approval.fix_id == preview.fix_id and approval.base_digest != preview.base_digest:
        raise StaleBase(approval.base_version, preview.base_version, preview.diff)
    raise ApprovalRefused("the approval is for another diff.")


def _require_reversible(change: Change) -> None:
    if change.reverses is not None:
        raise NotReversible(f"this is itself the {change.kind} of a fix.")
    if change.state in {ChangeState.UNDONE, ChangeState.REVERTED}:
        raise NotReversible(f"this fix was {change.state} already.")
    if change.state is not ChangeState.APPLIED:
        raise NotReversible(f"this fix was not applied, it is {change.state}.")


def _already_used() -> ApprovalRefused:
    return ApprovalRefused("the approval was used already.")
