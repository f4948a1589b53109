"""A fix looked at, approved by a person, made, taken back, and judged."""

from collections.abc import Callable, Sequence

from ..errors import ApprovalRefused, InvalidFix, NotFound
from ..fixes import ACTIONS, Action, Fix, HandOver, parse_any
from ..pipeline import watch
from ..pipeline.preview import preview, preview_action
from ..pipeline.validate import allow, validate
from ..snapshot import Snapshot
from ..storage.analyses import StoredFix
from ..types import (
    Approval,
    Change,
    ChangeState,
    Outcome,
    Preview,
    Recheck,
    Reversal,
    RunRecord,
)
from ..types.principal import Scope
from .caller import Caller
from .consequences import told_whole
from .parts import Parts


class LocalFixes:
    """Implements `Fixes`."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def preview(self, fix_id: str, *, dry_run: bool = False) -> Preview:
        self._caller.require(Scope.RUN if dry_run else Scope.READ)
        workspace_id = self._caller.workspace_id
        stored = self._parts.store.analyses.fix(workspace_id, fix_id)
        base = self._parts.target.snapshot(workspace_id, stored.workflow_id)
        shown, changed = self._propose(parse_any(stored.fix), fix_id)(base)
        run = self._run_behind(stored)
        return told_whole(
            shown,
            self._parts,
            base=base,
            changed=changed,
            execution_id=None if run is None else run.execution_id,
            dry_run=dry_run,
        )

    def approve(self, fix_id: str, *, digest: str, version: int) -> Approval:
        self._caller.require(Scope.APPROVE)
        stored = self._parts.store.analyses.fix(self._caller.workspace_id, fix_id)
        if parse_any(stored.fix).approver == "owner":
            self._caller.require(Scope.GOVERN)
        self._parts.autonomy.require_approvable(self._caller.workspace_id, stored.fix_type)
        approval = self._parts.applier.approve(
            self._preview(fix_id),
            workspace_id=self._caller.workspace_id,
            seen_digest=digest,
            seen_version=version,
            actor=self._caller.actor,
            actor_kind=self._caller.principal.kind.value,
            approval_id=self._caller.id_for("approval"),
        )
        details = {"approval_id": approval.approval_id, "digest": digest, "state": approval.state}
        self._caller.record("approve_fix", fix_id, **details)
        return approval

    def waiting(self) -> Sequence[Approval]:
        """Approvals that wait for a second person, the oldest first."""
        self._caller.require(Scope.READ)
        return self._parts.store.approvals.waiting(self._caller.workspace_id)

    def apply(self, approval_id: str) -> Change:
        self._caller.require(Scope.APPROVE)
        workspace_id = self._caller.workspace_id
        approval = self._parts.store.approvals.find(workspace_id, approval_id)
        if approval is None:
            raise NotFound("approval")
        stored = self._parts.store.analyses.fix(workspace_id, approval.fix_id)
        self._parts.autonomy.require_approvable(workspace_id, stored.fix_type)
        change = self._parts.applier.apply(
            approval_id,
            workspace_id=workspace_id,
            workflow_id=stored.workflow_id,
            propose=self._propose(parse_any(stored.fix), stored.fix_id),
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
        if change.fix_type in ACTIONS:
            return watch.of_action(change)
        found = watch.outcome_of(self._parts.store.outcomes.get(workspace_id, change_id))
        found = watch.taken_back(found, change) if change.reversed else found
        return self._parts.rollbacks.of(found, change)

    def recheck(self, fix_id: str) -> Recheck:
        """Whether what a person was to do elsewhere is done now, and whether the run can go on."""
        self._caller.require(Scope.READ)
        workspace_id = self._caller.workspace_id
        stored = self._parts.store.analyses.fix(workspace_id, fix_id)
        fix = parse_any(stored.fix)
        if not isinstance(fix, HandOver):
            raise InvalidFix(stored.fix_type, "it is applied from here: there is nothing to check.")
        standing = self._parts.deeds.standing(workspace_id, stored.workflow_id)
        done = fix.is_done(standing)
        run = self._run_behind(stored)
        return Recheck(
            fix_id=fix_id,
            done=done,
            explanation=fix.found(standing),
            execution_id=None if run is None else run.execution_id,
            can_resume=done and run is not None and run.status.is_failure,
        )

    def _run_behind(self, stored: StoredFix) -> RunRecord | None:
        """The run that the fix was suggested for, while it is kept."""
        if stored.analysis_id is None:
            return None
        workspace_id = self._caller.workspace_id
        try:
            report = self._parts.store.analyses.get(workspace_id, stored.analysis_id)
            return self._parts.runs.run(workspace_id, report.execution_id)
        except NotFound:
            return None

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
        return self._propose(parse_any(stored.fix), fix_id)(base)[0]

    def _propose(self, fix: Fix, fix_id: str) -> Callable[[Snapshot], tuple[Preview, Snapshot]]:
        def propose(base: Snapshot) -> tuple[Preview, Snapshot]:
            try:
                if isinstance(fix, Action):
                    return self._propose_action(fix, fix_id, base)
                validate(
                    fix,
                    base,
                    problems=self._parts.checker.problems,
                    policy=self._parts.fix_policy(base.workspace_id),
                )
                return preview(fix, fix_id=fix_id, base=base)
            except InvalidFix:
                self._refuse_in_place(fix_id, base.workflow_id)
                raise

        return propose

    def _propose_action(
        self, action: Action, fix_id: str, base: Snapshot
    ) -> tuple[Preview, Snapshot]:
        allow(action, self._parts.fix_policy(base.workspace_id))
        standing = self._parts.deeds.standing(
            base.workspace_id, base.workflow_id, execution_id=action.execution
        )
        return preview_action(action, fix_id=fix_id, base=base, standing=standing)

    def _refuse_in_place(self, fix_id: str, workflow_id: str) -> None:
        """A fix that does not fit because it is there already is told as that."""
        for change in self._parts.store.changes.history(self._caller.workspace_id, workflow_id):
            if change.fix_id == fix_id and _in_place(change):
                raise ApprovalRefused(
                    f"this fix is applied already (change {change.change_id}, "
                    f"version {change.version})."
                )


def _in_place(change: Change) -> bool:
    return change.state is ChangeState.APPLIED and change.reverses is None
