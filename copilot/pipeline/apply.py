"""Applying an approved fix, and taking it back: undo, revert, and tidying up after a crash.

The copilot's store and the target can't share a transaction. So a change is marked as applying,
given to the target under its change id, which the target remembers, and marked as applied. After a
crash between any two of these `reconcile` asks the target whether it has the change, and marks it.
"""

import copy
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Literal, NoReturn

from ..errors import ApprovalRefused, NotReversible, StaleBase, UndoExpired
from ..policy import Policy
from ..ports import Target
from ..snapshot import ResourceKind, Snapshot
from ..storage.approvals import Approvals
from ..storage.changes import ChangeRecord, Changes
from ..storage.database import Clock, utc_now
from ..types import Approval, Change, ChangeState, Preview, Reversal

#: What a fix makes of the workflow as it is now: `preview` of the stage of that name.
Propose = Callable[[Snapshot], tuple[Preview, Snapshot]]
ActorKind = Literal["person", "machine"]

INTERRUPTED = "Interrupted before it reached the workflow."


class Applier:
    """Carries out changes on one target.

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
        clock: Clock = utc_now,
    ) -> None:
        self._approvals = approvals
        self._changes = changes
        self._target = target
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
        is the same approval. Raises StaleBase with the fresh diff when that was another one, and
        ApprovalRefused for a machine.
        """
        if actor_kind != "person":
            raise ApprovalRefused("only a person can approve a fix.")
        if seen_digest != fresh.digest:
            raise StaleBase(seen_version, fresh.base_version, fresh.diff)
        valid_for = timedelta(seconds=self._policy(workspace_id).approval_seconds)
        return self._approvals.add(
            workspace_id, fresh, actor=actor, valid_for=valid_for, approval_id=approval_id
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

        Raises ApprovalRefused when there is no such approval, or it was used, has expired, or is
        for another diff, and StaleBase with the fresh diff when the workflow has moved since.
        """
        if (known := self._known(workspace_id, change_id)) is not None:
            return known
        approval = self._usable(workspace_id, approval_id)
        base = self._target.snapshot(workspace_id, workflow_id)
        preview, changed = propose(base)
        _require_same_diff(approval, preview)
        record = self._changes.begin(
            approval,
            fix_type=preview.fix_type,
            before=base,
            after=changed,
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
        return approval

    def _carry_out(self, record: ChangeRecord) -> Change:
        change = record.change
        try:
            version = self._target.apply(change.change_id, base=record.before, changed=record.after)
        except StaleBase:
            self._changes.mark_failed(change, "The workflow changed meanwhile.")
            raise
        return self._mark_applied(change, version)

    def _mark_applied(self, change: Change, version: int) -> Change:
        policy = self._policy(change.workspace_id)
        return self._changes.mark_applied(
            change,
            version,
            undo_for=timedelta(seconds=policy.undo_seconds),
            needed_passes=policy.verify_runs,
        )

    def _settle(self, record: ChangeRecord) -> Change:
        change = record.change
        version = self._target.applied_version(change.change_id)
        if version is not None:
            return self._mark_applied(change, version)
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
        taken_back = self._changes.get(done.workspace_id, done.reverses or "").change
        since = taken_back.applied_at or done.applied_at or self._now()
        started = self._target.runs_started_since(done.workspace_id, done.workflow_id, since)
        return Reversal(change=done, runs_started=started, notice=_notice(started))

    def _refuse_stale(self, original: ChangeRecord, current: Snapshot) -> NoReturn:
        """The diff shows what was edited since the fix."""
        seen = original.change.version or original.after.version
        raise StaleBase(seen, current.version, self._diff(original.after, current))


def _notice(runs_started: int) -> str | None:
    if not runs_started:
        return None
    runs = "1 run has" if runs_started == 1 else f"{runs_started} runs have"
    return f"{runs} already started with the fix; this does not stop or repeat them."


def same_where_touched(original: ChangeRecord, current: Snapshot) -> bool:
    """Whether every part that the change touched is still as the change left it."""
    before, after = original.before, original.after
    if before.definition != after.definition and current.definition != after.definition:
        return False
    return all(
        current.resources.get(kind, {}).get(name) == after.resources.get(kind, {}).get(name)
        for kind, name in _touched_resources(original)
    )


def restored(original: ChangeRecord, current: Snapshot) -> Snapshot:
    """*current* with the parts that the change touched as they were before it.

    A resource that the change created is absent again; what it did not touch stays as it is now.
    """
    before, after = original.before, original.after
    resources = copy.deepcopy(current.resources)
    for kind, name in _touched_resources(original):
        resources.setdefault(kind, {}).pop(name, None)
        if name in before.resources.get(kind, {}):
            resources[kind][name] = copy.deepcopy(before.resources[kind][name])
    definition = current.definition if before.definition == after.definition else before.definition
    return current.model_copy(
        update={"definition": copy.deepcopy(definition), "resources": resources}
    )


def _touched_resources(original: ChangeRecord) -> Sequence[tuple[ResourceKind, str]]:
    before, after = original.before.resources, original.after.resources
    return [
        (kind, name)
        for kind in before.keys() | after.keys()
        for name in before.get(kind, {}).keys() | after.get(kind, {}).keys()
        if before.get(kind, {}).get(name) != after.get(kind, {}).get(name)
    ]


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
