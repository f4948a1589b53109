"""Notes of who uses a data folder, and the keys of whoever may read them."""

import base64
import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from copilot.settings import load
from copilot.surfaces.cli import _local_key, _presence
from copilot.types.principal import Principal, PrincipalKind, Role

SECRET = _local_key.new_secret()


def note(**changes):
    values = {"pid": os.getpid(), "command": "ask-copilot run", "since": datetime.now(UTC)}
    return _presence.Note(**{**values, **changes})


def dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_note_is_for_its_owner_alone_and_gone_afterwards(tmp_path):
    written = note()
    with _presence.noted(tmp_path, "in-use.json", written):
        path = tmp_path / "in-use.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert _presence.read(tmp_path, "in-use.json", _presence.Note) == written
    assert not list(tmp_path.iterdir())


def test_a_note_of_somebody_else_stays(tmp_path):
    theirs = note(command="ask-copilot status")
    with _presence.noted(tmp_path, "in-use.json", note()):
        (tmp_path / "in-use.json").write_text(theirs.model_dump_json())
    assert _presence.read(tmp_path, "in-use.json", _presence.Note) == theirs


@pytest.mark.parametrize("content", [b"", b"{", b'{"pid": "x"}', b"\xff", b"[]"])
def test_half_a_note_is_none(tmp_path, content):
    (tmp_path / "in-use.json").write_bytes(content)
    assert _presence.read(tmp_path, "in-use.json", _presence.Note) is None


def test_a_note_of_a_dead_process_is_none(tmp_path):
    (tmp_path / "in-use.json").write_text(note(pid=dead_pid()).model_dump_json())
    assert _presence.read(tmp_path, "in-use.json", _presence.Note) is None


def test_the_holder_is_named_with_what_it_does_and_since_when(tmp_path):
    settings = load({}, data=tmp_path)
    assert "Another ask-copilot process" in str(_presence.held(settings))
    since = datetime(2026, 1, 31, 14, 2, 11, tzinfo=UTC)
    with _presence.noted(tmp_path, _presence.HOLDER, note(since=since)):
        error = _presence.held(settings)
    assert error.code == "store_busy"
    words = f"`ask-copilot run` (process {os.getpid()}), since 14:02:11 UTC on 2026-01-31"
    assert words in str(error)
    assert "Wait for it to finish" in str(error)


def test_the_secret_is_in_no_text_about_the_note(tmp_path):
    values = note(command="ask-copilot serve").model_dump()
    server = _presence.ServerNote(**values, url="http://h", database="d", secret=SECRET)
    with _presence.noted(tmp_path, _presence.SERVER, server):
        error = _presence.held(load({}, data=tmp_path))
    assert "does not answer" in str(error)
    assert SECRET not in f"{error}{server!r}"


def owner(workspace_id, name):
    return Principal(id=f"local:{name}", name=name, workspace_id=workspace_id, role=Role.OWNER)


def known_by(keys):
    return list(keys.known.values())


def test_a_key_names_the_workspace_and_the_person():
    keys = _local_key.LocalKeys(SECRET, owner)
    key = _local_key.key_for(SECRET, workspace_id="acme", name="Zoë Ä")
    keys.learn(f"Bearer {key}")
    keys.learn(f"Bearer {key}")
    assert known_by(keys) == [owner("acme", "Zoë Ä")]


def test_a_machine_never_becomes_a_person():
    keys = _local_key.LocalKeys(SECRET, owner)
    key = _local_key.key_for(SECRET, workspace_id="acme", name="chat", kind=PrincipalKind.MACHINE)
    keys.learn(f"Bearer {key}")
    (machine,) = known_by(keys)
    assert (machine.kind, machine.role) == (PrincipalKind.MACHINE, Role.OPERATOR)


def spelled(*whose):
    return base64.urlsafe_b64encode(json.dumps(whose).encode()).decode()


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer ",
        f"Bearer local_{'0' * 64}_{spelled('acme', 'ada', 'person')}",
        f"Basic local_{SECRET}_{spelled('acme', 'ada', 'person')}",
        f"Bearer local_{SECRET}_{spelled('../acme', 'ada', 'person')}",
        f"Bearer local_{SECRET}_{spelled('acme', '', 'person')}",
        f"Bearer local_{SECRET}_{spelled('acme')}",
        f"Bearer local_{SECRET}_!!!!",
        f"Bearer local_{SECRET}_AAAA",
        f"Bearer local_{SECRET}_{spelled('acme', 'ada', 'person')} ",
    ],
    ids=lambda text: text.replace(SECRET, "SECRET"),
)
def test_everything_else_is_not_known(authorization):
    keys = _local_key.LocalKeys(SECRET, owner)
    keys.learn(authorization)
    assert not keys.known


def test_more_names_than_people_are_not_kept(monkeypatch):
    monkeypatch.setattr(_local_key, "_MOST", 3)
    keys = _local_key.LocalKeys(SECRET, owner)
    for number in range(9):
        keys.learn(f"Bearer {_local_key.key_for(SECRET, workspace_id='w', name=str(number))}")
    assert len(keys.known) == 3


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://copilot.example", True),
        ("http://127.0.0.1:8000", True),
        ("http://[::1]:8000", True),
        ("http://localhost:8000", True),
        ("http://copilot.example", False),
        ("http://10.0.0.7:8000", False),
    ],
)
def test_a_key_goes_over_the_network_in_the_clear_only_with_a_warning(url, safe):
    from copilot.surfaces.cli import _session

    assert _session._keeps_secrets(url) is safe


def test_the_warning_is_said(ask):
    env = {"ASK_COPILOT_URL": "http://ask-copilot.invalid", "ASK_COPILOT_KEY": "ask_x"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("copilot.remote.connection.PAUSES", (0.0,))
        answer = ask("credits", env=env)
    assert "can be read on the way" in answer.err
    assert answer.code == 7
    assert "server_unreachable" in answer.err
    assert "ask_x" not in answer.err
