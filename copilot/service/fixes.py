"""A fix looked at, approved by a person, made, taken back, and judged."""

from collections.abc import Callable, Sequence

from ..errors import ApprovalRefused, InvalidFix, NotFound
from ..fixes import ACTIONS, Action, Fix, HandOver, parse_any
from ..pipeline import watch
from ..pipeline.apply import is_as_left, touched_resources
from ..pipeline.preview import preview, preview_action
from ..pipeline.validate import allow, validate
from ..ports import Unstorable
from ..snapshot import Snapshot
from ..storage.analyses import StoredFix
from ..storage.changes import ChangeRecord
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

_NOTHING = "There is nothing to approve. Run the workflow again to see whether it holds."
_BACK = "There is nothing to approve. {kind} {change} to take it back."


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
        workspace_id, store = self._caller.workspace_id, self._parts.store
        found = store.approvals.waiting(workspace_id)
        names = store.people.names(workspace_id, {one.actor for one in found})
        return tuple(
            one.model_copy(update={"actor_name": names.get(one.actor, _end_of(one.actor))})
            for one in found
        )

    def apply(self, approval_id: str) -> Change:
        self._caller.require(Scope.APPROVE)
        workspace_id, store = self._caller.workspace_id, self._parts.store
        with store.database.reads():
            approval = store.approvals.find(workspace_id, approval_id)
            if approval is None:
                raise NotFound("approval")
            stored = store.analyses.fix(workspace_id, approval.fix_id)
            self._parts.autonomy.require_approvable(workspace_id, stored.fix_type)
        return self._parts.applier.apply(
            approval_id,
            workspace_id=workspace_id,
            workflow_id=stored.workflow_id,
            propose=self._propose(parse_any(stored.fix), stored.fix_id),
            change_id=self._caller.id_for("change"),
            by=self._caller.principal,
        )

    def undo(self, change_id: str) -> Reversal:
        return self._take_back(change_id, self._parts.applier.undo)

    def revert(self, change_id: str) -> Reversal:
        return self._take_back(change_id, self._parts.applier.revert)

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
        record = self._parts.store.changes.get(workspace_id, change_id)
        change = record.change
        self._parts.intake.catch_up(workspace_id)
        if change.fix_type in ACTIONS:
            return watch.of_action(change)
        found = watch.outcome_of(self._parts.store.outcomes.get(workspace_id, change_id))
        if change.reversed:
            found = watch.taken_back(found, change)
        elif found.state in watch.UNDER_WATCH and not self._stands(record):
            found = watch.edited_now(found)
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

    def _take_back(self, change_id: str, take_back: Callable[..., Reversal]) -> Reversal:
        self._caller.require(Scope.APPROVE)
        workspace_id = self._caller.workspace_id
        done = take_back(
            change_id,
            workspace_id=workspace_id,
            actor=self._caller.actor,
            reversal_id=self._caller.id_for("change"),
            by=self._caller.principal,
        )
        had_held = self._had_held(workspace_id, change_id)
        told = " ".join(one for one in (had_held, done.notice) if one)
        return done.model_copy(update={"notice": told or None})

    def _had_held(self, workspace_id: str, change_id: str) -> str | None:
        try:
            found = self._parts.store.outcomes.get(workspace_id, change_id)
        except NotFound:  # of an action
            return None
        return watch.had_held(found)

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
                self._refuse_in_place(fix, fix_id, base)
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

    def _refuse_in_place(self, fix: Fix, fix_id: str, base: Snapshot) -> None:
        """A fix that does not fit because *base* has it already is told as that."""
        changes = self._parts.store.changes
        for change in changes.history(base.workspace_id, base.workflow_id):
            if change.fix_id != fix_id or not _in_place(change):
                continue
            if isinstance(fix, Action):
                done = f"this was done already, by {change.change_id}."
                raise ApprovalRefused(done, _BACK.format(kind="Undo", change=change.change_id))
            record = changes.get(base.workspace_id, change.change_id)
            if self._stands(record):
                raise ApprovalRefused(
                    f"this fix is in place already, by {change.change_id}, since version "
                    f"{change.version}.",
                    _BACK.format(kind="Revert", change=change.change_id),
                )
        if self._is_written(fix, fix_id, base):
            raise ApprovalRefused("the workflow has what this fix would write already.", _NOTHING)

    def _stands(self, record: ChangeRecord) -> bool:
        """Whether what it touched is as it left it, as far as anything is left of the workflow."""
        change, names = record.change, touched_resources(record.before, record.after)
        also = {name for _, name in names}
        try:
            found = self._parts.target.snapshot(change.workspace_id, change.workflow_id, also=also)
        except NotFound:
            return True
        return is_as_left(record.before, record.after, found)

    def _is_written(self, fix: Fix, fix_id: str, base: Snapshot) -> bool:
        """Whether *base* has what the fix makes of the version that its run was of."""
        stored = self._parts.store.analyses.fix(base.workspace_id, fix_id)
        run = self._run_behind(stored)
        if isinstance(fix, Action) or run is None or run.workflow_version is None:
            return False
        try:
            old = self._parts.versions.at(base.workspace_id, base.workflow_id, run.workflow_version)
            fixed = self._parts.target.canonical(fix.apply(old))
        except (InvalidFix, NotFound, Unstorable):
            return False
        return is_as_left(old, fixed, base)


def _end_of(actor: str) -> str:
    """Who has no key here is called as the id ends: 'ana' of 'local:ana'."""
    return actor.rpartition(":")[2]


def _in_place(change: Change) -> bool:
    return change.state is ChangeState.APPLIED and change.reverses is None
