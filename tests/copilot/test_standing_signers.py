"""A standing approval is as good as whoever signed it: no owner, no use."""

import io
from collections.abc import Callable
from datetime import timedelta

import pytest
from rich.console import Console
from sqlalchemy import delete, update

from copilot.access import Access
from copilot.errors import ApprovalRefused
from copilot.storage.account_tables import API_KEY, PRINCIPAL
from copilot.storage.store import Store
from copilot.surfaces.cli._standing_view import show_standing
from copilot.testing import ManualClock
from copilot.types.principal import PrincipalKind, Role
from copilot.types.standing import StandingState
from tests.copilot.standing_builders import KEY, OLGA, begin, signed, terms, use


def take_role(store: Store) -> None:
    with store.database.write() as connection:
        connection.execute(update(PRINCIPAL).values(role="approver"))


def make_machine(store: Store) -> None:
    with store.database.write() as connection:
        connection.execute(update(PRINCIPAL).values(kind="machine"))


def remove(store: Store) -> None:
    with store.database.write() as connection:
        connection.execute(delete(API_KEY))
        connection.execute(delete(PRINCIPAL))


def revoke_key(store: Store) -> None:
    """As the product does it, which wants another owner first."""
    access = Access(store, store.database.now)
    access.create(OLGA, "Otto", kind=PrincipalKind.PERSON, role=Role.OWNER)
    access.revoke(OLGA, KEY)


def let_key_expire(store: Store) -> None:
    with store.database.write() as connection:
        connection.execute(update(API_KEY).values(expires_at=store.database.now()))


ENDS = {
    "role taken": (take_role, "Olga, who signed it, is no owner any more (now: approver)."),
    "a machine": (make_machine, "Olga, who signed it, is no owner any more (now: owner)."),
    "removed": (remove, "Olga, who signed it, is not in this workspace any more."),
    "key revoked": (revoke_key, "No key of Olga, who signed it, works any more."),
    "key expired": (let_key_expire, "No key of Olga, who signed it, works any more."),
}


@pytest.mark.parametrize(("end", "why"), ENDS.values(), ids=ENDS)
def test_it_is_suspended_at_once_with_the_reason_and_a_use_is_noted(
    store: Store, end: Callable[[Store], None], why: str
) -> None:
    standing = signed(store)
    given = use(store, 1)
    end(store)
    (found,) = store.standing.list("acme")
    assert (found.state, found.suspended_because) == (StandingState.SUSPENDED, why)
    assert use(store, 2) is None
    entry = store.audit.page("acme").items[0]
    assert (entry.action, entry.subject) == ("refuse_standing", standing.standing_id)
    assert entry.details == {"fix_id": "fix-2", "reason": why}
    assert use(store, 1) is None, "nor is what was approved before given again"
    with pytest.raises(ApprovalRefused, match=f"{standing.standing_id} is suspended. "):
        begin(store, given)
    assert store.approvals.find("acme", given.approval_id).used is False
    assert store.audit.verify("acme").intact


def test_the_list_at_the_command_line_says_why(store: Store) -> None:
    signed(store)
    take_role(store)
    shown = io.StringIO()
    show_standing(Console(file=shown, width=200), store.standing.list("acme"))
    assert "suspended: Olga, who signed it, is no owner any more (now: approver), 0 of 3" in (
        shown.getvalue()
    )


def test_what_does_not_cover_the_fix_is_no_refused_use(store: Store) -> None:
    signed(store)
    take_role(store)
    assert use(store, covers=lambda _standing: False) is None
    assert "refuse_standing" not in [one.action for one in store.audit.page("acme").items]


def test_another_owners_signature_is_used_in_its_place(store: Store) -> None:
    signed(store)
    take_role(store)
    local = Access(store, store.database.now).local_owner("acme", "otto")
    other = store.standing.create(local, terms(store))
    assert use(store).standing_id == other.standing_id


def test_who_holds_the_database_signs_as_long_as_they_hold_it(store: Store) -> None:
    local = Access(store, store.database.now).local_owner("acme", "otto")
    store.standing.create(local, terms(store))
    assert use(store) is not None


def test_a_second_key_is_enough_and_one_of_another_workspace_is_not(
    store: Store, clock: ManualClock
) -> None:
    signed(store)
    access = Access(store, store.database.now)
    access.create(OLGA, "Olga", kind=PrincipalKind.PERSON, role=Role.OWNER, replaces=KEY)
    access.revoke(OLGA, KEY)
    clock.advance(minutes=1)
    assert use(store) is not None
    with store.database.write() as connection:
        connection.execute(update(PRINCIPAL).values(workspace_id="rival"))
    assert use(store, 2) is None


def test_what_is_over_says_that_it_is_over(store: Store, clock: ManualClock) -> None:
    standing = signed(store, expires_at=clock() + timedelta(hours=1))
    take_role(store)
    clock.advance(hours=1)
    found = store.standing.get("acme", standing.standing_id)
    assert (found.state, found.suspended_because) == (StandingState.EXPIRED, None)
