"""What would leave a workflow that is not valid is refused, noted, and keeps nothing else waiting."""

from collections.abc import Sequence

import pytest
from sqlalchemy import insert, select

from copilot.errors import EditedMeanwhile, InvalidFix, NotFound
from copilot.ports import Unstorable
from copilot.snapshot import Snapshot
from copilot.storage.store import Store
from copilot.storage.tables import CHANGE
from copilot.testing import ManualClock, SimulatedCrash
from copilot.types import ChangeState, Reversal
from tests.copilot.applying_builders import APPLIED, BEN, Desk
from tests.copilot.storage_builders import a_snapshot, adding_a_template
from tests.copilot.test_rollback import Place

PROBLEM = "also: with.template: xyz refers to nothing"
WORDS = (
    f"Without the fix the workflow would not be valid: {PROBLEM}. So nothing was taken back. Change "
    "that in the workflow first, or leave the fix in place."
)


def needs_the_template(snapshot: Snapshot) -> Sequence[str]:
    return () if "xyz" in snapshot.resources.get("template", {}) else (PROBLEM,)


def never(_snapshot: Snapshot) -> Sequence[str]:
    return (PROBLEM,)


@pytest.fixture
def desk(store: Store, clock: ManualClock) -> Desk:
    return Desk(store, clock)


@pytest.fixture
def place(store: Store, clock: ManualClock) -> Place:
    return Place(store, clock)


def take_back(desk: Desk, kind: str) -> Reversal:
    take = getattr(desk.applier, kind)
    return take("change-1", workspace_id="acme", actor="ben", by=BEN, reversal_id="back-1")


@pytest.mark.parametrize("kind", ["undo", "revert"])
def test_what_would_not_be_valid_without_the_fix_is_not_even_begun(desk: Desk, kind: str) -> None:
    desk.apply()
    desk.target.rule = needs_the_template
    with pytest.raises(EditedMeanwhile) as caught:
        take_back(desk, kind)
    assert str(caught.value) == WORDS
    assert desk.told() == [APPLIED]
    assert [one.change_id for one in desk.store.changes.history("acme", "outreach")] == ["change-1"]
    desk.target.rule = lambda _snapshot: ()
    take_back(desk, kind)
    assert "xyz" not in desk.target.snapshot("acme", "outreach").resources["template"]


def test_the_diff_shows_what_was_edited_since(desk: Desk) -> None:
    desk.apply()
    fixed = desk.target.snapshot("acme", "outreach").definition
    desk.target.edit("acme", "outreach", definition={**fixed, "description": "Mine"})
    desk.target.rule = needs_the_template
    with pytest.raises(EditedMeanwhile) as caught:
        take_back(desk, "revert")
    assert "+description: Mine" in caught.value.diff


@pytest.mark.parametrize("kind", ["undo", "revert"])
def test_a_reversal_that_the_target_refuses_has_failed_and_is_noted(desk: Desk, kind: str) -> None:
    desk.apply()
    desk.target.rule = never  # it has always had this wrong with it: only the target can refuse
    with pytest.raises(EditedMeanwhile, match="would not be valid"):
        take_back(desk, kind)
    record = desk.store.changes.get("acme", "back-1").change
    assert (record.state, record.problem) == (ChangeState.FAILED, f"Not taken: {PROBLEM}")
    assert desk.told() == [
        APPLIED,
        ("ben", f"{kind}_fix", "change-1"),
        ("ben", "abandon_fix", "change-1"),
    ]
    assert desk.store.audit.page("acme").items[0].details["why"] == f"Not taken: {PROBLEM}"
    desk.target.rule = lambda _snapshot: ()
    done = take_back(desk, kind)
    assert desk.store.changes.get("acme", "change-1").change.reversed
    assert take_back(desk, kind) == done, "the same request once more has the same answer"
    assert done.change.change_id == "back-1_2", "the attempt that failed keeps its id"


