"""Fix types that take two people: nothing happens before the second has approved the same diff."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from copilot.errors import ApprovalRefused, Forbidden, InvalidInput, StaleBase
from copilot.pipeline.apply import Applier
from copilot.pipeline.preview import unified_diff
from copilot.policy import Policies, Policy
from copilot.policy.bounds import BOUNDS
from copilot.storage.store import Store
from copilot.testing import ManualClock, MemoryTarget
from copilot.types import Approval, ApprovalState, ChangeState
from copilot.types.principal import Principal, PrincipalKind, Role
from tests.copilot.storage_builders import (
    a_failure,
    a_finished_analysis,
    a_snapshot,
    adding_a_template,
)

TWO = Policy(second_person_for="create_template, raise_budget")


class Scene:
    """A fix, and people who approve and apply it under a policy that can change."""

    def __init__(self, store: Store, clock: ManualClock) -> None:
        store.ledger.reserve("acme", "key-1", price=1)
        store.analyses.finish(a_finished_analysis(a_failure(), fix_ids=("fix-1",)))
        self.store, self.policy = store, TWO
        self.target = MemoryTarget(a_snapshot())
        self.applier = Applier(
            store.approvals,
            store.changes,
            self.target,
            diff=unified_diff,
            policy=lambda _workspace_id: self.policy,
            clock=clock,
        )

    def approve(self, actor: str, *, request: str | None = None) -> Approval:
        fresh, _ = adding_a_template(self.target.snapshot("acme", "outreach"))
        return self.applier.approve(
            fresh,
            workspace_id="acme",
            seen_digest=fresh.digest,
            seen_version=fresh.base_version,
            actor=actor,
            actor_kind="person",
            approval_id=request,
        )

    def apply(self, approval: Approval):
        return self.applier.apply(
            approval.approval_id,
            workspace_id="acme",
            workflow_id="outreach",
            propose=adding_a_template,
        )


@pytest.fixture
def scene(store: Store, clock: ManualClock) -> Scene:
    return Scene(store, clock)


def test_what_one_has_approved_waits_for_another_and_says_so(scene: Scene) -> None:
    approval = scene.approve("ana")
    assert approval.state is ApprovalState.PENDING
    assert approval.missing == "a second person, who has to approve the same diff"
    assert scene.store.approvals.waiting("acme") == (approval,)
    assert scene.store.approvals.waiting("rival") == ()
    with pytest.raises(ApprovalRefused, match="waits for a second person"):
        scene.apply(approval)
    assert scene.target.snapshot("acme", "outreach").version == 1


def test_the_store_begins_no_change_with_what_waits(scene: Scene) -> None:
    """Whoever comes past the check before finds the same in the transaction."""
    approval = scene.approve("ana")
    before = scene.target.snapshot("acme", "outreach")
    preview, after = adding_a_template(before)

    def begin():
        return scene.store.changes.begin(
            approval, fix_type=preview.fix_type, before=before, after=after
        )

    assert begin() is None
    scene.approve("ben")
    assert begin() is not None


def test_the_second_person_completes_the_approval_of_the_first(scene: Scene) -> None:
    first = scene.approve("ana")
    second = scene.approve("ben")
    assert second.approval_id == first.approval_id
    assert (second.actor, second.second_actor) == ("ana", "ben")
    assert (second.state, second.missing) == (ApprovalState.APPROVED, None)
    assert scene.store.approvals.waiting("acme") == ()
    assert scene.apply(second).state is ChangeState.APPLIED
    with pytest.raises(ApprovalRefused, match="used already"):
        scene.apply(first)


def test_the_same_person_twice_is_not_two(scene: Scene) -> None:
    scene.approve("ana", request="approval_1")
    with pytest.raises(ApprovalRefused, match="you have approved it already"):
        scene.approve("ana", request="approval_2")
    (waiting,) = scene.store.approvals.waiting("acme")
    assert waiting.state is ApprovalState.PENDING


def test_a_request_that_comes_again_is_the_same_for_both(scene: Scene) -> None:
    first = scene.approve("ana", request="approval_1")
    assert scene.approve("ana", request="approval_1") == first
    done = scene.approve("ben", request="approval_2")
    assert scene.approve("ben", request="approval_2") == done
    assert scene.approve("ana", request="approval_1") == done
    assert scene.store.approvals.waiting("acme") == ()


def test_two_who_approved_different_diffs_have_not_approved_together(scene: Scene) -> None:
    first = scene.approve("ana")
    scene.target.edit("acme", "outreach", definition={"name": "Outreach", "instructions": "New."})
    second = scene.approve("ben")
    assert second.approval_id != first.approval_id
    assert (first.state, second.state) == (ApprovalState.PENDING, ApprovalState.PENDING)
    done = scene.approve("ana")
    assert done.approval_id == second.approval_id
    assert scene.apply(done).state is ChangeState.APPLIED


def test_a_diff_that_moved_after_both_is_refused_with_the_fresh_one(scene: Scene) -> None:
    scene.approve("ana")
    done = scene.approve("ben")
    scene.target.edit("acme", "outreach", definition={"name": "Outreach", "instructions": "New."})
    with pytest.raises(StaleBase):
        scene.apply(done)


def test_it_ends_when_the_first_approval_would_have(scene: Scene, clock: ManualClock) -> None:
    first = scene.approve("ana")
    clock.advance(minutes=59)
    done = scene.approve("ben")
    assert done.expires_at == first.expires_at
    clock.advance(minutes=1)
    with pytest.raises(ApprovalRefused, match="expired"):
        scene.apply(done)


def test_nobody_completes_what_has_expired(scene: Scene, clock: ManualClock) -> None:
    scene.approve("ana")
    clock.advance(hours=1)
    assert scene.approve("ben").state is ApprovalState.PENDING


def test_what_one_approved_before_two_were_asked_for_is_not_enough(scene: Scene) -> None:
    scene.policy = Policy()
    approval = scene.approve("ana")
    assert approval.state is ApprovalState.APPROVED
    scene.policy = TWO
    with pytest.raises(ApprovalRefused, match="two people have to approve it by now"):
        scene.apply(approval)


def test_other_types_take_one_person(scene: Scene) -> None:
    scene.policy = Policy(second_person_for="raise_budget")
    assert scene.apply(scene.approve("ana")).state is ChangeState.APPLIED


def test_people_who_approve_at_once_find_each_other(scene: Scene) -> None:
    """Whoever is second completes the first; nobody's approval is left behind."""
    barrier = Barrier(4)

    def approve(name: str) -> Approval:
        barrier.wait()
        return scene.approve(name)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(approve, ["ana", "ben", "cem", "dia"]))
    states = [one.state for one in found]
    assert states.count(ApprovalState.PENDING) == states.count(ApprovalState.APPROVED) == 2
    assert scene.store.approvals.waiting("acme") == ()


