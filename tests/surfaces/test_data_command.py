"""`data`: everything goes out to a file, and away when its name is typed."""

import json
import stat

import pytest

from tests.surfaces.conftest import CommandLine
from tests.surfaces.serving import serving

ECHO = """
name: Echo
steps:
  - {id: a, action: render_template, with: {body: "Key {key}", values: {key: sk-12345678}}}
"""


@pytest.fixture
def place(tmp_path):
    ask = CommandLine(tmp_path)
    assert ask("init").code == 0
    ask.write("echo.yaml", ECHO)
    assert ask("run", "echo.yaml").code == 0
    return ask


def test_everything_is_written_to_a_file_for_its_owner(place):
    answer = place("data", "export", "-o", "all.jsonl", "--json")
    assert answer.code == 0
    file = place.folder / "all.jsonl"
    head, *lines, end = map(json.loads, file.read_text("utf-8").splitlines())
    assert answer.json == {"workspace": "default", "file": "all.jsonl", "rows": len(lines)}
    assert end["rows"] == len(lines)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    tables = {line["table"] for line in lines}
    assert {"workflow", "execution", "step_run", "copilot_principal"} <= tables
    assert head["workspace"] == "default"
    assert list(place.folder.glob(".all*")) == []


def test_without_a_file_it_goes_to_standard_output(place):
    lines = place("data", "export").lines
    assert (lines[0]["format"], lines[-1]["end"]) == ("ask-copilot-data", True)


def test_an_old_file_is_not_overwritten(place):
    place.write("all.jsonl", "mine")
    refused = place("data", "export", "-o", "all.jsonl")
    assert refused.code == 3
    assert (place.folder / "all.jsonl").read_text() == "mine"


def test_known_secrets_are_not_in_it(place):
    place.write("secrets.json", json.dumps({"default": {"KEY": "sk-12345678"}}))
    secrets = {"ASK_COPILOT_SECRETS_FILE": "secrets.json"}
    assert "sk-12345678" in place("data", "export").out
    out = place("data", "export", env=secrets).out
    assert "sk-12345678" not in out
    assert "[secret KEY]" in out


def test_clear_asks_for_the_name_and_then_nothing_is_left(place):
    refused = place("data", "clear", stdin="yes\n")
    assert refused.code == 3
    assert "invalid_parameters" in refused.err
    assert place("workflows", "--json").json["workflows"]
    cleared = place("data", "clear", stdin="default\n")
    assert cleared.code == 0
    assert "Deleted:" in cleared.out
    assert place("data", "export").lines[-1]["rows"] == 0


def test_clear_without_a_terminal_takes_the_name_as_an_option(place):
    unnamed = place("data", "clear", "--json")
    assert (unnamed.code, unnamed.json["error"]["code"]) == (3, "invalid_input")
    unasked = place("data", "clear", stdin="")
    assert (unasked.code, "--confirm" in unasked.err) == (3, True)
    assert place("data", "clear", "--confirm", "other", "--json").code == 3
    cleared = place("data", "clear", "--confirm", "default", "--json").json
    assert cleared["counts"]["execution"] == 1
    assert cleared["counts"]["step_run"] == 1


def test_afterwards_the_workspace_can_be_made_anew(place):
    assert place("data", "clear", "--confirm", "default").code == 0
    made = place("init", "--json").json
    assert made["key"] is not None
    assert place("run", "echo.yaml").code == 0


ASKS = """
name: Asks
steps:
  - {id: a, type: approval, message: Go on?}
"""


def test_clear_is_refused_while_a_run_waits(place):
    place.write("asks.yaml", ASKS)
    execution = place("run", "asks.yaml", "--json").json["execution"]["id"]
    refused = place("data", "clear", "--confirm", "default", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (5, "workspace_in_use")
    assert "1 paused" in refused.json["error"]["message"]
    assert place("cancel", execution).code == 0
    assert place("data", "clear", "--confirm", "default").code == 0


def test_nothing_is_made_where_nothing_is(ask):
    for command in (("data", "export"), ("data", "clear", "--confirm", "default")):
        answer = ask(*command)
        assert answer.code == 2
        assert "ask-copilot init" in answer.err
    assert not list(ask.folder.iterdir())


def test_while_a_server_has_the_database_it_is_told_to_be_stopped_first(place):
    with serving(place.folder):
        answer = place("data", "export", "--json", env={"ASK_COPILOT_LOCK_WAIT_SECONDS": "1"})
    assert (answer.code, answer.json["error"]["code"]) == (7, "store_busy")
    assert "stop the server first" in answer.json["error"]["message"]


def test_what_would_steer_a_terminal_is_escaped(place):
    place("run", "echo.yaml", "--test")
    place("workflows", "pause", "echo", "--reason", "because \x1b]0;owned\x07 of \u202e")
    out = place("data", "export").out
    assert "owned" in out
    assert not {"\x1b", "\x07", "\u202e"} & set(out)
