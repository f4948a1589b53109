"""`standing`, `fix` for two people, and `audit head` and `verify`, as they are typed."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from tests.surfaces.conftest import CommandLine

BEN = {"ASK_COPILOT_USER": "ben"}
SIGN = ("standing", "create", "replace_value", "--uses", "3", "--expires", "30d")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    ask = CommandLine(tmp_path_factory.mktemp("trust"))
    assert ask("init", "--example").code == 0
    return ask


def error_of(answer):
    return answer.json["error"]["code"]


def failing_fix(ask):
    run = ask("run", "urgent-mail-digest", "--json").json
    report = ask("analyze", run["execution"]["id"], "--json").json
    return next(one["fix_id"] for one in report["suggested_fixes"] if one["fix_id"])


def test_a_standing_approval_is_signed_listed_and_revoked(place):
    made = place(*SIGN, "--workflow", "urgent-mail-digest", "--per-day", "1", "--json").json
    assert made["workflow_id"] == "urgent-mail-digest"
    assert (made["max_uses"], made["max_uses_per_day"], made["state"]) == (3, 1, "active")
    left = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=29) < left <= timedelta(days=30)
    listed = place("standing", "list").out
    assert "0 of 3 used, 0 of 1 today" in listed
    assert "approved nothing yet" in place("standing", "uses", made["standing_id"]).out
    revoked = place("standing", "revoke", made["standing_id"])
    assert (revoked.code, made["standing_id"] in revoked.out) == (0, True)
    (found,) = place("standing", "list", "--json").json["standing"]
    assert found["state"] == "revoked"
    assert place("standing", "uses", made["standing_id"], "--json").json == {"uses": []}


def test_one_that_can_not_act_yet_says_what_is_missing(place):
    made = place(*SIGN)
    raise_it = "an owner can raise it (`ask-copilot autonomy replace_value standing`)"
    judged = "0 of 5 fixes judged, and the next 16 would have to hold for the floor of 80 %"
    told = f"Does not act yet: the autonomy of replace_value is 'approve': {raise_it}; {judged}"
    assert f"  {told} (standing_floor)." in made.out
    assert told in place("standing", "list").out
    (newest, *_) = place("standing", "list", "--json").json["standing"]
    assert (newest["acts"], len(newest["missing"])) == (False, 2)
    raised = place("autonomy", "replace_value", "standing")
    assert f"replace_value does not act yet: {judged} (standing_floor)." in raised.out
    assert f"replace_value does not act yet: {judged}" in place("autonomy").out
    levels = place("autonomy", "--json").json["levels"]
    assert [one["fix_type"] for one in levels if one["missing"]] == ["replace_value"]
    assert place("autonomy", "replace_value", "approve").code == 0
    signed = (
        "replace_value is signed for by a standing approval, which does not act yet: the autonomy"
    )
    assert signed in place("autonomy").out
    assert place("standing", "revoke", newest["standing_id"]).code == 0


def test_an_action_can_not_be_signed_for(place):
    answer = place("standing", "create", "pause_workflow", *SIGN[3:])
    assert "pause_workflow is an action, not a change" in answer.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("create", "replace_valu", "--uses", "1", "--expires", "1d"), "unknown_name"),
        (("create", "replace_value", "--uses", "1", "--expires", "91d"), "invalid_input"),
        (("create", "replace_value", "--uses", "1", "--expires", "soon"), "invalid_input"),
        (("create", "", "--uses", "1", "--expires", "1d"), "invalid_input"),
        (("revoke", "nope"), "not_found"),
        (("uses", "nope"), "not_found"),
    ],
    ids=["no type", "too long", "no time", "empty", "revoke none", "uses of none"],
)
def test_what_makes_no_sense_is_refused(place, words, code):
    assert error_of(place("standing", *words, "--json")) == code


@pytest.mark.parametrize("missing", ["--uses", "--expires"])
def test_how_often_and_until_when_are_never_guessed(place, missing):
    at = SIGN.index(missing)
    answer = place(*SIGN[:at], *SIGN[at + 2 :])
    assert answer.code == 2
    assert missing in answer.err


def test_two_people_approve_and_then_it_is_applied(example):
    assert example("settings", "set", "second_person_for=replace_value").code == 0
    fix_id = failing_fix(example)
    digest = example("fix", "preview", fix_id, "--json").json["digest"]
    first = example("fix", "approve", fix_id, "--digest", digest)
    assert "Approved by you. It waits for a second person" in " ".join(first.out.split())
    (waiting,) = example("fix", "waiting", "--json").json["approvals"]
    assert (waiting["fix_id"], waiting["state"]) == (fix_id, "pending")
    told = example("fix", "waiting").out
    assert fix_id in told
    assert (waiting["actor"], waiting["actor_name"]) == (
        f"local:{waiting['actor_name']}",
        waiting["actor"].removeprefix("local:"),
    )
    assert f"by {waiting['actor_name']}" in told
    assert "local:" not in told
    again = example("fix", "approve", fix_id, "--digest", digest, "--json")
    assert (again.code, error_of(again)) == (5, "approval_refused")
    early = example("fix", "apply", waiting["approval_id"], "--json")
    assert (early.code, error_of(early)) == (5, "approval_refused")
    second = example("fix", "approve", fix_id, "--digest", digest, "--json", env=BEN).json
    assert (second["approval_id"], second["state"]) == (waiting["approval_id"], "approved")
    assert second["second_actor"] != second["actor"]
    assert example("fix", "apply", second["approval_id"], "--json").json["state"] == "applied"
    assert "No approval waits" in example("fix", "waiting").out
    entries = example("audit", "--json").json["items"]
    states = [one["details"]["state"] for one in entries if one["action"] == "approve_fix"]
    assert states == ["approved", "pending"]


def spoil(ask, statement):
    with closing(sqlite3.connect(ask.folder / ".ask-copilot/ask-copilot.sqlite")) as database:
        database.execute(statement)
        database.commit()


def test_the_audit_is_verified_against_a_head_that_was_kept(example):
    failing_fix(example)
    example(*SIGN)
    head = example("audit", "head")
    kept = head.json
    assert kept.keys() == {"workspace_id", "entry_id", "digest", "at", "entries"}
    assert kept["digest"] == example("audit", "--json").json["items"][0]["digest"]
    example.write("head.json", head.out)
    example(*SIGN)
    plain = example("audit", "verify")
    assert (plain.code, plain.out.startswith("Intact: ")) == (0, True)
    assert "is one of them" in example("audit", "verify", "--head", "head.json").out
    spoil(example, f"UPDATE copilot_audit SET actor_name = 'Eve' WHERE id = {kept['entry_id']}")
    broken = example("audit", "verify", "--head", "head.json")
    assert broken.code == 3
    assert f"Broken at entry {kept['entry_id']}. It is not as it was written." in broken.out
    found = example("audit", "verify", "--json")
    assert (found.code, found.json["intact"]) == (3, False)
    assert found.json["broken"]["entry_id"] == kept["entry_id"]


@pytest.mark.parametrize("text", ["", "[]", '{"entry_id": 1}', "\x00"], ids=repr)
def test_a_file_that_is_no_head_is_refused(place, text):
    name = place.write("other.json", text)
    answer = place("audit", "verify", "--head", name, "--json")
    assert (answer.code, error_of(answer)) == (3, "invalid_input")


def test_the_head_of_another_workspace_is_refused(place):
    head = place("audit", "head").json | {"workspace_id": "another"}
    name = place.write("other.json", json.dumps(head))
    answer = place("audit", "verify", "--head", name, "--json")
    assert (answer.code, error_of(answer)) == (3, "invalid_input")
    assert place("audit", "verify", "--head", "missing.json").code == 2
