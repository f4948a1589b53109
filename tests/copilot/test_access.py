"""Keys: what one looks like, who gets in with it, and that nothing else does."""

import logging
import re
import zlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from copilot.access import KEY_PATTERN, Access, is_whole
from copilot.errors import Forbidden, InvalidInput, KeyReused, NotFound, Unauthenticated
from copilot.storage.store import Store
from copilot.testing import ManualClock
from copilot.types.principal import NEVER_FOR_MACHINES, Principal, PrincipalKind, Role, Scope

PERSON, MACHINE = PrincipalKind.PERSON, PrincipalKind.MACHINE
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BASE62 = st.sampled_from(ALPHABET)


@pytest.fixture
def access(store: Store, clock: ManualClock) -> Access:
    return Access(store, clock)


@pytest.fixture
def owner(access: Access) -> Principal:
    return access.authenticate(access.first_owner("acme", "Ada").secret)


def refusal(access: Access, key: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        access.authenticate(key)
    assert not key or key not in str(refused.value)
    return str(refused.value)


def test_a_key_lets_its_principal_into_its_workspace(access: Access, owner: Principal) -> None:
    made = access.create(owner, "Nightly job", kind=MACHINE, role=Role.OPERATOR)
    who = access.authenticate(made.secret)
    assert (who.name, who.workspace_id, who.kind, who.role) == (
        "Nightly job",
        "acme",
        MACHINE,
        Role.OPERATOR,
    )
    assert (made.created_by, made.revoked_at, made.last_used_at) == (owner.id, None, None)
    assert made.secret.startswith(made.prefix)
    assert made.key_id in made.prefix


def test_what_is_stored_and_listed_holds_no_key(access: Access, owner: Principal, store) -> None:
    made = access.create(owner, "laptop", kind=PERSON, role=Role.VIEWER)
    secret_part = made.secret.split("_")[2]
    assert secret_part not in repr(access.keys(owner))
    assert secret_part not in repr(made)
    assert secret_part not in str(made)
    with store.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM copilot_api_key").all()
        audit = connection.exec_driver_sql("SELECT * FROM copilot_audit").all()
    assert len(rows) == 2
    assert secret_part not in repr(rows) + repr(audit)


def test_each_refusal_says_what_is_wrong_to_the_holder_alone(
    access: Access, owner: Principal, clock: ManualClock
) -> None:
    soon = clock() + timedelta(hours=1)
    dying = access.create(owner, "dying", kind=PERSON, role=Role.VIEWER, expires_at=soon)
    gone = access.create(owner, "gone", kind=PERSON, role=Role.VIEWER)
    access.revoke(owner, gone.key_id)
    clock.advance(hours=2)
    assert "mistyped" in refusal(access, dying.secret[:-1])
    assert "it has expired." in refusal(access, dying.secret)
    assert "it has been revoked." in refusal(access, gone.secret)
    unknown, wrong = made_up("000000000000"), made_up(dying.key_id)
    assert is_whole(unknown)
    assert (
        refusal(access, unknown) == refusal(access, wrong) == refusal(access, made_up(gone.key_id))
    )
    assert "it is not valid." in refusal(access, unknown)


def made_up(key_id: str, secret: str = "x" * 32) -> str:
    """A whole key that nobody was given."""
    body = f"ask_{key_id}_{secret}"
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = ALPHABET[digit] + digits
    return f"{body}_{digits}"


def test_expired_is_expired_by_the_clock_of_the_service(
    access: Access, owner: Principal, clock: ManualClock
) -> None:
    end = clock() + timedelta(seconds=10)
    made = access.create(owner, "short", kind=PERSON, role=Role.VIEWER, expires_at=end)
    clock.time = end - timedelta(microseconds=1)
    assert access.authenticate(made.secret).name == "short"
    clock.time = end
    assert "expired" in refusal(access, made.secret)


def test_a_clock_that_is_set_back_makes_no_key_fail(
    access: Access, owner: Principal, clock: ManualClock
) -> None:
    made = access.create(owner, "short", kind=PERSON, role=Role.VIEWER)
    access.authenticate(made.secret)
    clock.advance(hours=-3)
    assert access.authenticate(made.secret).name == "short"


@pytest.mark.parametrize(
    "text", ["", "ask_", "Bearer x", "ask_" + "0" * 52, "\ud800", "ask_é" * 9, "x" * 100_000]
)
def test_what_is_no_key_is_refused_without_asking_the_database(text: str) -> None:
    class NoDatabase:
        people = None

    assert "mistyped" in refusal(Access(NoDatabase(), lambda: datetime.now(UTC)), text)


def test_a_new_line_after_a_key_is_not_part_of_it(access: Access) -> None:
    made = access.first_owner("acme", "Ada")
    assert "mistyped" in refusal(access, made.secret + "\n")


ID, SECRET = (st.text(BASE62, min_size=size, max_size=size) for size in (12, 32))


@given(key_id=ID, secret=SECRET, data=st.data())
def test_a_key_with_one_other_character_is_no_key(key_id: str, secret: str, data) -> None:
    key = made_up(key_id, secret)
    assert is_whole(key)
    place = data.draw(st.integers(0, len(key) - 1), label="place")
    other = data.draw(BASE62 | st.characters(), label="character")
    assume(key[place] != other)
    assert not is_whole(key[:place] + other + key[place + 1 :])
    assert not is_whole(key[:place] + key[place + 1 :])
    assert not is_whole(key[:place] + other + key[place:])


def test_keys_are_made_as_they_are_read_and_no_two_are_the_same(access: Access) -> None:
    made = [access.first_owner(f"workspace-{number}", "Ada").secret for number in range(50)]
    assert all(re.fullmatch(KEY_PATTERN, key) and is_whole(key) for key in made)
    parts = [key.split("_") for key in made]
    assert [made_up(key_id, secret) for _, key_id, secret, _ in parts] == made
    for place in (1, 2):
        assert len({part[place] for part in parts}) == 50
    assert access.authenticate(made[7]).workspace_id == "workspace-7"


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("kind", PrincipalKind)
def test_only_a_person_who_owns_the_workspace_touches_keys(
    access: Access, owner: Principal, role: Role, kind: PrincipalKind
) -> None:
    other = access.create(owner, "other", kind=kind, role=role)
    who = access.authenticate(other.secret)
    calls = (
        lambda: access.create(who, "mine", kind=MACHINE, role=Role.VIEWER),
        lambda: access.keys(who),
        lambda: access.revoke(who, other.key_id),
    )
    for call in calls:
        if kind is PERSON and role is Role.OWNER:
            call()
        else:
            with pytest.raises(Forbidden, match="a person with the role owner"):
                call()


def test_a_machine_never_approves_or_governs(access: Access, owner: Principal) -> None:
    made = access.create(owner, "robot", kind=MACHINE, role=Role.OWNER)
    scopes = access.authenticate(made.secret).scopes
    assert scopes == frozenset(Scope) - NEVER_FOR_MACHINES


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "x" * 101,
        "a\nb",
        "a\tb",
        "a\x00b",
        "a\x1b[31mb",
        "a\u202eb",
        "a\u200bb",
        "\ud800",
    ],
)
def test_a_name_that_can_not_be_read_is_refused(access: Access, owner, name: str) -> None:
    with pytest.raises(InvalidInput, match="name: must be 1 to 100 characters"):
        access.create(owner, name, kind=PERSON, role=Role.VIEWER)
    assert len(access.keys(owner)) == 1


