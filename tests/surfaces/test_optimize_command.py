"""`ask-copilot optimize`: what it says, and what it refuses."""

import json

import pytest

ROUNDS = {
    "name": "Rounds",
    "steps": [{"id": "ask", "type": "agent", "prompt": "Go through each of the new rows."}],
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rounds.json"
    path.write_text(json.dumps(ROUNDS), encoding="utf-8")
    return path


def test_a_file_is_looked_at_without_being_stored(example, file):
    told = example("optimize", "--file", str(file)).out
    assert told.startswith("medium  prompt     In 'ask' there is a loop for one answer\n")
    assert "  It says 'Go through': all of it has to fit into one answer.\n" in told
    assert "  → The instructions get one more paragraph" in told
    assert "Budget of one run\n" in told
    assert "Not enough runs yet (0 of 3)." in told
    found = example("optimize", "--file", str(file), "--json").json
    assert "at most 20 items" in found["suggestions"][0]["changed"]["instructions"]
    assert "Rounds" not in example("workflows").out


def test_a_suggestion_about_a_workflow_is_applied_or_dismissed(example, file):
    changed = example("optimize", "urgent-mail-digest", "--file", str(file), "--json").json
    assert changed["workflow_id"] == "urgent-mail-digest"
    told = example("optimize", "urgent-mail-digest")
    assert told.code == 0
    assert "Nothing to suggest." in told.out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), "invalid_input"),
        (("--dismiss", "suggestion_1"), "invalid_input"),
        (("nope",), "not_found"),
        (("urgent-mail-digest", "--dismiss", "suggestion_1"), "not_found"),
        (("urgent-mail-digest", "--dismiss", "s", "--file", "x.yaml"), "invalid_input"),
    ],
    ids=["nothing", "dismiss-of-nothing", "unknown", "unknown-suggestion", "dismiss-in-a-file"],
)
def test_what_makes_no_sense_is_refused(example, words, code):
    assert example("optimize", *words, "--json").json["error"]["code"] == code