OWNER = Principal(id="o", name="Olga", workspace_id="acme", role=Role.OWNER)
OPERATOR = Principal(id="p", name="Pam", workspace_id="acme", role=Role.OPERATOR)
ROBOT = Principal(
    id="m", name="CI", workspace_id="acme", kind=PrincipalKind.MACHINE, role=Role.OWNER
)


@pytest.fixture
def policies(store: Store) -> Policies:
    return Policies(store.decisions, Policy())


def test_by_default_no_type_takes_two() -> None:
    assert Policy().second_person_types == frozenset()


def test_who_may_tune_adds_a_type_and_only_an_owner_takes_one_out(policies: Policies) -> None:
    policies.change(OPERATOR, {"second_person_for": "raise_budget"})
    policies.change(ROBOT, {"second_person_for": "timeout,raise_budget"})
    policies.change(OPERATOR, {"second_person_for": "raise_budget, timeout"})  # the same two
    for fewer in ("raise_budget", "raise_budget,replace_value", ""):
        for one in (OPERATOR, ROBOT):
            with pytest.raises(Forbidden, match="second_person_for: taking one out takes an owner"):
                policies.change(one, {"second_person_for": fewer})
    policies.change(OWNER, {"second_person_for": "raise_budget"})
    assert policies.of("acme").second_person_types == {"raise_budget"}


def test_an_older_name_is_the_type_that_it_stands_for(policies: Policies) -> None:
    policies.change(OPERATOR, {"second_person_for": "suggest_template"})
    assert policies.of("acme").second_person_types == {"create_template"}
    policies.change(OPERATOR, {"second_person_for": "create_template"})


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("raise_bugdet", "'raise_bugdet' is no fix type; there is raise_budget"),
        ("raise_budget,,timeout", "'' is no fix type"),
        ("manual", "'manual' is no fix type"),
        ("raise_budget\ntimeout", "names of fix types with commas between"),
        ("timeout," * 200, "names of fix types with commas between"),
    ],
    ids=["slip", "gap", "by hand", "two lines", "too long"],
)
def test_a_list_that_is_none_is_refused_in_words(policies: Policies, value, words) -> None:
    with pytest.raises(InvalidInput) as refused:
        policies.change(OWNER, {"second_person_for": value})
    assert words in str(refused.value)


def test_the_setting_says_which_change_is_for_an_owner() -> None:
    bounds = BOUNDS["second_person_for"]
    assert bounds.loosens_in_words == "taking one out"
    assert bounds.can_tighten("raise_budget")
