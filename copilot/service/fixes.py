"""A fix looked at, approved by a person, made, taken back, and judged."""

from collections.abc import Callable, Sequence

from ..errors import NotFound
from ..fixes import FIXES, Fix, parse
from ..pipeline import watch
from ..pipeline.preview import preview
from ..pipeline.validate import validate
from ..snapshot import Snapshot
from ..types import Approval, Change, Outcome, Preview, Reversal
from ..types.principal import Scope
from .caller import Caller
from .parts import Parts


class LocalFixes:
    """Implements `Fixes`."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def preview(self, fix_id: str) -> Preview:
        self._caller.require(Scope.READ)
        return self._preview(fix_id)

    def approve(self, fix_id: str, *, digest: str, version: int) -> Approval:
        self._caller.require(Scope.APPROVE)
        stored = self._parts.store.analyses.fix(self._caller.workspace_id, fix_id)
        if FIXES[stored.fix_type].reach.approver == "owner":
            self._caller.require(Scope.GOVERN)
        approval = self._parts.applier.approve(
            self._preview(fix_id),
            workspace_id=self._caller.workspace_id,
            seen_digest=digest,
            seen_version=version,
            actor=self._caller.actor,
            actor_kind=self._caller.principal.kind.value,
            approval_id=self._caller.id_for("approval"),
        )
        self._caller.record("approve_fix", fix_id, approval_id=approval.approval_id, digest=digest)
        return approval

    def apply(self, approval_id: str) -> Change:
        self._caller.require(Scope.APPROVE)
        workspace_id = self._caller.workspace_id
        approval = self._parts.store.approvals.find(workspace_id, approval_id)
        if approval is None:
            raise NotFound("approval")
        stored = self._parts.store.analyses.fix(workspace_id, approval.fix_id)
        change = self._parts.applier.apply(
            approval_id,
            workspace_id=workspace_id,
            workflow_id=stored.workflow_id,
            propose=self._propose(parse(stored.fix), stored.fix_id),
            change_id=self._caller.id_for("change"),
        )
        self._caller.record("apply_fix", change.change_id, fix_id=change.fix_id)
        return change

    def undo(self, change_id: str) -> Reversal:
        return self._take_back("undo_fix", change_id, self._parts.applier.undo)

    def revert(self, change_id: str) -> Reversal:
        return self._take_back("revert_fix", change_id, self._parts.applier.revert)

    def changes(self, workflow_id: str) -> Sequence[Change]:
        """What was changed in a workflow, newest first, undone and failed changes too."""
        self._caller.require(Scope.READ)
        workspace_id = self._caller.workspace_id
        self._parts.target.snapshot(workspace_id, workflow_id)  # NotFound for an unknown workflow
        return self._parts.store.changes.history(workspace_id, workflow_id)

    def outcome(self, change_id: str) -> Outcome:
        """Whether the fix held, by all runs that have ended so far."""
        self._caller.require(Scope.READ)
        workspace_id = self._caller.workspace_id
        change = self._parts.store.changes.get(workspace_id, change_id).change
        self._parts.intake.catch_up(workspace_id)
        found = watch.outcome_of(self._parts.store.outcomes.get(workspace_id, change_id))
        return watch.taken_back(found, change) if change.reversed else found

    def _take_back(
        self, action: str, change_id: str, take_back: Callable[..., Reversal]
    ) -> Reversal:
        self._caller.require(Scope.APPROVE)
        reversal = take_back(
            change_id,
            workspace_id=self._caller.workspace_id,
            actor=self._caller.actor,
            reversal_id=self._caller.id_for("change"),
        )
        self._caller.record(action, change_id, by_change=reversal.change.change_id)
        return reversal

    def _preview(self, fix_id: str) -> Preview:
        workspace_id = self._caller.workspace_id
        stored = self._parts.store.analyses.fix(workspace_id, fix_id)
        base = self._parts.target.snapshot(workspace_id, stored.workflow_id)
        return self._propose(parse(stored.fix), fix_id)(base)[0]

    def _propose(self, fix: Fix, fix_id: str) -> Callable[[Snapshot], tuple[Preview, Snapshot]]:
        def propose(base: Snapshot) -> tuple[Preview, Snapshot]:
            validate(fix, base, problems=self._parts.checker.problems)
            return preview(fix, fix_id=fix_id, base=base)

        return propose
