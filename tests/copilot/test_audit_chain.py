"""Whatever is done to an entry that was written is found, and where."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from copilot.errors import InvalidInput
from copilot.storage.account_tables import AUDIT, AUDIT_HEAD
from copilot.storage.audit_chain import entry_digest
from copilot.storage.holdings import holdings
from copilot.storage.migrate import migrate
from copilot.storage.store import Store
from copilot.testing import ManualClock
from copilot.types.audit import AuditHead
from engine.export import WorkspaceData
from engine.storage.database import connect
from engine.storage.holdings import Holding
from engine.storage.migrations import upgrade
from engine.testing import FrozenClock
from tests.copilot.audit_builders import (
    ADA,
    BOB,
    append_from_threads,
    forget_head,
    ids,
    require_one_chain,
    write,
)

ENTRIES = 6
_rooms = count()
ON_A_STORE = settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
TEXT = ["actor", "actor_name", "actor_kind", "action", "subject", "details", "previous", "digest"]
START = datetime(2000, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 10**15).map(lambda moved: START + timedelta(microseconds=moved))


def fresh(store: Store) -> tuple[str, list[int]]:
    """A workspace with a whole chain, and the ids of its entries."""
    name = f"room-{next(_rooms)}"
    write(store, ENTRIES, by=ADA.model_copy(update={"workspace_id": name}))
    return name, ids(store, name)


def run(store: Store, *statements: sa.Executable) -> None:
    with store.database.write() as connection:
        for one in statements:
            connection.execute(one)


def changed(entry_id: int, **values: object) -> sa.Executable:
    return sa.update(AUDIT).where(AUDIT.c.id == entry_id).values(**values)


def copied(store: Store, entry_id: int) -> dict[str, object]:
    with store.database.read() as connection:
        row = connection.execute(sa.select(AUDIT).where(AUDIT.c.id == entry_id)).one()
    return dict(row._asdict())


def rechained(store: Store, workspace_id: str, *, after: int) -> None:
    """As whoever can write to the database would do it, the head too."""
    known = [copied(store, one) for one in ids(store, workspace_id)]
    previous, done = "", 0
    for entry in known:
        done += 1
        if entry["id"] > after:
            entry["previous"] = previous
            digest = entry_digest(workspace_id, entry)
            run(store, changed(entry["id"], previous=previous, digest=digest))
            previous = digest
        else:
            previous = entry["digest"]
    head = {"entry_id": known[-1]["id"], "digest": previous, "entries": done}
    this = AUDIT_HEAD.c.workspace_id == workspace_id
    run(store, sa.update(AUDIT_HEAD).where(this).values(**head))


def test_what_was_written_is_intact_and_its_head_is_the_newest_entry(
    store: Store, clock: ManualClock
) -> None:
    write(store, 3)
    write(store, 2, by=BOB)
    found = store.audit.verify("acme")
    assert (found.intact, found.entries, found.broken) == (True, 3, None)
    newest = store.audit.page("acme").items[0]
    head = store.audit.head("acme")
    assert found.head == head
    assert (head.entry_id, head.digest, head.at, head.entries) == (
        newest.entry_id,
        newest.digest,
        clock(),
        3,
    )
    assert len(head.digest) == 64


def test_an_audit_without_entries_is_intact_and_has_an_empty_head(store: Store) -> None:
    head = store.audit.head("acme")
    assert head == AuditHead(workspace_id="acme")
    assert store.audit.verify("acme", against=head).intact
    write(store, 2)
    assert store.audit.verify("acme", against=head).intact


def test_more_entries_than_are_read_at_once_are_all_looked_at(store: Store) -> None:
    write(store, 1203)
    assert store.audit.verify("acme").entries == 1203
    spoilt = ids(store)[1101]
    run(store, changed(spoilt, subject="fix-x"))
    assert store.audit.verify("acme").broken.entry_id == spoilt


@ON_A_STORE
@given(place=st.integers(0, ENTRIES - 1), column=st.sampled_from(TEXT), value=st.text(max_size=20))
def test_a_text_of_an_entry_that_was_changed_is_found(
    store: Store, place: int, column: str, value: str
) -> None:
    name, known = fresh(store)
    if copied(store, known[place])[column] == value.replace("\x00", "\ufffd"):
        return
    run(store, changed(known[place], **{column: value.replace("\x00", "\ufffd")}))
    found = store.audit.verify(name)
    assert not found.intact
    assert found.broken.entry_id == known[place]


@ON_A_STORE
@given(place=st.integers(0, ENTRIES - 1), at=MOMENTS)
def test_a_time_that_was_changed_is_found(store: Store, place: int, at: datetime) -> None:
    name, known = fresh(store)
    if at == copied(store, known[place])["at"]:
        return
    run(store, changed(known[place], at=at))
    assert store.audit.verify(name).broken.entry_id == known[place]


@ON_A_STORE
@given(place=st.integers(0, ENTRIES - 1), by=st.integers(1, 10**6))
def test_an_entry_with_another_number_is_found(store: Store, place: int, by: int) -> None:
    """Also where the order stays as it was."""
    name, known = fresh(store)
    run(store, changed(known[place], id=known[place] + 10**7 + by))
    assert not store.audit.verify(name).intact


@ON_A_STORE
@given(gone=st.sets(st.integers(0, ENTRIES - 1), min_size=1), behind=st.integers(0, 2))
def test_entries_that_were_deleted_are_missed(store: Store, gone: set[int], behind: int) -> None:
    name, known = fresh(store)
    run(store, sa.delete(AUDIT).where(AUDIT.c.id.in_([known[one] for one in gone])))
    write(store, behind, by=ADA.model_copy(update={"workspace_id": name}))
    assert not store.audit.verify(name).intact


@ON_A_STORE
@given(order=st.permutations(range(ENTRIES)))
def test_entries_in_another_order_are_found(store: Store, order: list[int]) -> None:
    """Whole entries change places, or their numbers alone."""
    name, known = fresh(store)
    if order == sorted(order):
        return
    rows = [copied(store, one) for one in known]
    run(store, sa.delete(AUDIT).where(AUDIT.c.workspace_id == name))
    moved = [rows[place] | {"id": own} for place, own in zip(order, known, strict=True)]
    run(store, *(sa.insert(AUDIT).values(**row) for row in moved))
    first = next(place for place, new in enumerate(order) if place != new)
    assert store.audit.verify(name).broken.entry_id == known[first]


@ON_A_STORE
@given(place=st.integers(0, ENTRIES), copy=st.integers(0, ENTRIES - 1), honest=st.booleans())
def test_an_entry_that_was_put_in_is_found(
    store: Store, place: int, copy: int, honest: bool
) -> None:
    """honest: with a digest that fits what is before it."""
    name, known = fresh(store)
    run(store, *(changed(one, id=one + 10**6) for one in reversed(known[place:])))
    row = copied(store, [*known[:place], *(one + 10**6 for one in known[place:])][copy])
    before = copied(store, known[place - 1])["digest"] if place else ""
    row |= {"id": (known[place - 1] if place else known[0] - 1) + 10**5, "previous": before}
    if honest:
        row["digest"] = entry_digest(name, row)
    run(store, sa.insert(AUDIT).values(**row))
    broken = store.audit.verify(name).broken
    assert broken is not None
    assert (broken.entry_id == row["id"]) is (not honest or place == ENTRIES)


def test_an_entry_of_another_workspace_is_found_in_both(store: Store) -> None:
    write(store, 3)
    write(store, 3, by=BOB)
    run(store, changed(ids(store)[1], workspace_id="rival"))
    assert not store.audit.verify("acme").intact
    assert not store.audit.verify("rival").intact


@pytest.mark.parametrize(
    "spoilt",
    [{"digest": "0" * 64}, {"entries": 2}, {"entry_id": 2}, {"entry_id": None}],
    ids=["digest", "count", "earlier entry", "no entry"],
)
def test_a_noted_head_that_is_not_the_end_is_found(store: Store, spoilt) -> None:
    write(store, 3)
    run(store, sa.update(AUDIT_HEAD).values(**spoilt))
    assert not store.audit.verify("acme").intact


def test_a_head_that_is_gone_is_missed(store: Store) -> None:
    write(store, 3)
    forget_head(store, "acme")
    found = store.audit.verify("acme")
    assert (found.intact, found.broken.entry_id) == (False, ids(store)[0])


@pytest.mark.parametrize("value", ["yesterday", "2026-13-45 00:00:00.000000", ""])
def test_a_time_that_is_none_is_found_and_stops_nothing(store: Store, value: str) -> None:
    write(store, 3)
    spoilt = ids(store)[1]
    with store.database.write() as connection:
        connection.execute(
            sa.text("UPDATE copilot_audit SET at = :at, actor = x'00ff' WHERE id = :id"),
            {"at": value, "id": spoilt},
        )
    assert store.audit.verify("acme").broken.entry_id == spoilt


@pytest.mark.parametrize("after", [0, 3])
def test_a_chain_that_was_written_anew_is_found_with_a_head_that_was_kept(
    store: Store, after: int
) -> None:
    write(store, 5)
    kept = store.audit.head("acme")
    write(store, 2)
    assert store.audit.verify("acme", against=kept).intact
    known = ids(store)
    run(store, changed(known[after], subject="another"))
    rechained(store, "acme", after=known[after] - 1)
    assert store.audit.verify("acme").intact
    found = store.audit.verify("acme", against=kept)
    assert (found.intact, found.broken.entry_id) == (False, kept.entry_id)


def test_a_kept_head_whose_entry_is_gone_is_missed(store: Store) -> None:
    write(store, 5)
    kept = store.audit.head("acme")
    known = ids(store)
    run(store, sa.delete(AUDIT).where(AUDIT.c.id == known[-1]))
    rechained(store, "acme", after=known[0] - 1)
    assert store.audit.verify("acme").intact
    found = store.audit.verify("acme", against=kept)
    assert (found.intact, found.broken.entry_id) == (False, kept.entry_id)


def test_a_kept_head_that_counted_otherwise_is_found(store: Store) -> None:
    write(store, 2)
    kept = store.audit.head("acme").model_copy(update={"entries": 1})
    assert not store.audit.verify("acme", against=kept).intact


def test_the_head_of_another_workspace_is_refused(store: Store) -> None:
    with pytest.raises(InvalidInput, match="another workspace"):
        store.audit.verify("acme", against=store.audit.head("rival"))


def test_appends_from_many_threads_make_one_chain(store: Store) -> None:
    append_from_threads(store, each=6)
    require_one_chain(store, each=6)


def test_what_is_added_while_it_is_read_breaks_nothing(store: Store) -> None:
    write(store, 20)
    for _ in range(3):  # each look sees an end that the next one has behind it
        kept = store.audit.head("acme")
        write(store, 1)
        assert store.audit.verify("acme", against=kept).intact


def test_entries_from_before_there_was_a_chain_are_chained(engine: Engine) -> None:
    migrate(engine, to="0007")
    start = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    old = sa.table("copilot_audit", *(sa.column(one.name) for one in AUDIT.c))
    with engine.begin() as connection:
        for number in range(1100):
            row = {"workspace_id": "acme" if number % 3 else "rival", "actor": "a\ufffd"}
            row |= {"actor_name": "Ada", "actor_kind": "person", "action": "approve_fix"}
            row |= {"subject": f"fix-{number}", "details": '{"n": 1.50, "ü": "\\u0000"}'}
            row |= {"at": (start + timedelta(seconds=number)).strftime("%Y-%m-%d %H:%M:%S.%f")}
            connection.execute(sa.insert(old).values(**row))
    store = Store.open(engine)
    assert store.audit.verify("acme").entries == 733
    write(store, 1)
    for workspace_id, entries in (("acme", 734), ("rival", 367)):
        found = store.audit.verify(workspace_id)
        assert (found.intact, found.entries) == (True, entries)
    run(store, changed(ids(store)[5], details="{}"))
    assert store.audit.verify("acme").broken.entry_id == ids(store)[5]


def test_a_workspace_that_was_cleared_starts_a_new_chain(tmp_path) -> None:
    database = connect(f"sqlite:///{tmp_path / 'engine.db'}")
    upgrade(database)
    store = Store.open(database)
    write(store, 3)
    write(store, 2, by=BOB)
    kept = store.audit.head("acme")
    beside = [Holding(table, withheld) for table, withheld in holdings()]
    WorkspaceData(database, now=FrozenClock().now, beside=beside).clear("acme", confirm="acme")
    assert store.audit.head("acme") == AuditHead(workspace_id="acme")
    write(store, 1)
    assert (store.audit.verify("acme").intact, store.audit.verify("acme").entries) == (True, 1)
    assert not store.audit.verify("acme", against=kept).intact
    assert store.audit.verify("rival").intact
    database.dispose()
