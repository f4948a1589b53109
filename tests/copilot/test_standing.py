"""What an owner has signed approves so much and no more, and nothing once it was revoked."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from copilot.errors import ApprovalRefused, NotFound
from copilot.storage.store import Store
from copilot.testing import ManualClock
from copilot.types import ApprovalState, ChangeState
from copilot.types.principal import Principal, Role
from copilot.types.standing import StandingState, StandingTerms
from tests.copilot.standing_builders import (
    OLGA,
    begin,
    begin_while_it_is_revoked,
    proposed,
    signed,
    terms,
    use,
    use_from_threads,
)

BEN = Principal(id="person_2", name="Ben", workspace_id="acme", role=Role.APPROVER)


def test_it_gives_an_approval_of_exactly_the_diff_signed_by_the_owner(
    store: Store, clock: ManualClock
) -> None:
    standing = signed(store)
    approval = use(store)
    shown, _ = proposed()
    assert approval is not None
    assert (approval.digest, approval.base_digest) == (shown.digest, shown.base_digest)
    assert (approval.actor, approval.standing_id) == ("person_1", standing.standing_id)
    assert (approval.state, approval.used) == (ApprovalState.APPROVED, False)
    assert approval.expires_at == clock() + timedelta(hours=1)
    assert store.approvals.find("acme", approval.approval_id) == approval


def test_the_audit_tells_whose_signature_it_was(store: Store) -> None:
    standing = signed(store)
    approval = use(store)
    entry = store.audit.page("acme").items[0]
    assert (entry.action, entry.subject, entry.actor) == ("approve_fix", "fix-1", "person_1")
    assert entry.actor_name == f"Olga, standing approval {standing.standing_id}"
    assert entry.details == {
        "approval_id": approval.approval_id,
        "digest": approval.digest,
        "standing_id": standing.standing_id,
    }
    made = store.audit.page("acme").items[1]
    assert (made.action, made.actor_name) == ("create_standing", "Olga")
    assert made.details["max_uses"] == 3
    assert store.audit.verify("acme").intact


def test_each_use_is_listed_with_its_change(store: Store, clock: ManualClock) -> None:
    standing = signed(store)
    record = begin(store, use(store, 1))
    clock.advance(minutes=1)
    left = use(store, 2)
    unapplied, applied = store.standing.uses("acme", standing.standing_id)
    assert (applied.change_id, applied.workflow_id) == (record.change.change_id, "outreach")
    assert (applied.fix_id, applied.change_state) == ("fix-1", ChangeState.APPLYING)
    assert (unapplied.approval_id, unapplied.change_id) == (left.approval_id, None)
    found = store.standing.get("acme", standing.standing_id)
    assert (found.uses, found.uses_today, found.state) == (2, 2, StandingState.ACTIVE)
    assert record.change.actor == "person_1"


def test_what_is_used_up_says_so_and_approves_no_more(store: Store) -> None:
    standing = signed(store, max_uses=2)
    assert use(store, 1)
    assert use(store, 2)
    assert use(store, 3) is None
    assert store.standing.get("acme", standing.standing_id).state is StandingState.USED_UP


def test_what_has_expired_says_so_and_approves_no_more(store: Store, clock: ManualClock) -> None:
    signed(store)
    clock.advance(days=30)
    assert use(store) is None
    (found,) = store.standing.list("acme")
    assert found.state is StandingState.EXPIRED


def test_a_day_has_its_own_limit_in_utc(store: Store, clock: ManualClock) -> None:
    signed(store, max_uses=3, max_uses_per_day=1)
    assert use(store, 1)
    assert use(store, 2) is None
    clock.advance(hours=20, minutes=55)  # 23:59 of the same day
    assert use(store, 2) is None
    clock.advance(minutes=1)
    assert use(store, 2)
    assert store.standing.list("acme")[0].uses_today == 1


def test_an_approval_does_not_outlive_what_it_was_given_under(
    store: Store, clock: ManualClock
) -> None:
    standing = signed(store, expires_at=clock() + timedelta(minutes=10))
    approval = use(store)
    assert approval.expires_at == standing.expires_at
    clock.advance(minutes=10)
    with pytest.raises(ApprovalRefused, match="has expired"):
        begin(store, approval)


def test_a_fix_is_approved_once_and_while_that_is_good_again_the_same(
    store: Store, clock: ManualClock
) -> None:
    signed(store)
    approval = use(store)
    assert use(store) == approval
    begin(store, approval)
    assert use(store) is None  # also when it was taken back: a person decides then
    left = use(store, 2)
    clock.advance(hours=1)
    assert left is not None
    assert use(store, 2) is None


def test_nothing_begins_after_it_was_revoked_with_an_approval_from_before(store: Store) -> None:
    standing = signed(store)
    approval = use(store)
    ended = store.standing.revoke(BEN, standing.standing_id)
    assert (ended.state, ended.revoked_by_name) == (StandingState.REVOKED, "Ben")
    with pytest.raises(ApprovalRefused, match=f"{standing.standing_id} was revoked"):
        begin(store, approval)
    assert use(store) is None
    assert use(store, 2) is None
    (listed,) = store.standing.uses("acme", standing.standing_id)
    assert listed.change_id is None


def test_a_change_that_was_reset_after_a_crash_does_not_go_on_when_it_was_revoked(
    store: Store,
) -> None:
    standing = signed(store)
    approval = use(store)
    store.changes.reset(begin(store, approval).change, "Interrupted.")
    store.standing.revoke(OLGA, standing.standing_id)
    with pytest.raises(ApprovalRefused, match="was revoked"):
        begin(store, approval)


def test_revoking_again_changes_nothing(store: Store) -> None:
    standing = signed(store)
    first = store.standing.revoke(OLGA, standing.standing_id)
    assert store.standing.revoke(BEN, standing.standing_id) == first
    actions = [one.action for one in store.audit.page("acme").items]
    assert actions == ["revoke_standing", "create_standing"]


def test_what_does_not_cover_it_is_passed_by_for_the_next(store: Store) -> None:
    narrow = signed(store, expires_at=store.database.now() + timedelta(days=1))
    wide = signed(store)
    found = use(store, covers=lambda one: one.standing_id == wide.standing_id)
    assert found.standing_id == wide.standing_id
    assert use(store, 2).standing_id == narrow.standing_id  # the first to end is used first
    assert use(store, 3, covers=lambda _one: False) is None


def test_another_type_and_another_workspace_are_not_covered(store: Store) -> None:
    other = signed(store, fix_type="replace_value")
    assert use(store) is None
    for ask in (store.standing.get, store.standing.uses):
        with pytest.raises(NotFound):
            ask("rival", other.standing_id)
    assert store.standing.list("rival") == ()
    with pytest.raises(NotFound):
        store.standing.revoke(OLGA.model_copy(update={"workspace_id": "rival"}), other.standing_id)


def test_a_request_that_comes_again_signs_once(store: Store) -> None:
    for _ in range(2):
        store.standing.create(OLGA, terms(store), standing_id="standing_1")
    assert len(store.standing.list("acme")) == 1
    assert len(store.audit.page("acme").items) == 1


@pytest.mark.parametrize(
    "given",
    [{"max_uses": 0}, {"max_uses": 1001}, {"max_uses_per_day": 0}, {"max_uses": True}],
    ids=lambda given: ", ".join(f"{name}={value}" for name, value in given.items()),
)
def test_counts_have_bounds(store: Store, given) -> None:
    good = terms(store).model_dump()
    with pytest.raises(ValidationError):
        StandingTerms(**(good | given))


def test_threads_never_use_it_more_often_than_was_signed(store: Store) -> None:
    standing = signed(store, max_uses=10)
    found = use_from_threads(store, threads=8, each=4)
    assert len({one.approval_id for one in found}) == len(found) == 10
    assert store.standing.get("acme", standing.standing_id).uses == 10


def test_nothing_begins_once_it_is_revoked_also_from_other_threads(store: Store) -> None:
    began, late = begin_while_it_is_revoked(store, threads=6, each=8)
    assert late == 0
    assert began <= 48
