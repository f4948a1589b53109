"""`redact`: a filter before a text goes elsewhere."""

import json

import pytest
from click.testing import CliRunner

from copilot.surfaces.cli import cli

KEY = "gh" + "p_" + "aB3dE5gH7jK9mN1pQ3rS5tU7vW9xY1zA3bC5"
TEXT = f"jane@corp.example pushed with {KEY}\n"
CLEAN = "[[email:1]] pushed with [[github-token:2]]\n"


@pytest.fixture
def secrets(ask):
    values = {"default": {"CRM": "hunter2-hunter2"}, "other": {"CRM": "another-workspace"}}
    ask.write("secrets.json", json.dumps(values))
    return {"ASK_COPILOT_SECRETS_FILE": "secrets.json"}


def test_a_text_goes_through_and_the_counts_are_told_beside_it(ask):
    answer = ask("redact", stdin=TEXT)
    assert answer.code == 0
    assert answer.out == CLEAN
    assert answer.err == "email 1, github-token 1\n"


def test_quietly_and_where_nothing_is_found(ask):
    assert ask("redact", "--quiet", stdin=TEXT).err == ""
    assert ask("redact", stdin="token expired").err == "Nothing found.\n"


def test_as_one_json_document(ask):
    answer = ask("redact", "--json", stdin=TEXT)
    assert answer.json == {"text": CLEAN, "counts": {"email": 1, "github-token": 1}}


def test_people_stay_or_more_of_them_go_on_request(ask):
    assert "jane@corp.example" in ask("redact", "--secrets-only", stdin=TEXT).out
    text = "sms to (212) 555-0187 from 203.0.113.145"
    assert ask("redact", stdin=text).out == text
    asked = ask("redact", "--phones", "--addresses", stdin=text)
    assert asked.out == "sms to [[phone:1]] from [[address:2]]"


def test_line_by_line_with_each_error_in_its_place(ask):
    good = json.dumps({"id": 7, "text": f"again {KEY}"})
    answer = ask(
        "redact", "--jsonl", stdin=f'{good}\nnot json\n{{"text": 3}}\n{{"id": 9}}\n{good}\n'
    )
    assert answer.code == 3
    one, two, three, four, five = answer.lines
    assert one == {"id": 7, "text": "again [[github-token:1]]", "counts": {"github-token": 1}}
    assert five == one
    assert (two["error"]["code"], "line 2" in two["error"]["message"]) == ("invalid_input", True)
    assert "line 3: 'text' is not a text" in three["error"]["message"]
    assert "line 4: no 'text'" in four["error"]["message"]


def test_the_workspaces_own_secrets_are_known(ask, secrets):
    answer = ask("redact", stdin="it said hunter2-hunter2 and another-workspace", env=secrets)
    assert answer.out == "it said [[workspace-secret:1]] and another-workspace"


def test_a_broken_secrets_file_is_said_and_nothing_goes_through(ask):
    ask.write("secrets.json", "{")
    answer = ask("redact", stdin=TEXT, env={"ASK_COPILOT_SECRETS_FILE": "secrets.json"})
    assert (answer.code, answer.out) == (3, "")
    assert "secrets.json" in answer.err


def test_what_is_not_text_passes_as_it_is(ask):
    answer = ask("redact", "--json", stdin=b"\xff " + KEY.encode())
    assert answer.json["text"] == "\udcff [[github-token:1]]"
    assert ask("redact", stdin="").out == ""


def test_line_ends_and_odd_bytes_come_out_as_they_went_in():
    data = b"one\r\ntwo \xff\xfe\rthree"
    assert CliRunner().invoke(cli, ["redact"], input=data).stdout_bytes == data


def test_a_file_is_read_and_left(ask):
    ask.write("run.log", TEXT)
    assert ask("redact", "run.log").out.rstrip() == CLEAN.rstrip()
    assert "jane" in (ask.folder / "run.log").read_text()
