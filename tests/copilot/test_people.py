"""Principals and keys in the database: rotation, revocation, and many at once."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from copilot.access import Access
from copilot.errors import InvalidInput, NotFound
from copilot.storage.store import Store
from copilot.testing import ManualClock
from copilot.types.principal import Principal, PrincipalKind, Role
from tests.copilot.storage_builders import sqlite_engine

PERSON, MACHINE = PrincipalKind.PERSON, PrincipalKind.MACHINE


@pytest.fixture
def access(store: Store, clock: ManualClock) -> Access:
    return Access(store, clock)


@pytest.fixture
def owner(access: Access) -> Principal:
    return access.authenticate(access.first_owner("acme", "Ada").secret)


def at_once(*calls: Callable[[], object]) -> list[object]:
    """What each gave or raised, all begun at the same moment."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        start.wait()
        try:
            return call()
        except InvalidInput as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def actions(store: Store, workspace_id: str = "acme") -> list[tuple[str, str]]:
    return [(one.action, one.subject) for one in store.audit.page(workspace_id).items]


def test_the_first_owner_is_made_once(access: Access) -> None:
    made = access.first_owner("acme", "Ada")
    assert (made.kind, made.role) == (PERSON, Role.OWNER)
    assert access.first_owner("acme", "Eve") is None
    assert access.first_owner("rival", "Bob") is not None
    owner = access.authenticate(made.secret)
    assert [key.name for key in access.keys(owner)] == ["Ada"]
    assert made.created_by == owner.id


def test_a_machine_or_a_viewer_is_no_owner(access: Access) -> None:
    local = access.local_owner("acme", "root")
    access.create(local, "robot", kind=MACHINE, role=Role.OWNER)
    access.create(local, "guest", kind=PERSON, role=Role.VIEWER)
    assert access.first_owner("acme", "Ada") is not None


