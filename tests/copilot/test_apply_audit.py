"""Who applied what is in the audit before anything is changed, once, and what came to nothing too."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, event

from copilot.errors import ApprovalRefused, NotReversible, StaleBase
from copilot.policy import Policy
from copilot.snapshot import Snapshot
from copilot.storage.store import Store
from copilot.testing import ManualClock
from copilot.types import ChangeState, Preview
from tests.copilot.applying_builders import ABANDONED, APPLIED, BEN, Desk
from tests.copilot.storage_builders import a_snapshot, adding_a_template


@pytest.fixture
def desk(store: Store, clock: ManualClock) -> Desk:
    return Desk(store, clock)


def test_who_applied_is_noted_once_also_when_the_same_is_asked_again(desk: Desk) -> None:
    assert desk.apply() == desk.apply()
    assert desk.told() == [APPLIED]
    assert desk.store.audit.page("acme").items[0].details == {"fix_id": "fix-1"}


@pytest.mark.parametrize("point", ["before_apply", "after_apply"])
def test_who_applied_is_noted_before_the_workflow_is_changed(desk: Desk, point: str) -> None:
    desk.crash(point)
    assert desk.told() == [APPLIED]


def test_after_a_crash_what_reached_the_workflow_keeps_its_one_entry(desk: Desk) -> None:
    desk.crash("after_apply")
    assert desk.reconcile(minutes=2).state is ChangeState.APPLIED
    assert desk.told() == [APPLIED]


@pytest.mark.parametrize(
    ("later", "state"),
    [({"minutes": 2}, ChangeState.APPROVED), ({"hours": 2}, ChangeState.FAILED)],
    ids=["while the approval is good", "after it has run out"],
)
def test_after_a_crash_what_did_not_reach_it_is_noted_as_abandoned(
    desk: Desk, later: dict[str, float], state: ChangeState
) -> None:
    desk.crash("before_apply")
    assert desk.reconcile(**later).state is state
    assert desk.told() == [APPLIED, ABANDONED]
    assert desk.store.audit.page("acme").items[0].details == {
        "fix_id": "fix-1",
        "action": "apply_fix",
        "state": state.value,
        "why": "Interrupted before it reached the workflow.",
    }


def test_what_is_applied_after_all_has_an_entry_of_its_own(desk: Desk) -> None:
    desk.crash("before_apply")
    desk.reconcile(minutes=2)
    assert desk.apply().state is ChangeState.APPLIED
    assert desk.told() == [APPLIED, ABANDONED, APPLIED]


def test_a_slow_writer_that_was_given_up_on_is_noted_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_out = desk.target.apply

    def slowly(change_id: str, *, base: Snapshot, changed: Snapshot) -> int:
        desk.reconcile(hours=2)
        return carry_out(change_id, base=base, changed=changed)

    monkeypatch.setattr(desk.target, "apply", slowly)
    assert desk.apply().state is ChangeState.APPLIED
    assert desk.told() == [APPLIED, ABANDONED, APPLIED]


def test_a_workflow_edited_meanwhile_leaves_an_entry_that_nothing_came_of_it(desk: Desk) -> None:
    def propose(base: Snapshot) -> tuple[Preview, Snapshot]:
        made = adding_a_template(base)
        if base.version == 1:
            desk.target.edit("acme", "outreach", definition={"name": "O", "instructions": "Mine."})
        return made

    with pytest.raises(StaleBase):
        desk.apply(propose)
    assert desk.told() == [APPLIED, ("ben", "abandon_fix", "change-1")]


@pytest.mark.parametrize("way", ["undo", "revert"])
def test_who_took_a_fix_back_is_noted_with_the_change_that_did(desk: Desk, way: str) -> None:
    desk.apply()
    take_back = getattr(desk.applier, way)
    done = take_back("change-1", workspace_id="acme", actor="ben", by=BEN).change
    assert desk.told() == [APPLIED, ("ben", f"{way}_fix", "change-1")]
    assert desk.store.audit.page("acme").items[0].details == {"by_change": done.change_id}
    with pytest.raises(NotReversible):
        take_back("change-1", workspace_id="acme", actor="ben", by=BEN)
    assert len(desk.told()) == 2


def test_an_approval_that_was_used_since_it_was_read_is_not_used_again(desk: Desk) -> None:
    read = desk.store.approvals.find("acme", desk.approval.approval_id)
    desk.apply()
    fresh, changed = adding_a_template(a_snapshot())
    assert read is not None
    assert not read.used
    begun = desk.store.changes.begin(
        read, fix_type=fresh.fix_type, before=a_snapshot(), after=changed, by=BEN
    )
    assert begun is None
    assert desk.told() == [APPLIED]


def test_an_approval_that_names_another_standing_approval_than_is_stored_is_not_used(
    desk: Desk,
) -> None:
    forged = desk.approval.model_copy(update={"standing_id": "standing-1"})
    fresh, changed = adding_a_template(a_snapshot())
    begun = desk.store.changes.begin(
        forged, fix_type=fresh.fix_type, before=a_snapshot(), after=changed, by=BEN
    )
    assert begun is None
    assert desk.told() == []
    assert desk.apply().state is ChangeState.APPLIED


def test_an_approval_that_has_expired_is_refused_and_leaves_no_entry(desk: Desk) -> None:
    desk.clock.advance(seconds=Policy().approval_seconds)
    with pytest.raises(ApprovalRefused, match="has expired"):
        desk.apply()
    assert desk.told() == []


def test_an_apply_takes_two_commits_beside_the_target_and_reads_the_policy_once(
    desk: Desk, engine: Engine
) -> None:
    commits: list[object] = []
    event.listen(engine, "commit", commits.append)
    desk.apply()
    assert (len(commits), desk.policies) == (2, 1)


def test_what_is_returned_is_what_is_stored(desk: Desk) -> None:
    change = desk.apply()
    assert desk.store.changes.get("acme", "change-1").change == change
    undone = desk.applier.undo("change-1", workspace_id="acme", actor="ben").change
    record = desk.store.changes.get("acme", undone.change_id)
    assert (record.change, record.valid_until) == (undone, None)
    assert undone.applied_at is not None
    assert undone.applied_at.utcoffset() == timedelta(0)
