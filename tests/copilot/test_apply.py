"""Nothing is applied without an approval of that exact diff, nothing twice, and all can go back."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from copilot.errors import (
    ApprovalRefused,
    CopilotError,
    EditedMeanwhile,
    NotFound,
    NotReversible,
    StaleBase,
    UndoExpired,
)
from copilot.pipeline.apply import Applier, Propose
from copilot.pipeline.preview import unified_diff
from copilot.policy import Policy
from copilot.snapshot import Snapshot
from copilot.storage.store import Store
from copilot.testing import ManualClock, MemoryTarget, SimulatedCrash
from copilot.types import Approval, Change, ChangeState, OutcomeState, Preview
from tests.copilot.storage_builders import (
    a_failure,
    a_finished_analysis,
    a_snapshot,
    adding_a_template,
)


@pytest.fixture
def target() -> MemoryTarget:
    return MemoryTarget(a_snapshot())


def applier_on(store: Store, target: MemoryTarget, clock: ManualClock) -> Applier:
    return Applier(
        store.approvals,
        store.changes,
        target,
        diff=unified_diff,
        policy=lambda _workspace_id: Policy(),
        clock=clock,
    )


@pytest.fixture
def applier(store: Store, target: MemoryTarget, clock: ManualClock) -> Applier:
    store.ledger.reserve("acme", "key-1", price=1)
    store.analyses.finish(a_finished_analysis(a_failure(), fix_ids=("fix-1", "fix-2")))
    return applier_on(store, target, clock)


def current(target: MemoryTarget) -> Snapshot:
    return target.snapshot("acme", "outreach")


def approve(
    applier: Applier, target: MemoryTarget, propose: Propose = adding_a_template
) -> Approval:
    fresh, _ = propose(current(target))
    return applier.approve(
        fresh,
        workspace_id="acme",
        seen_digest=fresh.digest,
        seen_version=fresh.base_version,
        actor="ana",
        actor_kind="person",
    )


def apply(applier: Applier, approval: Approval, propose: Propose = adding_a_template) -> Change:
    return applier.apply(
        approval.approval_id, workspace_id="acme", workflow_id="outreach", propose=propose
    )


def undo(applier: Applier, change: Change):
    return applier.undo(change.change_id, workspace_id="acme", actor="ana")


def revert(applier: Applier, change: Change):
    return applier.revert(change.change_id, workspace_id="acme", actor="ana")


def test_an_approved_fix_takes_effect_at_once_with_its_undo_and_its_watch(
    applier: Applier, target: MemoryTarget, store: Store, clock: ManualClock
) -> None:
    change = apply(applier, approve(applier, target))
    assert (change.state, change.base_version, change.version) == (ChangeState.APPLIED, 1, 2)
    assert change.actor == "ana"
    assert change.applied_at == clock()
    assert change.undo_until == clock() + timedelta(seconds=5)
    assert current(target).resources["template"]["xyz"] == {"subject": "Hello"}
    watch = store.outcomes.get("acme", change.change_id)
    assert (watch.state, watch.version, watch.step_path, watch.signature, watch.needed) == (
        OutcomeState.NOT_EXERCISED,
        2,
        "/step3",
        "n1:template",
        3,
    )
    record = store.changes.get("acme", change.change_id)
    assert record.before == a_snapshot()
    assert store.changes.history("acme", "outreach") == (change,)


def refused_approval_id(applier: Applier, target: MemoryTarget, clock: ManualClock) -> str:
    return "approval-nobody-gave"


def used(applier: Applier, target: MemoryTarget, clock: ManualClock) -> str:
    approval = approve(applier, target)
    apply(applier, approval)
    return approval.approval_id


def expired(applier: Applier, target: MemoryTarget, clock: ManualClock) -> str:
    approval = approve(applier, target)
    clock.advance(hours=1)
    return approval.approval_id


def for_another_fix(applier: Applier, target: MemoryTarget, clock: ManualClock) -> str:
    def other(base: Snapshot) -> tuple[Preview, Snapshot]:
        return adding_a_template(base, fix_id="fix-2")

    return approve(applier, target, other).approval_id


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (refused_approval_id, "nobody has approved it"),
        (used, "was used already"),
        (expired, "has expired"),
        (for_another_fix, "is for another diff"),
    ],
)
def test_approvals_that_are_refused(
    applier: Applier,
    target: MemoryTarget,
    clock: ManualClock,
    prepare: Callable[[Applier, MemoryTarget, ManualClock], str],
    message: str,
) -> None:
    approval_id = prepare(applier, target, clock)
    before = current(target)
    with pytest.raises(ApprovalRefused, match=message):
        applier.apply(
            approval_id, workspace_id="acme", workflow_id="outreach", propose=adding_a_template
        )
    assert current(target) == before


def test_another_diff_of_the_same_fix_on_the_same_base_is_refused(
    applier: Applier, target: MemoryTarget
) -> None:
    def tampered(base: Snapshot) -> tuple[Preview, Snapshot]:
        shown, changed = adding_a_template(base)
        return shown.model_copy(update={"digest": "another"}), changed

    with pytest.raises(ApprovalRefused, match="another diff"):
        apply(applier, approve(applier, target), tampered)


def test_an_approval_for_another_fix_is_not_mistaken_for_an_outdated_one(
    applier: Applier, target: MemoryTarget, clock: ManualClock
) -> None:
    approval_id = for_another_fix(applier, target, clock)
    target.edit("acme", "outreach", definition={"name": "Outreach", "instructions": "Mine."})
    with pytest.raises(ApprovalRefused, match="another diff"):
        applier.apply(
            approval_id, workspace_id="acme", workflow_id="outreach", propose=adding_a_template
        )


def test_a_machine_can_not_approve(applier: Applier, target: MemoryTarget) -> None:
    fresh, _ = adding_a_template(current(target))
    with pytest.raises(ApprovalRefused, match="only a person"):
        applier.approve(
            fresh,
            workspace_id="acme",
            seen_digest=fresh.digest,
            seen_version=1,
            actor="nightly",
            actor_kind="machine",
        )


def test_an_approval_of_another_workspace_is_not_there(
    applier: Applier, target: MemoryTarget
) -> None:
    approval = approve(applier, target)
    with pytest.raises(ApprovalRefused, match="nobody has approved"):
        applier.apply(
            approval.approval_id,
            workspace_id="rival",
            workflow_id="outreach",
            propose=adding_a_template,
        )


def test_approving_an_outdated_preview_gives_the_fresh_diff(
    applier: Applier, target: MemoryTarget
) -> None:
    seen, _ = adding_a_template(current(target))
    target.edit("acme", "outreach", definition={"name": "Outreach 2", "instructions": "x"})
    fresh, _ = adding_a_template(current(target))
    with pytest.raises(StaleBase) as caught:
        applier.approve(
            fresh,
            workspace_id="acme",
            seen_digest=seen.digest,
            seen_version=seen.base_version,
            actor="ana",
            actor_kind="person",
        )
    assert caught.value.args == (1, 2, fresh.diff)


@pytest.mark.parametrize("version", [0, 2, 99])
def test_the_right_digest_with_another_version_is_not_what_was_looked_at(
    applier: Applier, target: MemoryTarget, version: int
) -> None:
    fresh, _ = adding_a_template(current(target))
    with pytest.raises(StaleBase) as stale:
        applier.approve(
            fresh,
            workspace_id="acme",
            seen_digest=fresh.digest,
            seen_version=version,
            actor="ana",
            actor_kind="person",
        )
    assert stale.value.args == (version, 1, fresh.diff)


def test_a_workflow_edited_after_the_approval_is_not_overwritten(
    applier: Applier, target: MemoryTarget, store: Store
) -> None:
    approval = approve(applier, target)
    target.edit("acme", "outreach", definition={"name": "Outreach", "instructions": "Mine."})
    with pytest.raises(StaleBase) as caught:
        apply(applier, approval)
    seen, now, diff = caught.value.args
    assert (seen, now) == (1, 2)
    assert "-instructions: Mine." in diff
    assert current(target).version == 2
    assert store.changes.history("acme", "outreach") == ()


def test_a_workflow_edited_while_it_is_applied_is_not_overwritten(
    applier: Applier, target: MemoryTarget, store: Store
) -> None:
    approval = approve(applier, target)
    proposals = 0

    def propose(base: Snapshot) -> tuple[Preview, Snapshot]:
        nonlocal proposals
        proposals += 1
        made = adding_a_template(base)
        if proposals == 1:  # somebody saves right behind the check
            target.edit("acme", "outreach", definition={"name": "O", "instructions": "Mine."})
        return made

    with pytest.raises(StaleBase) as caught:
        apply(applier, approval, propose)
    assert caught.value.args[:2] == (1, 2)
    assert "-instructions: Mine." in caught.value.args[2]
    (change,) = store.changes.history("acme", "outreach")
    assert (change.state, change.version) == (ChangeState.FAILED, None)
    assert change.problem == "The workflow changed meanwhile."


def test_one_approval_used_from_many_threads_applies_once(
    applier: Applier, target: MemoryTarget
) -> None:
    approval = approve(applier, target)

    def attempt(_number: int) -> str:
        try:
            return apply(applier, approval).state
        except CopilotError as error:
            return error.code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(attempt, range(8)))
    assert answers.count("applied") == 1
    assert set(answers) <= {"applied", "approval_refused", "stale_base"}
    assert (target.applications, current(target).version) == (1, 2)


def test_undo_makes_a_new_version_equal_to_the_one_before(
    applier: Applier, target: MemoryTarget, store: Store, clock: ManualClock
) -> None:
    change = apply(applier, approve(applier, target))
    clock.advance(seconds=5)
    reversal = undo(applier, change)
    assert (reversal.change.kind, reversal.change.reverses) == ("undo", change.change_id)
    assert (reversal.change.version, reversal.runs_started, reversal.notice) == (3, 0, None)
    assert current(target).definition == a_snapshot().definition
    assert current(target).resources == a_snapshot().resources
    assert store.changes.get("acme", change.change_id).change.state is ChangeState.UNDONE
    assert store.outcomes.open_watches("acme", "outreach") == ()


def test_undo_says_when_runs_have_started_with_the_fix(
    applier: Applier, target: MemoryTarget, clock: ManualClock
) -> None:
    target.start_run("acme", "outreach", clock())
    clock.advance(seconds=1)
    change = apply(applier, approve(applier, target))
    for _ in range(2):
        target.start_run("acme", "outreach", clock())
    reversal = undo(applier, change)
    assert reversal.runs_started == 2
    assert reversal.notice == (
        "2 runs have already started with the fix; this does not stop or repeat them."
    )


def test_after_the_undo_window_revert_is_still_there(
    applier: Applier, target: MemoryTarget, store: Store, clock: ManualClock
) -> None:
    change = apply(applier, approve(applier, target))
    clock.advance(seconds=5.1)
    with pytest.raises(UndoExpired, match="5 s"):
        undo(applier, change)
    clock.advance(days=30)
    assert revert(applier, change).change.version == 3
    assert current(target).definition == a_snapshot().definition
    assert store.changes.get("acme", change.change_id).change.state is ChangeState.REVERTED


@pytest.mark.parametrize("again", [undo, revert])
def test_a_fix_is_taken_back_once(
    applier: Applier, target: MemoryTarget, again: Callable[[Applier, Change], object]
) -> None:
    change = apply(applier, approve(applier, target))
    reversal = undo(applier, change)
    with pytest.raises(NotReversible, match="undone already"):
        again(applier, change)
    with pytest.raises(NotReversible, match="itself the undo"):
        again(applier, reversal.change)
    assert current(target).version == 3


def test_two_undos_at_once_make_one_version(applier: Applier, target: MemoryTarget) -> None:
    change = apply(applier, approve(applier, target))

    def attempt(_number: int) -> str:
        try:
            return undo(applier, change).change.state
        except CopilotError as error:
            return error.code

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(attempt, range(6)))
    assert answers.count("applied") == 1
    assert set(answers) <= {"applied", "not_reversible", "edited_meanwhile"}
    assert current(target).version == 3


def test_an_edit_after_the_fix_is_not_lost_by_taking_it_back(
    applier: Applier, target: MemoryTarget
) -> None:
    change = apply(applier, approve(applier, target))
    target.edit("acme", "outreach", definition={"name": "Outreach", "instructions": "Mine."})
    with pytest.raises(EditedMeanwhile) as caught:
        undo(applier, change)
    assert caught.value.args[:2] == (2, 3)
    assert "+instructions: Mine." in caught.value.args[2]
    target.edit("acme", "outreach", definition=target.versions("acme", "outreach")[1].definition)
    assert undo(applier, change).change.version == 5


def test_edits_elsewhere_stay_when_a_fix_is_taken_back(
    applier: Applier, target: MemoryTarget
) -> None:
    change = apply(applier, approve(applier, target))
    target.edit("acme", "outreach", resource=("template", "Welcome", {"subject": "Hi there"}))
    revert(applier, change)
    assert current(target).resources["template"] == {"Welcome": {"subject": "Hi there"}}
    assert current(target).definition == a_snapshot().definition


def test_edits_beside_it_stay_when_a_fix_is_taken_back(
    applier: Applier, target: MemoryTarget
) -> None:
    before = current(target).definition
    change = apply(applier, approve(applier, target))
    fixed = current(target).definition
    assert fixed != before
    target.edit("acme", "outreach", definition={**fixed, "description": "Mine"})
    revert(applier, change)
    assert current(target).definition == {**before, "description": "Mine"}


def test_an_edit_while_it_is_taken_back_leaves_the_fix_in_place(
    applier: Applier, target: MemoryTarget, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = apply(applier, approve(applier, target))
    carry_out = target.apply

    def edited_just_before(change_id: str, *, base: Snapshot, changed: Snapshot) -> int:
        monkeypatch.undo()
        target.edit("acme", "outreach", definition={"name": "O", "instructions": "Mine."})
        return carry_out(change_id, base=base, changed=changed)

    monkeypatch.setattr(target, "apply", edited_just_before)
    with pytest.raises(EditedMeanwhile):
        undo(applier, change)
    assert store.changes.get("acme", change.change_id).change.state is ChangeState.APPLIED
    target.edit("acme", "outreach", definition=target.versions("acme", "outreach")[1].definition)
    assert undo(applier, change).change.state is ChangeState.APPLIED


def crash(applier: Applier, target: MemoryTarget, approval: Approval, point: str) -> None:
    target.crash = point
    with pytest.raises(SimulatedCrash):
        apply(applier, approval)


def test_a_crash_before_the_target_goes_back_to_approved_and_applies_once(
    applier: Applier, target: MemoryTarget, store: Store, engine: Engine, clock: ManualClock
) -> None:
    approval = approve(applier, target)
    crash(applier, target, approval, "before_apply")
    engine.dispose()
    restarted = applier_on(Store.open(engine, clock=clock), target, clock)
    assert restarted.reconcile() == ()  # it may be under way somewhere
    clock.advance(minutes=2)
    (reset,) = restarted.reconcile()
    assert reset.state is ChangeState.APPROVED
    assert reset.problem == "Interrupted before it reached the workflow."
    change = apply(restarted, approval)
    assert (change.change_id, change.state, change.version) == (
        reset.change_id,
        ChangeState.APPLIED,
        2,
    )
    assert target.applications == 1
    with pytest.raises(ApprovalRefused, match=f"used already, for {change.change_id}"):
        apply(restarted, approval)


def test_a_crash_after_the_target_is_marked_as_applied_and_watched(
    applier: Applier, target: MemoryTarget, store: Store, engine: Engine, clock: ManualClock
) -> None:
    approval = approve(applier, target)
    crash(applier, target, approval, "after_apply")
    with pytest.raises(ApprovalRefused, match="used already"):
        apply(applier, approval)
    engine.dispose()
    reopened = Store.open(engine, clock=clock)
    restarted = applier_on(reopened, target, clock)
    clock.advance(minutes=2)
    (change,) = restarted.reconcile()
    assert (change.state, change.version) == (ChangeState.APPLIED, 2)
    assert reopened.outcomes.get("acme", change.change_id).version == 2
    assert restarted.reconcile() == ()
    assert (target.applications, current(target).version) == (1, 2)
    assert undo(restarted, change).change.version == 3


def test_a_crash_whose_approval_has_run_out_has_failed(
    applier: Applier, target: MemoryTarget, clock: ManualClock
) -> None:
    approval = approve(applier, target)
    crash(applier, target, approval, "before_apply")
    clock.advance(hours=2)
    (change,) = applier.reconcile()
    assert change.state is ChangeState.FAILED
    assert current(target).version == 1


@pytest.mark.parametrize(
    ("point", "original", "version"),
    [("before_apply", ChangeState.APPLIED, 2), ("after_apply", ChangeState.UNDONE, 3)],
)
def test_a_crash_while_undoing_is_all_or_nothing(
    applier: Applier,
    target: MemoryTarget,
    store: Store,
    clock: ManualClock,
    point: str,
    original: ChangeState,
    version: int,
) -> None:
    change = apply(applier, approve(applier, target))
    target.crash = point
    with pytest.raises(SimulatedCrash):
        undo(applier, change)
    with pytest.raises((NotReversible, EditedMeanwhile)):
        revert(applier, change)  # the undo may still be under way
    clock.advance(minutes=2)
    applier.reconcile()
    assert store.changes.get("acme", change.change_id).change.state is original
    assert current(target).version == version
    if original is ChangeState.APPLIED:
        assert revert(applier, change).change.version == 3


def test_a_slow_writer_that_the_reconciler_gave_up_on_is_still_told_the_truth(
    applier: Applier, target: MemoryTarget, store: Store, clock: ManualClock
) -> None:
    approval = approve(applier, target)
    crash(applier, target, approval, "before_apply")
    clock.advance(hours=2)
    (failed,) = applier.reconcile()
    record = store.changes.get("acme", failed.change_id)
    version = target.apply(failed.change_id, base=record.before, changed=record.after)
    late = store.changes.mark_applied(
        failed, version, undo_for=timedelta(seconds=5), needed_passes=3
    )
    assert (late.state, late.version, late.problem) == (ChangeState.APPLIED, 2, None)


def test_somebody_elses_change_is_not_there(applier: Applier, target: MemoryTarget) -> None:
    change = apply(applier, approve(applier, target))
    for take_back in (applier.undo, applier.revert):
        with pytest.raises(NotFound):
            take_back(change.change_id, workspace_id="rival", actor="eve")
    assert current(target).version == 2


def test_a_change_that_failed_can_not_be_taken_back(
    applier: Applier, target: MemoryTarget, clock: ManualClock
) -> None:
    crash(applier, target, approve(applier, target), "before_apply")
    clock.advance(hours=2)
    (failed,) = applier.reconcile()
    with pytest.raises(NotReversible, match="was not applied, it is failed"):
        revert(applier, failed)