def test_two_processes_at_once_make_one_owner(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "copilot.sqlite"
    engines = [sqlite_engine(path) for _ in range(6)]
    doors = [Access(Store.open(engine, clock=clock), clock) for engine in engines]
    made = at_once(*(lambda door=door: door.first_owner("acme", "Ada") for door in doors))
    (key,) = (one for one in made if one is not None)
    assert len(doors[0].keys(doors[1].authenticate(key.secret))) == 1
    for engine in engines:
        engine.dispose()


def test_rotation_keeps_the_principal_and_both_keys_work(access: Access, owner) -> None:
    old = access.create(owner, "robot", kind=MACHINE, role=Role.OPERATOR)
    new = access.create(owner, "robot 2027", kind=MACHINE, role=Role.OPERATOR, replaces=old.key_id)
    assert access.authenticate(old.secret) == access.authenticate(new.secret)
    assert new.name == "robot 2027"
    assert access.authenticate(new.secret).name == "robot"
    with pytest.raises(InvalidInput, match=r"2 working keys already.*Revoke") as refused:
        access.create(owner, "third", kind=MACHINE, role=Role.OPERATOR, replaces=new.key_id)
    assert old.key_id not in str(refused.value)
    access.revoke(owner, old.key_id)
    access.create(owner, "third", kind=MACHINE, role=Role.OPERATOR, replaces=new.key_id)


def test_two_rotations_at_once_make_one_key(access: Access, owner: Principal) -> None:
    old = access.create(owner, "robot", kind=MACHINE, role=Role.VIEWER)
    results = at_once(
        *(
            lambda: access.create(
                owner, "next", kind=MACHINE, role=Role.VIEWER, replaces=old.key_id
            )
            for _ in range(4)
        )
    )
    assert sum(isinstance(one, InvalidInput) for one in results) == 3
    assert [key.name for key in access.keys(owner)].count("next") == 1


def test_a_replacement_is_for_a_working_key_of_the_same_kind_and_role(
    access: Access, owner: Principal, clock: ManualClock
) -> None:
    old = access.create(
        owner, "robot", kind=MACHINE, role=Role.VIEWER, expires_at=clock() + timedelta(hours=1)
    )
    with pytest.raises(InvalidInput, match="a machine with the role viewer"):
        access.create(owner, "next", kind=PERSON, role=Role.VIEWER, replaces=old.key_id)
    with pytest.raises(InvalidInput, match="a machine with the role viewer"):
        access.create(owner, "next", kind=MACHINE, role=Role.OWNER, replaces=old.key_id)
    clock.advance(hours=1)
    with pytest.raises(InvalidInput, match="does not work any more"):
        access.create(owner, "next", kind=MACHINE, role=Role.VIEWER, replaces=old.key_id)
    assert len(access.keys(owner)) == 2


def test_a_key_of_another_workspace_is_like_one_that_is_not_there(access: Access, owner) -> None:
    theirs = access.first_owner("rival", "Bob")
    problems = set()
    for key_id in (theirs.key_id, "000000000000", "", "\ud800'\x00"):
        for call in (
            lambda key_id=key_id: access.revoke(owner, key_id),
            lambda key_id=key_id: access.create(
                owner, "x", kind=PERSON, role=Role.OWNER, replaces=key_id
            ),
        ):
            with pytest.raises(NotFound) as refused:
                call()
            problems.add(str(refused.value))
    assert problems == {"No such key in this workspace."}
    assert access.authenticate(theirs.secret).workspace_id == "rival"
    assert [key.name for key in access.keys(owner)] == ["Ada"]


def test_revoking_again_changes_nothing(access: Access, owner, store, clock) -> None:
    made = access.create(owner, "robot", kind=MACHINE, role=Role.VIEWER)
    first = access.revoke(owner, made.key_id)
    assert first.revoked_at == clock()
    clock.advance(minutes=1)
    assert access.revoke(owner, made.key_id) == first
    assert actions(store).count(("revoke_key", made.key_id)) == 1


def test_the_last_working_key_of_an_owner_stays(access: Access, owner, clock) -> None:
    (only,) = access.keys(owner)
    access.create(owner, "robot", kind=MACHINE, role=Role.OWNER)
    access.create(owner, "approver", kind=PERSON, role=Role.APPROVER)
    ending = clock() + timedelta(hours=1)
    access.create(owner, "Bob", kind=PERSON, role=Role.OWNER, expires_at=ending)
    clock.advance(hours=1)
    with pytest.raises(InvalidInput, match=r"last working key of an owner.*Make another"):
        access.revoke(owner, only.key_id)
    access.create(owner, "Cy", kind=PERSON, role=Role.OWNER)
    assert access.revoke(owner, only.key_id).revoked_at is not None


def test_two_owners_can_not_revoke_each_other_at_once(access: Access, owner: Principal) -> None:
    access.create(owner, "Bob", kind=PERSON, role=Role.OWNER)
    results = at_once(
        *(lambda key=key: access.revoke(owner, key.key_id) for key in access.keys(owner))
    )
    assert sum(isinstance(one, InvalidInput) for one in results) == 1


def test_use_is_noted_at_most_once_a_minute(access: Access, owner, store, clock) -> None:
    made = access.create(owner, "robot", kind=MACHINE, role=Role.VIEWER)

    def last_used():
        return store.people.find(made.key_id).key.last_used_at

    assert last_used() is None
    access.authenticate(made.secret)
    first = clock()
    assert last_used() == first
    clock.advance(seconds=59)
    access.authenticate(made.secret)
    assert last_used() == first
    clock.advance(seconds=1)
    access.authenticate(made.secret)
    assert last_used() == clock()


def test_a_busy_database_neither_delays_nor_refuses_a_key(access: Access, owner, store) -> None:
    made = access.create(owner, "robot", kind=MACHINE, role=Role.VIEWER)
    with store.database.write():
        began = time.monotonic()
        assert access.authenticate(made.secret).name == "robot"
        assert time.monotonic() - began < 1  # the connections of these tests wait for ten
    assert store.people.find(made.key_id).key.last_used_at is None
    access.authenticate(made.secret)
    assert store.people.find(made.key_id).key.last_used_at is not None
    with store.database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 10_000


def test_a_refused_key_is_not_used(access: Access, owner, store) -> None:
    made = access.create(owner, "robot", kind=MACHINE, role=Role.VIEWER)
    with pytest.raises(Exception, match="API key"):
        access.authenticate(made.secret[:-1] + ("0" if made.secret[-1] != "0" else "1"))
    access.revoke(owner, made.key_id)
    with pytest.raises(Exception, match="revoked"):
        access.authenticate(made.secret)
    assert store.people.find(made.key_id).key.last_used_at is None


def test_what_was_done_is_in_the_audit_and_what_was_refused_is_not(
    access: Access, owner: Principal, store: Store
) -> None:
    made = access.create(owner, "robot", kind=MACHINE, role=Role.VIEWER)
    with pytest.raises(NotFound):
        access.create(owner, "lost", kind=MACHINE, role=Role.VIEWER, replaces="nothing")
    access.revoke(owner, made.key_id)
    first, created, revoked = reversed(store.audit.page("acme").items)
    assert (first.action, first.actor) == ("create_key", owner.id)
    assert (created.subject, created.actor, created.at) == (
        made.key_id,
        owner.id,
        made.created_at,
    )
    assert created.details["name"] == "robot"
    assert (created.details["kind"], created.details["role"]) == ("machine", "viewer")
    assert (revoked.action, revoked.subject) == ("revoke_key", made.key_id)
    assert len(access.keys(owner)) == 2
