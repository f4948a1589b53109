"""Applying an approved fix, and taking it back: undo, revert, and tidying up after a crash.

The copilot's store and the target can't share a transaction. So a change is marked as applying,
given to the target under its change id, which the target remembers, and marked as applied. After a
crash between any two of these `reconcile` asks the target whether it has the change, and marks it.
Who did it is in the audit from the first of these on; what came to nothing is noted as abandoned.
An action goes the same way: its deed takes the place of the change, and no run is watched for it.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Literal

from ...errors import (
    ApprovalRefused,
    CopilotError,
    InvalidFix,
    NotFound,
    NotReversible,
    StaleBase,
    UndoExpired,
)
from ...policy import Policy
from ...ports import Deeds, Target, Unstorable
from ...snapshot import Snapshot
from ...storage.approvals import Approvals
from ...storage.changes import ChangeRecord, Changes
from ...storage.database import Clock, utc_now
from ...types import Approval, Change, ChangeState, Preview, Reversal
from ...types.principal import Principal, PrincipalKind, Role
from .carrier import Carrier
from .going_back import refusal, without_fix
from .refusals import (
    already_used,
    not_valid,
    require_reversible,
    require_same_diff,
    require_second,
    usable,
    would_break,
)
from .reversal import notice, touched_resources

#: What a fix makes of the workflow as it is now: `preview` of the stage of that name.
Propose = Callable[[Snapshot], tuple[Preview, Snapshot]]
ActorKind = Literal["person", "machine"]

INTERRUPTED = "Interrupted before it reached the workflow."
#: Who is noted for what is tidied up after a crash.
RECONCILER = "reconcile"

_log = logging.getLogger(__name__)


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
            raise ApprovalRefused.by_hand()
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
        by: Principal | None = None,
    ) -> Change:
        """Make the approved change; it takes effect at once and its watch starts.

        The same *change_id* again is the same change, also after a crash in the middle of it.
        by: who is noted in the audit; None leaves that to the caller.

        Raises ApprovalRefused when there is no such approval, or it was used, has expired, is for
        another diff, or a second person has still to approve it, StaleBase with the fresh diff when
        the workflow has moved since, and InvalidFix for what the target does not take.
        """
        if (known := self._known(workspace_id, change_id)) is not None:
            return known
        # read only now: what an earlier attempt has left half done still counts as its use
        approval = usable(self._approvals.find(workspace_id, approval_id), at=self._now())
        base = self._target.snapshot(workspace_id, workflow_id)
        preview, changed = propose(base)
        require_same_diff(approval, preview)
        policy = self._policy(workspace_id)
        require_second(approval, preview, policy)
        self._carrier.require(changed)
        try:
            record = self._changes.begin(
                approval,
                fix_type=preview.fix_type,
                before=base,
                after=self._target.canonical(changed),
                change_id=change_id,
                by=by,
            )
            if record is None:
                raise already_used()
            return self._carry_out(record, policy, by)
        except Unstorable as refused:
            raise InvalidFix(preview.fix_type, not_valid(refused.problems)) from None
        except StaleBase:
            fresh, _ = propose(self._target.snapshot(workspace_id, workflow_id))
            raise StaleBase(approval.base_version, fresh.base_version, fresh.diff) from None

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

        The same *reversal_id* again is the same undo. by: as `apply` has it.
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
        fix is not in place. The same *reversal_id* again is the same revert. by: as `apply` has it.
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

    def reconcile(self, *, older_than: timedelta = timedelta(minutes=1)) -> Sequence[Change]:
        """Finish what a crash left half done; changes younger than *older_than* may be under way.

        What the target has is marked as applied. What it does not have goes back to approved while
        its approval is good, and has failed otherwise. One that can't be finished is left as it is.
        """
        unfinished = self._changes.applying(started_before=self._now() - older_than)
        return tuple(change for record in unfinished if (change := self._settled(record)))

    def _known(self, workspace_id: str, change_id: str | None) -> Change | None:
        """What an earlier call with this id did, finished if a crash left it half done."""
        record = self._changes.find(workspace_id, change_id) if change_id else None
        if record is None:
            return None
        state = record.change.state
        change = self._settle(record) if state is ChangeState.APPLYING else record.change
        return change if change.version is not None else None

    def _attempted(
        self, workspace_id: str, reversal_id: str | None
    ) -> tuple[Change | None, str | None]:
        """What earlier calls with *reversal_id* did, or the id of the next attempt.

        One that failed keeps its id.
        """
        attempt, number = reversal_id, 1
        while attempt is not None and self._changes.find(workspace_id, attempt) is not None:
            if (known := self._known(workspace_id, attempt)) is not None:
                return known, attempt
            number += 1
            attempt = f"{reversal_id}_{number}"
        return None, attempt

    def _carry_out(self, record: ChangeRecord, policy: Policy, by: Principal | None) -> Change:
        change = record.change
        try:
            version = self._carrier.carry_out(record)
        except StaleBase:
            self._changes.mark_failed(change, "The workflow changed meanwhile.", by=by)
            raise
        except Unstorable as refused:
            self._changes.mark_failed(change, f"Not taken: {refused}", by=by)
            raise
        except (NotFound, NotReversible) as error:
            self._changes.mark_failed(change, str(error), by=by)
            raise
        return self._mark_applied(record, version, policy, by)

    def _mark_applied(
        self, record: ChangeRecord, version: int, policy: Policy, by: Principal | None
    ) -> Change:
        return self._changes.mark_applied(
            record.change,
            version,
            undo_for=timedelta(seconds=policy.undo_seconds),
            needed_passes=policy.verify_runs if record.after.deed is None else None,
            by=by,
        )

    def _settled(self, record: ChangeRecord) -> Change | None:
        try:
            return self._settle(record)
        except CopilotError as error:
            _log.error("%s stays half done: %s.", record.change.change_id, error.code)
            return None

    def _settle(self, record: ChangeRecord) -> Change:
        change = record.change
        version, by = self._carrier.applied_version(record), _reconciler(change.workspace_id)
        if version is not None:
            return self._mark_applied(record, version, self._policy(change.workspace_id), by)
        if record.valid_until is not None and self._now() < record.valid_until:
            return self._changes.reset(change, INTERRUPTED, by=by)
        return self._changes.mark_failed(change, INTERRUPTED, by=by)

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
            done = self._carry_out(record, self._policy(workspace_id), by)
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


def _reconciler(workspace_id: str) -> Principal:
    return Principal(
        id=RECONCILER,
        name=RECONCILER,
        workspace_id=workspace_id,
        kind=PrincipalKind.MACHINE,
        role=Role.OPERATOR,
    )
