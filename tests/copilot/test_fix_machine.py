"""Whatever two people and a crash do in which order: nothing is lost, doubled, or unexplained.

Beside the store runs a model of ours: what was approved, applied, taken back and edited, as the
answers say. After each step both must agree, and every state must follow from the audit.
"""

from collections import Counter
from datetime import timedelta
from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from copilot.errors import (
    ApprovalRefused,
    InvalidFix,
    NotReversible,
    StaleBase,
    UndoExpired,
)
from copilot.fixes import parse_action, parse_any
from copilot.pipeline.apply import RECONCILER, Applier, Propose
from copilot.pipeline.preview import preview, preview_action, unified_diff
from copilot.policy import Policy
from copilot.snapshot import Snapshot, Standing, StoppedRun
from copilot.storage.store import Store
from copilot.testing import ManualClock, MemoryDeeds, MemoryTarget, SimulatedCrash
from copilot.types import Change, ChangeState, Preview
from copilot.types.principal import Principal, PrincipalKind, Role
from tests.copilot.storage_builders import a_failure, a_finished_analysis

WORKFLOW = ("acme", "outreach")
EDITS = ("Mine.", "Yours.", "Nobody's.")
FIXES = {
    "fix-1": {"type": "create_template", "name": "xyz", "subject": "Hello", "body": "Hello."},
    "fix-2": {"type": "pause_workflow", "reason": "It fails"},
    "fix-3": {"type": "resume_after_quota", "execution_id": "run-1"},
}
PEOPLE = {
    name: Principal(
        id=name, name=name, workspace_id="acme", kind=PrincipalKind.PERSON, role=Role.OWNER
    )
    for name in ("ana", "bob")
}
REFUSALS = (ApprovalRefused, InvalidFix, NotReversible, StaleBase, UndoExpired)
actors = st.sampled_from(sorted(PEOPLE))