def test_a_name_is_kept_as_it_reads(access: Access, owner: Principal) -> None:
    made = access.create(owner, "  Zoe\u0301   at  work ", kind=PERSON, role=Role.VIEWER)
    assert made.name == "Zoé at work"
    assert access.create(owner, "x" * 100, kind=PERSON, role=Role.VIEWER).name == "x" * 100


def test_an_end_must_be_ahead_and_have_a_time_zone(
    access: Access, owner: Principal, clock: ManualClock
) -> None:
    far = datetime.max.replace(tzinfo=timezone(timedelta(hours=-12)))
    for end, problem in (
        (clock(), "past"),
        (clock() - timedelta(days=1), "past"),
        (clock().replace(tzinfo=None) + timedelta(days=1), "time zone"),
        (far, "ten years"),
    ):
        with pytest.raises(InvalidInput, match=problem):
            access.create(owner, "late", kind=PERSON, role=Role.VIEWER, expires_at=end)
    elsewhere = clock() + timedelta(hours=1)
    end = elsewhere.astimezone(timezone(timedelta(hours=5)))
    made = access.create(owner, "ok", kind=PERSON, role=Role.VIEWER, expires_at=end)
    assert made.expires_at == elsewhere


def test_the_same_request_again_makes_no_second_principal(
    access: Access, owner: Principal, store: Store
) -> None:
    def create(name: str = "robot", request: str = "request-1"):
        return access.create(owner, name, kind=MACHINE, role=Role.OPERATOR, key_id=request)

    first, again = create(), create()
    assert [one.subject for one in store.audit.page("acme").items].count(first.key_id) == 2
    assert again.key_id == first.key_id
    assert again.secret != first.secret
    assert "it is not valid." in refusal(access, first.secret)
    assert create(request="request-2").key_id != first.key_id
    assert len(access.keys(owner)) == 3
    with pytest.raises(KeyReused):
        create("another")
    assert access.authenticate(again.secret).name == "robot"
    with pytest.raises(InvalidInput, match="used or revoked"):
        create()
    assert access.authenticate(again.secret).name == "robot"


def test_a_request_of_another_workspace_makes_another_key(access: Access, owner) -> None:
    rival = access.local_owner("rival", "Bob")
    mine = access.create(owner, "one", kind=MACHINE, role=Role.VIEWER, key_id="same")
    theirs = access.create(rival, "one", kind=MACHINE, role=Role.VIEWER, key_id="same")
    assert mine.key_id != theirs.key_id
    assert access.authenticate(mine.secret).workspace_id == "acme"


def test_who_holds_the_database_file_owns_the_workspace(access: Access, store: Store) -> None:
    local = access.local_owner("acme", "ada")
    assert (local.role, local.kind, local.workspace_id) == (Role.OWNER, PERSON, "acme")
    made = access.create(local, "laptop", kind=PERSON, role=Role.OWNER)
    assert made.created_by == local.id == "local:ada"
    assert access.first_owner("acme", "Ada") is None
    with pytest.raises(NotFound):
        access.revoke(local, local.id)


def test_a_use_that_can_not_be_noted_is_told_without_the_key(
    access: Access, owner: Principal, store: Store, caplog
) -> None:
    made = access.create(owner, "laptop", kind=PERSON, role=Role.VIEWER)
    with caplog.at_level(logging.DEBUG), store.database.write():
        access.authenticate(made.secret)
    assert "OperationalError" in caplog.text
    assert made.secret not in caplog.text
    assert made.key_id not in caplog.text
