"""A fix whose failure came back is taken back by the policy: once, guarded, noted and told."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from copilot.autonomy import Autonomy
from copilot.errors import Forbidden
from copilot.intake import Intake
from copilot.pipeline.apply import Applier
from copilot.pipeline.examine import examine
from copilot.pipeline.preview import unified_diff
from copilot.pipeline.watch import outcome_of, taken_back
from copilot.policy import Policies, Policy
from copilot.rollbacks import Rollbacks, reversal_id
from copilot.storage.fix_news import read_news
from copilot.storage.rollbacks import RollbackState
from copilot.storage.store import Store
from copilot.testing import ManualClock, MemoryTarget, SimulatedCrash
from copilot.types import Change, ChangeState, Outcome, OutcomeState
from copilot.types.learning import Level
from copilot.types.principal import Principal, Role
from tests.copilot.storage_builders import (
    a_failure,
    a_finished_analysis,
    a_run,
    a_snapshot,
    adding_a_template,
)
from tests.copilot.test_intake import Runs, failed

OWNER = Principal(id="ana", name="Ana", workspace_id="acme", role=Role.OWNER)


class Place:
    """A workflow with an applied fix, and runs that end on the version with it."""

    def __init__(self, store: Store, clock: ManualClock) -> None:
        self.store, self.clock = store, clock
        self.policy = Policy(on_regression="roll_back")
        self.target = MemoryTarget(a_snapshot())
        self.runs = Runs()
        self.heard: list[tuple[str, Outcome]] = []
        self.applier = Applier(
            store.approvals,
            store.changes,
            self.target,
            diff=unified_diff,
            policy=lambda _: self.policy,
            clock=clock,
        )
        self.autonomy = Autonomy(store.autonomy, rates=store.outcomes.rates, floor=lambda _: 0.8)
        self.change = self._apply()

    def _apply(self) -> Change:
        failure = examine(failed(0, version=1))
        self.signature = failure.signature
        stored = a_failure(signature=failure.signature)
        self.store.ledger.reserve("acme", "key-1", price=1)
        self.store.analyses.finish(a_finished_analysis(stored))
        fresh, _ = adding_a_template(self.target.snapshot("acme", "outreach"))
        approval = self.applier.approve(
            fresh,
            workspace_id="acme",
            seen_digest=fresh.digest,
            seen_version=1,
            actor="ana",
            actor_kind="person",
        )
        return self.applier.apply(
            approval.approval_id,
            workspace_id="acme",
            workflow_id="outreach",
            propose=adding_a_template,
        )

    def rollbacks(self) -> Rollbacks:
        """As another worker has them."""
        made = Rollbacks(self.store, self.applier, self.autonomy)
        made.on_outcome.append(lambda workspace, outcome: self.heard.append((workspace, outcome)))
        return made

    def intake(self) -> Intake:
        return Intake(
            self.store, self.runs, policy=lambda _: self.policy, rollbacks=self.rollbacks()
        )

    def fails_again(self) -> None:
        self.runs.runs.append(failed(10 + len(self.runs.runs), version=2))

    def outcome(self) -> Outcome:
        change = self.store.changes.get("acme", self.change.change_id).change
        found = outcome_of(self.store.outcomes.get("acme", self.change.change_id))
        found = taken_back(found, change) if change.reversed else found
        return self.rollbacks().of(found, change)

    def state(self) -> ChangeState:
        return self.store.changes.get("acme", self.change.change_id).change.state

    def noted(self) -> list[tuple[str, str]]:
        items = self.store.audit.page("acme").items
        return [(one.actor, one.action) for one in items if one.actor == "policy"]


@pytest.fixture
def place(store: Store, clock: ManualClock) -> Place:
    return Place(store, clock)


def test_the_version_before_comes_back_and_the_policy_is_noted_for_it(place: Place) -> None:
    place.fails_again()
    place.intake().catch_up("acme")
    assert place.state() is ChangeState.REVERTED
    assert place.target.snapshot("acme", "outreach").definition == a_snapshot().definition
    assert place.noted() == [("policy", "roll_back_fix")]
    (reversal,) = [
        one for one in place.store.changes.history("acme", "outreach") if one.kind == "revert"
    ]
    assert (reversal.change_id, reversal.actor) == (reversal_id(place.change.change_id), "policy")


def test_people_are_told_what_became_of_it(place: Place) -> None:
    place.fails_again()
    place.intake().catch_up("acme")
    ((workspace, told),) = place.heard
    assert workspace == "acme"
    assert (told.state, told.rollback) == (OutcomeState.REGRESSED, "rolled_back")
    assert told.explanation == (
        "The same error came back in step 'step3', in run run-10. "
        "By the workspace's policy it was rolled back."
    )
    assert place.outcome() == told


def test_by_default_going_back_is_proposed_and_nothing_is_changed(place: Place) -> None:
    place.policy = Policy()
    place.fails_again()
    place.intake().catch_up("acme")
    assert place.state() is ChangeState.APPLIED
    assert place.noted() == []
    ((_, told),) = place.heard
    assert (told.rollback, told.rollback_proposed) == ("proposed", True)


def test_a_workflow_that_was_edited_since_is_left_alone_with_a_note(place: Place) -> None:
    place.target.edit("acme", "outreach", definition={"name": "Outreach", "instructions": "Mine."})
    place.fails_again()
    place.intake().catch_up("acme")
    assert place.state() is ChangeState.APPLIED
    assert place.target.snapshot("acme", "outreach").definition["instructions"] == "Mine."
    assert place.noted() == [("policy", "refuse_rollback")]
    outcome = place.outcome()
    assert (outcome.rollback, outcome.rollback_proposed) == ("refused", True)
    assert outcome.rollback_note is not None
    assert "edited since" in outcome.rollback_note


def test_a_fix_that_a_person_took_back_meanwhile_is_theirs(place: Place) -> None:
    place.fails_again()
    quiet = Intake(place.store, place.runs, policy=lambda _: place.policy)
    quiet.catch_up("acme")
    place.applier.revert(place.change.change_id, workspace_id="acme", actor="ana")
    place.rollbacks().carry_on("acme")
    assert place.target.applications == 2
    assert place.noted() == []
    found = place.store.rollbacks.find("acme", place.change.change_id)
    assert found is not None
    assert found.state is RollbackState.TAKEN_BACK


@pytest.mark.parametrize("point", ["before_apply", "after_apply"])
def test_after_a_crash_it_is_taken_back_exactly_once(place: Place, point: str) -> None:
    place.fails_again()
    place.target.crash = point  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(SimulatedCrash):
        place.intake().catch_up("acme")
    assert place.noted() == []
    place.clock.advance(minutes=2)
    for _ in range(3):
        place.applier.reconcile()
        place.rollbacks().carry_on()
    assert place.state() is ChangeState.REVERTED
    assert place.target.applications == 2, "the fix, and its reversal"
    assert place.noted() == [("policy", "roll_back_fix")]
    assert [told.rollback for _, told in place.heard] == ["rolled_back"]


@pytest.mark.parametrize("point", ["before_apply", "after_apply"])
def test_the_reconciler_may_come_later_than_the_policy(place: Place, point: str) -> None:
    place.fails_again()
    place.target.crash = point  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(SimulatedCrash):
        place.intake().catch_up("acme")
    place.clock.advance(minutes=2)
    place.rollbacks().carry_on()
    place.applier.reconcile()
    assert place.state() is ChangeState.REVERTED
    assert place.target.applications == 2
    assert place.noted() == [("policy", "roll_back_fix")]


def test_a_listener_that_dies_hears_it_after_the_restart(place: Place) -> None:
    def dies(_workspace: str, _outcome: Outcome) -> None:
        raise SimulatedCrash("while it is told")

    place.fails_again()
    rollbacks = place.rollbacks()
    rollbacks.on_outcome.insert(0, dies)
    intake = Intake(place.store, place.runs, policy=lambda _: place.policy, rollbacks=rollbacks)
    with pytest.raises(SimulatedCrash):
        intake.catch_up("acme")
    assert place.heard == []
    assert place.rollbacks().carry_on() == 0, "whoever claimed it may still be at it"
    place.clock.advance(minutes=2)
    assert place.rollbacks().carry_on() == 1
    assert [told.rollback for _, told in place.heard] == ["rolled_back"]
    assert place.noted() == [("policy", "roll_back_fix")]


def test_many_workers_take_it_back_once(place: Place) -> None:
    place.fails_again()
    workers = [place.intake() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda intake: intake.catch_up("acme"), workers))
        list(pool.map(lambda _: place.rollbacks().carry_on(), range(8)))
    assert place.target.applications == 2
    assert place.noted() == [("policy", "roll_back_fix")]
    assert len(place.heard) == 1


def test_a_verified_fix_is_told_too(place: Place) -> None:
    place.runs.runs += [a_run(f"later-{number}") for number in range(3)]
    place.intake().catch_up("acme")
    assert [told.state for _, told in place.heard] == [OutcomeState.VERIFIED]


def test_a_type_loses_its_standing_approval_when_one_of_its_fixes_regresses(place: Place) -> None:
    place.autonomy.set(OWNER, "create_template", Level.STANDING)
    place.fails_again()
    place.intake().catch_up("acme")
    assert place.autonomy.level_of("acme", "create_template") is Level.APPROVE
    assert ("policy", "demote_fixes") in place.noted()


def test_no_other_workspace_is_touched(place: Place) -> None:
    place.fails_again()
    Intake(place.store, place.runs, policy=lambda _: place.policy).catch_up("acme")
    assert place.rollbacks().carry_on("rival") == 0
    assert place.state() is ChangeState.APPLIED


def test_the_digest_tells_that_it_was_rolled_back(place: Place) -> None:
    place.fails_again()
    place.intake().catch_up("acme")
    with place.store.database.read() as connection:
        (news,) = read_news(connection, "acme", since=None, until=place.clock())
    assert (news.change_id, news.state) == (place.change.change_id, "rolled_back")


def test_having_fixes_rolled_back_is_for_an_owner_to_decide_and_ending_it_for_more(
    store: Store,
) -> None:
    policies = Policies(store.decisions, Policy())
    operator = Principal(id="ben", name="Ben", workspace_id="acme", role=Role.OPERATOR)
    with pytest.raises(Forbidden, match="choosing roll_back takes an owner"):
        policies.change(operator, {"on_regression": "roll_back"})
    policies.change(OWNER, {"on_regression": "roll_back"})
    assert policies.of("acme").on_regression == "roll_back"
    policies.change(operator, {"on_regression": "propose"})
    assert policies.of("acme").on_regression == "propose"
