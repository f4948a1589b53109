"""An action goes the way of every fix: approved by a person, done once, and taken back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from copilot.errors import ApprovalRefused, CopilotError, InvalidFix, NotReversible, StaleBase
from copilot.fixes import parse_action
from copilot.pipeline.apply import Applier, Propose
from copilot.pipeline.preview import preview_action, unified_diff
from copilot.policy import Policy
from copilot.snapshot import Account, Paused, Snapshot, Standing, StoppedRun
from copilot.storage.store import Store
from copilot.testing import ManualClock, MemoryDeeds, MemoryTarget, SimulatedCrash
from copilot.types import Approval, Change, ChangeState, Preview
from tests.copilot.storage_builders import a_failure, a_finished_analysis, a_snapshot

PAUSE = {"type": "pause_workflow", "reason": "Repeated failure"}
RESUME = {"type": "resume_after_quota", "execution_id": "run-1"}
CONNECT = {"type": "connect_integration", "integration": "gmail"}
WORKFLOW = ("acme", "outreach")


class Scene:
    """One workflow, how things stand around it, and whoever applies fixes to it."""

    def __init__(self, store: Store, clock: ManualClock) -> None:
        self.store, self.clock = store, clock
        self.target = MemoryTarget(a_snapshot())
        self.deeds = MemoryDeeds(self.target, clock)
        self.applier = self.restarted()
        self.deeds.put(
            *WORKFLOW,
            Standing(
                scheduled_runs=7,
                accounts={"Mail": Account(kind="gmail", connected=False)},
                run=StoppedRun(
                    execution_id="run-1",
                    status="failed",
                    round=1,
                    step="step3",
                    version=1,
                    test_mode=False,
                    resets_at=clock() + timedelta(hours=5),
                    is_over=False,
                    timer=None,
                    unsure=False,
                ),
            ),
        )
        store.ledger.reserve("acme", "key-1", price=1)
        store.analyses.finish(a_finished_analysis(a_failure(), fix_ids=("fix-1", "fix-2")))

    def restarted(self) -> Applier:
        return Applier(
            self.store.approvals,
            self.store.changes,
            self.target,
            diff=unified_diff,
            policy=lambda _workspace_id: Policy(),
            deeds=self.deeds,
            clock=self.clock,
        )

    def propose(self, data: dict[str, str]) -> Propose:
        action = parse_action(data)

        def propose(base: Snapshot) -> tuple[Preview, Snapshot]:
            standing = self.deeds.standing(*WORKFLOW, execution_id=action.execution)
            return preview_action(action, fix_id="fix-1", base=base, standing=standing)

        return propose

    def shown(self, data: dict[str, str]) -> Preview:
        return self.propose(data)(self.target.snapshot(*WORKFLOW))[0]

    def approve(self, data: dict[str, str], *, kind: str = "person") -> Approval:
        fresh = self.shown(data)
        return self.applier.approve(
            fresh,
            workspace_id="acme",
            seen_digest=fresh.digest,
            seen_version=fresh.base_version,
            actor="ana",
            actor_kind=kind,  # type: ignore[arg-type]
        )

    def apply(self, data: dict[str, str], approval: Approval | None = None) -> Change:
        approval = approval or self.approve(data)
        return self.applier.apply(
            approval.approval_id,
            workspace_id="acme",
            workflow_id="outreach",
            propose=self.propose(data),
        )

    def revert(self, change: Change):
        return self.applier.revert(change.change_id, workspace_id="acme", actor="ana")

    @property
    def now(self) -> Standing:
        return self.deeds.standing(*WORKFLOW, execution_id="run-1")

    def is_done(self, data: dict[str, str]) -> bool:
        if data is PAUSE:
            return self.now.paused is not None
        return self.now.run is not None and self.now.run.timer is not None

    def somebody_unpauses(self) -> None:
        self.deeds.put(*WORKFLOW, self.now.model_copy(update={"paused": None}))

    def somebody_pauses(self) -> None:
        paused = Paused(by="bob", reason="holidays", at=self.clock())
        self.deeds.put(*WORKFLOW, self.now.model_copy(update={"paused": paused}))


@pytest.fixture
def scene(store: Store, clock: ManualClock) -> Scene:
    return Scene(store, clock)


every_deed = pytest.mark.parametrize("data", [PAUSE, RESUME], ids=["pause", "resume"])


@every_deed
def test_an_approved_action_is_done_at_once_and_nothing_is_changed(
    scene: Scene, data: dict[str, str]
) -> None:
    change = scene.apply(data)
    assert (change.state, change.base_version, change.version) == (ChangeState.APPLIED, 1, 1)
    assert change.undo_until == scene.clock() + timedelta(seconds=5)
    assert scene.is_done(data)
    assert scene.target.snapshot(*WORKFLOW) == a_snapshot()
    assert scene.store.changes.history(*WORKFLOW) == (change,)


@every_deed
def test_no_run_is_watched_for_an_action(scene: Scene, data: dict[str, str]) -> None:
    change = scene.apply(data)
    assert scene.store.outcomes.open_watches(*WORKFLOW) == ()
    assert scene.store.outcomes.rates("acme") == ()
    assert scene.revert(change).change.state is ChangeState.APPLIED


@every_deed
@pytest.mark.parametrize("way", ["undo", "revert"])
def test_taking_it_back_does_its_inverse_once(scene: Scene, data: dict[str, str], way: str) -> None:
    change = scene.apply(data)
    take_back = getattr(scene.applier, way)
    reversal = take_back(change.change_id, workspace_id="acme", actor="ana")
    assert not scene.is_done(data)
    assert (reversal.runs_started, reversal.notice) == (0, None)
    assert scene.deeds.count == 2
    with pytest.raises(NotReversible):
        take_back(change.change_id, workspace_id="acme", actor="ana")
    assert scene.deeds.count == 2


@every_deed
def test_one_approval_used_from_many_threads_does_it_once(
    scene: Scene, data: dict[str, str]
) -> None:
    approval = scene.approve(data)

    def attempt(_number: int) -> str:
        try:
            return scene.apply(data, approval).state
        except CopilotError as error:
            return error.code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(attempt, range(8)))
    assert answers.count("applied") == 1
    assert set(answers) <= {"applied", "approval_refused", "stale_base", "invalid_fix"}
    assert scene.deeds.count == 1


@every_deed
def test_a_machine_can_not_approve_an_action(scene: Scene, data: dict[str, str]) -> None:
    with pytest.raises(ApprovalRefused, match="only a person"):
        scene.approve(data, kind="machine")


@every_deed
def test_an_approval_of_an_action_expires_and_is_good_once(
    scene: Scene, data: dict[str, str]
) -> None:
    old = scene.approve(data)
    scene.clock.advance(hours=1)
    with pytest.raises(ApprovalRefused, match="expired"):
        scene.apply(data, old)
    approval = scene.approve(data)
    scene.revert(scene.apply(data, approval))
    with pytest.raises(ApprovalRefused, match="used already"):
        scene.apply(data, approval)


def test_what_is_handed_over_can_not_be_approved(scene: Scene) -> None:
    assert scene.shown(CONNECT).kind == "hand_over"
    with pytest.raises(ApprovalRefused, match="a person does this"):
        scene.approve(CONNECT)


@every_deed
def test_an_edit_after_the_approval_asks_for_another_look(
    scene: Scene, data: dict[str, str]
) -> None:
    approval = scene.approve(data)
    scene.target.edit(*WORKFLOW, definition={"name": "Outreach", "instructions": "Mine."})
    with pytest.raises(StaleBase) as caught:
        scene.apply(data, approval)
    assert caught.value.args == (1, 2, scene.shown(data).diff)
    assert scene.deeds.count == 0
    assert scene.apply(data).version == 2


def test_a_paused_workflow_is_not_paused_again(scene: Scene) -> None:
    approval = scene.approve(PAUSE)
    scene.somebody_pauses()
    with pytest.raises(InvalidFix, match="paused already"):
        scene.apply(PAUSE, approval)
    assert scene.now.paused is not None
    assert scene.now.paused.by == "bob"
    assert scene.store.changes.history(*WORKFLOW) == ()


def test_a_workflow_paused_while_the_deed_is_on_its_way_stays_as_it_was_paused(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_out = scene.deeds.carry_out

    def paused_just_before(change_id: str, decided: Snapshot, *, actor: str) -> int:
        scene.somebody_pauses()
        return carry_out(change_id, decided, actor=actor)

    monkeypatch.setattr(scene.deeds, "carry_out", paused_just_before)
    with pytest.raises(InvalidFix, match="paused already"):
        scene.apply(PAUSE)
    (change,) = scene.store.changes.history(*WORKFLOW)
    assert (change.state, change.problem) == (
        ChangeState.FAILED,
        "The workflow changed meanwhile.",
    )
    assert scene.now.paused is not None
    assert scene.now.paused.by == "bob"


@pytest.mark.parametrize("again", [False, True], ids=["unpaused", "paused-by-another"])
def test_a_pause_that_is_gone_is_not_lifted_again(scene: Scene, again: bool) -> None:
    change = scene.apply(PAUSE)
    scene.somebody_unpauses()
    if again:
        scene.somebody_pauses()
    with pytest.raises(NotReversible):
        scene.revert(change)
    assert (scene.now.paused is not None) == again
    assert scene.store.changes.get("acme", change.change_id).change.state is ChangeState.APPLIED
    newest = scene.store.changes.history(*WORKFLOW)[0]
    assert newest.reverses in (change.change_id, None)


@every_deed
@pytest.mark.parametrize("point", ["before_deed", "after_deed"])
def test_a_crash_is_finished_exactly_once(scene: Scene, data: dict[str, str], point: str) -> None:
    approval = scene.approve(data)
    scene.deeds.crash = point  # type: ignore[assignment]
    with pytest.raises(SimulatedCrash):
        scene.apply(data, approval)
    scene.applier = scene.restarted()
    assert scene.applier.reconcile() == ()  # it may be under way somewhere
    scene.clock.advance(minutes=2)
    (found,) = scene.applier.reconcile()
    if point == "before_deed":
        assert (found.state, scene.is_done(data)) == (ChangeState.APPROVED, False)
        found = scene.apply(data, approval)
    assert (found.state, scene.is_done(data)) == (ChangeState.APPLIED, True)
    assert scene.deeds.count == 1
    assert scene.applier.reconcile() == ()


@every_deed
@pytest.mark.parametrize(
    ("point", "original"),
    [("before_deed", ChangeState.APPLIED), ("after_deed", ChangeState.REVERTED)],
)
def test_a_crash_while_it_is_taken_back_is_all_or_nothing(
    scene: Scene, data: dict[str, str], point: str, original: ChangeState
) -> None:
    change = scene.apply(data)
    scene.deeds.crash = point  # type: ignore[assignment]
    with pytest.raises(SimulatedCrash):
        scene.revert(change)
    scene.clock.advance(minutes=2)
    scene.applier.reconcile()
    assert scene.store.changes.get("acme", change.change_id).change.state is original
    assert scene.is_done(data) == (original is ChangeState.APPLIED)
    if original is ChangeState.APPLIED:
        scene.revert(change)
    assert not scene.is_done(data)


@every_deed
def test_without_anybody_to_do_it_an_action_is_refused(scene: Scene, data: dict[str, str]) -> None:
    approval = scene.approve(data)
    scene.applier = Applier(
        scene.store.approvals,
        scene.store.changes,
        scene.target,
        diff=unified_diff,
        policy=lambda _workspace_id: Policy(),
        clock=scene.clock,
    )
    with pytest.raises(ApprovalRefused, match="nothing here carries out actions"):
        scene.apply(data, approval)
    assert scene.store.changes.history(*WORKFLOW) == ()


def test_an_approval_is_good_for_exactly_that_action(scene: Scene) -> None:
    approval = scene.approve(PAUSE)
    with pytest.raises(ApprovalRefused, match="another diff"):
        scene.apply({**PAUSE, "reason": "Something else"}, approval)
    assert scene.deeds.count == 0
