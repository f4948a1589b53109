"""`keys` and `init`: a key is shown once, and every wrong wish is answered."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from copilot.access import KEY_PATTERN
from tests.surfaces.conftest import CommandLine


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    ask = CommandLine(tmp_path_factory.mktemp("keys"))
    ask.made = ask("init")
    assert ask.made.code == 0
    return ask


def error_of(answer):
    return answer.json["error"]["code"]


def create(place, name="bot", *more):
    return place("keys", "create", name, "--role", "operator", "--kind", "machine", "--json", *more)


def test_init_shows_the_first_owners_key_once(place):
    (key,) = re.findall(KEY_PATTERN, place.made.out)
    assert "shown this once and not stored" in place.made.out
    again = place("init", "--json")
    assert again.json["key"] is None
    assert key not in again.out
    data = (place.folder / ".ask-copilot/ask-copilot.sqlite").read_bytes()
    assert key.encode() not in data


def test_a_key_is_made_listed_and_revoked_and_seen_whole_only_once(place):
    made = create(place, "nightly job", "--expires", "90d").json
    assert re.fullmatch(KEY_PATTERN, made["secret"])
    expires = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=89) < expires <= timedelta(days=90)
    listed = place("keys", "list", "--json")
    assert made["key_id"] in {key["key_id"] for key in listed.json["keys"]}
    assert made["secret"] not in listed.out
    assert "nightly job" in place("keys", "list").out
    revoked = place("keys", "revoke", made["key_id"], "--json").json
    assert revoked["revoked_at"] is not None
    assert "revoked" in place("keys", "list").out


def test_a_second_key_for_the_same_holder(place):
    first = create(place, "rotated").json["key_id"]
    second = create(place, "rotated", "--replaces", first).json
    assert second["key_id"] != first
    third = create(place, "rotated", "--replaces", second["key_id"])
    assert (third.code, error_of(third)) == (3, "invalid_input")
    missing = create(place, "rotated", "--replaces", "nope")
    assert (missing.code, error_of(missing)) == (4, "not_found")
    assert "nope" not in missing.out


@pytest.mark.parametrize(
    ("when", "ends"), [("2030-06-01", "2030-06-01T00:00:00Z"), ("12h", None), ("30m", None)]
)
def test_an_end_is_a_time_from_now_or_a_date(place, when, ends):
    made = create(place, "x", "--expires", when).json
    assert ends in {None, made["expires_at"]}


@pytest.mark.parametrize("when", ["soon", "", "-5d", "90", "2020-01-01", "99999w", "2031-02-30"])
def test_an_end_that_makes_no_sense_is_refused(place, when):
    answer = create(place, "x", "--expires", when)
    assert (answer.code, error_of(answer)) == (3, "invalid_input")


def test_a_name_that_can_not_be_seen_is_refused(place):
    answer = create(place, "a\u202eb")
    assert (answer.code, error_of(answer)) == (3, "invalid_input")


def test_the_last_owner_keeps_a_key(place):
    owner = next(
        key for key in place("keys", "list", "--json").json["keys"] if key["role"] == "owner"
    )
    answer = place("keys", "revoke", owner["key_id"], "--json")
    assert (answer.code, error_of(answer)) == (3, "invalid_input")


@pytest.mark.parametrize("missing", ["--role", "--kind"])
def test_role_and_kind_are_never_guessed(place, missing):
    given = {"--role": "viewer", "--kind": "person"}
    del given[missing]
    answer = place("keys", "create", "x", *[part for pair in given.items() for part in pair])
    assert answer.code == 2
    assert missing in answer.err