class FixMachine(RuleBasedStateMachine):
    approvals: ClassVar[Bundle[tuple[str, str]]] = Bundle("approvals")
    changes: ClassVar[Bundle[str]] = Bundle("changes")

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        engine = create_engine(
            "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
        )
        self.store = Store.open(engine, clock=self.clock)
        self.engine = engine
        self.edits = 0
        self.in_doubt: set[str] = set()
        self.last_edit = ""

    def teardown(self) -> None:
        self.engine.dispose()

    @initialize()
    def begin(self) -> None:
        self.target = MemoryTarget(
            Snapshot(
                workspace_id="acme",
                workflow_id="outreach",
                version=1,
                definition={"name": "Outreach", "steps": [], "instructions": "Send 'xyz'."},
            )
        )
        self.deeds = MemoryDeeds(self.target, self.clock)
        self.deeds.put(*WORKFLOW, Standing(run=_run(self.clock)))
        self.store.ledger.reserve("acme", "key-1", price=1)
        self.store.analyses.finish(a_finished_analysis(a_failure(), fix_ids=tuple(FIXES)))
        self.applier = self._started()

    def _started(self) -> Applier:
        return Applier(
            self.store.approvals,
            self.store.changes,
            self.target,
            diff=unified_diff,
            policy=lambda _workspace_id: Policy(approval_seconds=600),
            deeds=self.deeds,
            clock=self.clock,
        )

    def _propose(self, fix_id: str) -> Propose:
        fix = parse_any(FIXES[fix_id])

        def propose(base: Snapshot) -> tuple[Preview, Snapshot]:
            if fix_id == "fix-1":
                return preview(fix, fix_id=fix_id, base=base)  # type: ignore[arg-type]
            action = parse_action(fix)
            standing = self.deeds.standing(*WORKFLOW, execution_id=action.execution)
            return preview_action(action, fix_id=fix_id, base=base, standing=standing)

        return propose

    @rule(target=approvals, fix_id=st.sampled_from(sorted(FIXES)), actor=actors)
    def approve(self, fix_id: str, actor: str) -> object:
        try:
            fresh, _ = self._propose(fix_id)(self.target.snapshot(*WORKFLOW))
        except InvalidFix:
            return multiple()
        given = self.applier.approve(
            fresh,
            workspace_id="acme",
            seen_digest=fresh.digest,
            seen_version=fresh.base_version,
            actor=actor,
            actor_kind="person",
        )
        self._record(actor, "approve_fix", fix_id)
        return fix_id, given.approval_id

    @rule(
        target=changes,
        given=approvals,
        actor=actors,
        crash=st.sampled_from(["", "before", "after"]),
    )
    def apply(self, given: tuple[str, str], actor: str, crash: str) -> object:
        fix_id, approval_id = given
        self._arm(crash)
        before = self._done()
        try:
            change = self.applier.apply(
                approval_id,
                workspace_id="acme",
                workflow_id="outreach",
                propose=self._propose(fix_id),
                by=PEOPLE[actor],
            )
        except REFUSALS:
            assert self._done() == before
            return multiple()
        except SimulatedCrash:
            self._restart()
            (change_id,) = self._applying() - self.in_doubt
            self.in_doubt.add(change_id)
            return change_id
        finally:
            self._arm("")
        assert self._done() == before + 1
        return change.change_id

    @rule(
        change_id=changes,
        actor=actors,
        way=st.sampled_from(["undo", "revert"]),
        crash=st.sampled_from(["", "before", "after"]),
    )
    def take_back(self, change_id: str, actor: str, way: str, crash: str) -> None:
        self._arm(crash)
        before = self._done()
        try:
            getattr(self.applier, way)(
                change_id, workspace_id="acme", actor=actor, by=PEOPLE[actor]
            )
        except REFUSALS:
            assert self._done() == before
            return
        except SimulatedCrash:
            self._restart()
            self.in_doubt |= self._applying()
        else:
            assert self._done() == before + 1
        finally:
            self._arm("")

    @rule(text=st.sampled_from(EDITS))
    def edit(self, text: str) -> None:
        definition = {**self.target.snapshot(*WORKFLOW).definition, "instructions": text}
        self.target.edit(*WORKFLOW, definition=definition)
        self.edits += 1
        self.last_edit = text

    @rule()
    def somebody_unpauses(self) -> None:
        now = self.deeds.standing(*WORKFLOW, execution_id="run-1")
        self.deeds.put(*WORKFLOW, now.model_copy(update={"paused": None}))

    @rule(seconds=st.sampled_from([1, 10, 700]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)

    @rule()
    def reconcile(self) -> None:
        self.applier.reconcile(older_than=timedelta(0))
        self.clock.advance(seconds=1)
        self.applier.reconcile(older_than=timedelta(0))
        assert not self._applying()
        self.in_doubt.clear()

    @rule(given=consumes(approvals))
    def forget(self, given: tuple[str, str]) -> None:
        """An approval that nobody uses."""

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        if not hasattr(self, "target"):
            return
        made = self._made()
        assert len(made) == self._done()
        assert self.target.snapshot(*WORKFLOW).version == 1 + self.edits + self.target.applications
        if self.edits:
            assert self.target.snapshot(*WORKFLOW).definition["instructions"] == self.last_edit

    @invariant()
    def what_is_in_place_is_what_the_changes_say(self) -> None:
        if not hasattr(self, "target") or self._applying():
            return
        for change in self._history():
            if change.state in (ChangeState.APPROVED, ChangeState.FAILED):
                assert change.change_id not in self._made()
            else:
                assert change.change_id in self._made()
        in_place = [one for one in self._history() if _is_in_place(one, "fix-1")]
        has = "xyz" in self.target.snapshot(*WORKFLOW).resources.get("template", {})
        assert len(in_place) == int(has)

    @invariant()
    def every_state_is_explained_by_the_audit(self) -> None:
        if not hasattr(self, "target"):
            return
        told = Counter[tuple[str, str]]()
        subjects = set[tuple[str, str]]()
        for entry in self._audit():
            told[str(entry.details.get("by_change", entry.subject)), entry.action] += 1
            subjects.add((entry.subject, entry.action))
            tidied = (entry.actor, entry.action) == (RECONCILER, "abandon_fix")
            assert entry.actor in PEOPLE or tidied
        for change in self._history():
            begun = "apply_fix" if change.reverses is None else f"{change.kind}_fix"
            attempts = told[change.change_id, begun] - told[change.change_id, "abandon_fix"]
            assert attempts == (change.state not in (ChangeState.FAILED, ChangeState.APPROVED))
            assert (change.fix_id, "approve_fix") in subjects
            if change.reversed:
                way = "undo_fix" if change.state is ChangeState.UNDONE else "revert_fix"
                assert (change.change_id, way) in subjects
        assert self.store.audit.verify("acme").intact

    def _arm(self, crash: str) -> None:
        self.target.crash = f"{crash}_apply" if crash else None  # type: ignore[assignment]
        self.deeds.crash = f"{crash}_deed" if crash else None  # type: ignore[assignment]

    def _restart(self) -> None:
        self.applier = self._started()

    def _record(self, actor: str, action: str, subject: str) -> None:
        self.store.audit.add(PEOPLE[actor], action, subject, {})

    def _audit(self):
        cursor = None
        while True:
            page = self.store.audit.page("acme", cursor=cursor, limit=200)
            yield from page.items
            if (cursor := page.next_cursor) is None:
                return

    def _history(self) -> tuple[Change, ...]:
        return tuple(self.store.changes.history(*WORKFLOW, limit=1000))

    def _applying(self) -> set[str]:
        return {one.change_id for one in self._history() if one.state is ChangeState.APPLYING}

    def _made(self) -> set[str]:
        """Changes that reached the target, by its own memory."""
        ids = (one.change_id for one in self._history())
        return {
            one
            for one in ids
            if self.target.applied_version(one) is not None or self.deeds.done_at(one) is not None
        }

    def _done(self) -> int:
        return self.target.applications + self.deeds.count


def _is_in_place(change: Change, fix_id: str) -> bool:
    return (
        change.fix_id == fix_id and change.reverses is None and change.state is ChangeState.APPLIED
    )


def _run(clock: ManualClock) -> StoppedRun:
    return StoppedRun(
        execution_id="run-1",
        status="failed",
        round=1,
        step="send",
        version=1,
        test_mode=False,
        resets_at=clock() + timedelta(days=9),
        is_over=False,
        timer=None,
        unsure=False,
    )


FixMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, derandomize=True
)
TestFixes = FixMachine.TestCase
