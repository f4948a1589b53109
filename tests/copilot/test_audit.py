"""Who did what: nothing lost between two pages, nothing of anybody else."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.errors import InvalidInput
from copilot.storage.audit import LARGEST_PAGE, AuditTrail, append
from copilot.storage.store import Store
from copilot.testing import ManualClock, SimulatedCrash
from copilot.types.principal import Principal, PrincipalKind

ADA = Principal(id="person_1", name="Ada", workspace_id="acme")
ROBOT = Principal(id="machine_1", name="CI", workspace_id="acme", kind=PrincipalKind.MACHINE)
BOB = Principal(id="person_2", name="Bob", workspace_id="rival")


def subjects(trail: AuditTrail, workspace_id: str, *, limit: int) -> list[str]:
    """All pages, one after the other."""
    found, cursor = [], None
    while True:
        page = trail.page(workspace_id, cursor=cursor, limit=limit)
        found += [one.subject for one in page.items]
        if page.next_cursor is None:
            return found
        assert len(page.items) == limit
        cursor = page.next_cursor


def test_an_entry_says_who_did_what_to_what_and_when(store: Store, clock: ManualClock) -> None:
    store.audit.add(ROBOT, "start_run", "run-1", {"cost": 0.5, "caps": [1, None], "note": "ü\x00"})
    (entry,) = store.audit.page("acme").items
    assert (entry.actor, entry.actor_kind) == ("machine_1", PrincipalKind.MACHINE)
    assert (entry.action, entry.subject, entry.at) == ("start_run", "run-1", clock())
    assert entry.details == {"cost": 0.5, "caps": [1, None], "note": "ü\x00"}


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_the_pages_together_are_all_entries_newest_first(store: Store, limit: int) -> None:
    for number in range(7):
        store.audit.add(ADA, "approve_fix", f"fix-{number}")
        store.audit.add(BOB, "approve_fix", f"theirs-{number}")
    assert subjects(store.audit, "acme", limit=limit) == [f"fix-{n}" for n in range(6, -1, -1)]


def test_what_is_added_meanwhile_moves_no_page(store: Store) -> None:
    for number in range(4):
        store.audit.add(ADA, "approve_fix", f"fix-{number}")
    first = store.audit.page("acme", limit=2)
    store.audit.add(ADA, "approve_fix", "later")
    second = store.audit.page("acme", limit=2, cursor=first.next_cursor)
    assert [one.subject for one in (*first.items, *second.items)] == [
        "fix-3",
        "fix-2",
        "fix-1",
        "fix-0",
    ]
    assert second.next_cursor is None


def test_a_cursor_of_another_workspace_shows_nothing_of_it(store: Store) -> None:
    for number in range(3):
        store.audit.add(BOB, "approve_fix", f"theirs-{number}")
    store.audit.add(ADA, "approve_fix", "mine")
    for number in range(3):
        store.audit.add(BOB, "approve_fix", f"more-{number}")
    cursor = store.audit.page("rival", limit=2).next_cursor
    assert [one.subject for one in store.audit.page("acme", cursor=cursor).items] == ["mine"]


def test_an_empty_workspace_has_an_empty_page(store: Store) -> None:
    page = store.audit.page("acme")
    assert (page.items, page.next_cursor) == ((), None)


@pytest.mark.parametrize("limit", [0, -1, LARGEST_PAGE + 1])
def test_a_limit_out_of_bounds_is_refused(store: Store, limit: int) -> None:
    with pytest.raises(InvalidInput, match="limit: must be from 1 to 200"):
        store.audit.page("acme", limit=limit)


class Unasked:
    """A database that must not be asked."""


def encoded(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


#: Nine characters are too few for the shortest cursor.
BAD = st.text(max_size=9) | st.integers(1, 10**9).map(lambda number: encoded(f"audit:-{number}"))


@given(cursor=BAD)
def test_a_cursor_that_no_page_gave_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput, match="cursor: it is not one that a page gave"):
        AuditTrail(Unasked()).page("acme", cursor=cursor)


@pytest.mark.parametrize(
    "text", ["audit:", "audit:-1", "audit:07", "audit:1.5", "audit:" + "9" * 30, "audit:²"]
)
def test_a_cursor_made_up_by_hand_is_refused(text: str) -> None:
    cursor = encoded(text)
    with pytest.raises(InvalidInput, match="Start without a cursor"):
        AuditTrail(Unasked()).page("acme", cursor=cursor)


def test_a_subject_that_no_database_can_hold_is_noted_all_the_same(store: Store) -> None:
    store.audit.add(ADA, "approve_fix", "a\x00b\ud800")
    assert store.audit.page("acme").items[0].subject == "a\ufffdb\ufffd"


def test_what_is_noted_inside_a_transaction_goes_with_it(store: Store) -> None:
    def note_and_crash() -> None:
        with store.database.write() as connection:
            append(connection, ADA, "revoke_key", "key-1", {}, at=store.database.now())
            raise SimulatedCrash

    with pytest.raises(SimulatedCrash):
        note_and_crash()
    assert store.audit.page("acme").items == ()