def test_a_fix_that_the_target_refuses_has_failed_and_is_noted(desk: Desk) -> None:
    desk.target.rule = never
    with pytest.raises(InvalidFix, match=f"the workflow would not be valid: {PROBLEM}"):
        desk.apply()
    change = desk.store.changes.get("acme", "change-1").change
    assert (change.state, change.problem) == (ChangeState.FAILED, f"Not taken: {PROBLEM}")
    assert desk.told() == [APPLIED, ("ben", "abandon_fix", "change-1")]


def test_a_fix_that_could_not_be_read_again_is_not_begun(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_snapshot: Snapshot) -> Snapshot:
        raise Unstorable((PROBLEM,))

    monkeypatch.setattr(desk.target, "canonical", refuse)
    with pytest.raises(InvalidFix, match=PROBLEM):
        desk.apply()
    assert desk.told() == []


def test_a_change_that_can_not_be_finished_keeps_no_other_waiting(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fresh, _ = adding_a_template(a_snapshot())
    other = desk.applier.approve(
        fresh,
        workspace_id="acme",
        seen_digest=fresh.digest,
        seen_version=fresh.base_version,
        actor="ana",
        actor_kind="person",
    )
    desk.crash("before_apply")
    desk.approval = other
    desk.target.crash = "before_apply"
    with pytest.raises(SimulatedCrash):
        desk.apply(change_id="change-2")

    def refuse(change_id: str) -> None:
        if change_id == "change-1":
            raise NotFound("change")

    monkeypatch.setattr(desk.target, "applied_version", refuse)
    assert desk.reconcile(minutes=2).change_id == "change-2"
    assert "change-1 stays half done: not_found." in caplog.text
    monkeypatch.undo()
    assert desk.reconcile(minutes=2).change_id == "change-1"


@pytest.mark.parametrize("rule", [needs_the_template, never], ids=["foreseen", "by the target"])
def test_the_policy_proposes_what_would_leave_an_invalid_workflow(
    place: Place, rule: object
) -> None:
    place.target.rule = rule  # type: ignore[assignment]
    place.fails_again()
    place.intake().catch_up("acme")
    assert place.state() is ChangeState.APPLIED
    assert place.noted() == [("policy", "refuse_rollback")]
    ((_, told),) = place.heard
    assert (told.rollback, told.rollback_proposed, told.rollback_note) == ("refused", True, WORDS)
    assert place.outcome() == told
    place.target.rule = lambda _snapshot: ()
    place.applier.revert(place.change.change_id, workspace_id="acme", actor="ana")


def test_a_rollback_that_can_not_be_done_now_is_done_later(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def gone(*_arguments: object, **_options: object) -> Snapshot:
        raise NotFound("workflow")

    place.fails_again()
    monkeypatch.setattr(place.target, "snapshot", gone)
    place.intake().catch_up("acme")
    assert place.heard == []
    assert f"{place.change.change_id} is left for later: not_found." in caplog.text
    monkeypatch.undo()
    place.clock.advance(minutes=2)
    assert place.rollbacks().carry_on() == 1
    assert place.noted() == [("policy", "roll_back_fix")]


@pytest.mark.parametrize("point", ["before_apply", "after_apply"])
def test_a_crashed_rollback_is_known_however_much_was_changed_after_it(
    place: Place, point: str
) -> None:
    place.fails_again()
    place.target.crash = point  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(SimulatedCrash):
        place.intake().catch_up("acme")
    place.clock.advance(minutes=2)
    place.applier.reconcile()
    for number in range(60):
        _add_a_change(place, f"later-{number:02}")
    place.rollbacks().carry_on()
    assert place.noted() == [("policy", "roll_back_fix")]
    assert [told.rollback for _, told in place.heard] == ["rolled_back"]


def _add_a_change(place: Place, change_id: str) -> None:
    """Another change of the workflow, newer than all before."""
    place.clock.advance(seconds=1)
    wanted = select(CHANGE).where(CHANGE.c.change_id == place.change.change_id)
    with place.store.database.write() as connection:
        row = dict(connection.execute(wanted).mappings().one())
        newer = {"change_id": change_id, "created_at": place.clock(), "approval_id": None}
        connection.execute(insert(CHANGE).values(row | newer | {"reversed_by": None}))
