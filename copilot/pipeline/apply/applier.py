"""Approving a fix and applying what was approved.

An action goes the same way as a change: its deed takes the place of the change, and no run is
watched for it.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Literal

from ...errors import ApprovalRefused, InvalidFix, StaleBase
from ...policy import Policy
from ...ports import Deeds, Target, Unstorable
from ...snapshot import Snapshot
from ...storage.approvals import Approvals
from ...storage.changes import Changes
from ...storage.database import Clock, utc_now
from ...types import Approval, Change, Preview
from ...types.principal import Principal
from .carrier import Carrier
from .going_back import Diff
from .refusals import already_used, not_valid, require_same_diff, require_second, usable
from .reverser import Reverser
from .settling import Settler

#: What a fix makes of the workflow as it is now: `preview` of the stage of that name.
Propose = Callable[[Snapshot], tuple[Preview, Snapshot]]
ActorKind = Literal["person", "machine"]


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
        diff: Diff,
        policy: Callable[[str], Policy],
        deeds: Deeds | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._approvals = approvals
        self._changes = changes
        self._target = target
        self._carrier = Carrier(target, deeds)
        self._settler = Settler(changes, self._carrier, policy=policy, now=clock)
        self._now = clock
        self._policy = policy
        reverser = Reverser(changes, target, self._settler, diff=diff, policy=policy, now=clock)
        self.undo = reverser.undo
        self.revert = reverser.revert
        self.reconcile = self._settler.reconcile

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
        if (known := self._settler.known(workspace_id, change_id)) is not None:
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
            return self._settler.carry_out(record, policy, by)
        except Unstorable as refused:
            raise InvalidFix(preview.fix_type, not_valid(refused.problems)) from None
        except StaleBase:
            fresh, _ = propose(self._target.snapshot(workspace_id, workflow_id))
            raise StaleBase(approval.base_version, fresh.base_version, fresh.diff) from None
