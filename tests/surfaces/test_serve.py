"""`ask-copilot serve`, and every other command while it serves, stops, or was killed."""

import json
import os
import signal
import stat
import subprocess
import sys
from datetime import timedelta

import httpx2
import pytest

from copilot.surfaces.cli import _session
from tests.surfaces.conftest import ROOT, CommandLine
from tests.surfaces.serving import serving

WORKFLOW = "urgent-mail-digest"
QUICK = timedelta(milliseconds=30)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    ask = CommandLine(tmp_path_factory.mktemp("served"))
    made = ask("init", "--example", "--json")
    assert made.code == 0
    ask.key = made.json["key"]["secret"]
    return ask


@pytest.fixture(scope="module")
def served(place):
    with serving(place.folder) as server:
        place.url = server.url
        yield place


def error_of(answer):
    return answer.json["error"]["code"]


def test_all_commands_work_while_it_serves(served):
    run = served("run", WORKFLOW, "--json")
    assert run.code == 1
    failed = run.json["execution"]["id"]
    report = served("analyze", failed, "--json").json
    fix_id = next(fix["fix_id"] for fix in report["suggested_fixes"] if fix["fix_id"])
    assert served("settings", "set", "undo_seconds=60").code == 0
    applied = served("fix", "apply", fix_id, stdin="y\n")
    assert applied.code == 0, applied.err
    assert "Undo within 60 s" in applied.out
    change = applied.out.split("ask-copilot undo ")[1].split()[0]
    assert served("resume", failed, "--mode", "partial").code == 0
    assert served("outcome", change, "--json").json["state"] == "watching"
    assert served("undo", change, "--json").json["runs_started"] >= 1
    assert served("keys", "create", "bot", "--role", "viewer", "--kind", "machine").code == 0
    entries = served("audit", "--json").json["items"]
    assert {one["actor"] for one in entries} >= {"local:owner"}
    assert "apply_fix" in {one["action"] for one in entries}


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("credits",),
        ("credits", "receipts"),
        ("workflows",),
        ("workflows", "versions", WORKFLOW),
        ("export", WORKFLOW),
        ("failures",),
        ("patterns", WORKFLOW),
        ("debug", WORKFLOW),
        ("settings",),
        ("settings", "get", "undo_seconds"),
        ("keys", "list"),
        ("audit",),
        ("runtimes",),
        ("nightly",),
        ("nightly", "--latest", "--markdown"),
    ],
    ids=" ".join,
)
def test_reading_works_in_text_and_as_one_document(served, command):
    text = served(*command)
    assert text.code == 0, text.err
    assert text.out.strip()
    if "--markdown" not in command:
        assert served(*command, "--json").json is not None


def test_a_process_of_its_own_finds_the_server_too(served):
    answer = served.process("status", "--json")
    assert answer.code == 0, answer.err
    assert answer.json


def test_each_command_acts_in_its_workspace_as_its_person(served):
    here = served("credits", "grant", "7", "--workspace", "other", env={"ASK_COPILOT_USER": "zoë"})
    assert here.code == 0, here.err
    entries = served("audit", "--workspace", "other", "--json").json["items"]
    assert [one["actor"] for one in entries] == ["local:zoë"]
    assert served("status", "--workspace", "other", "--json").json == []


def test_a_program_on_this_machine_asks_as_a_machine(served):
    settings = _session.settings_for(served.folder / ".ask-copilot", None)
    with _session.service(settings, machine="chat") as asked:
        assert asked.principal.kind == "machine"
        assert asked.executions.list().executions
        with pytest.raises(Exception, match="a person with the role owner"):
            asked.account.grant(5)


def test_a_run_of_a_file_and_of_other_systems_works_through_it(served):
    step = "steps:\n  - {id: a, action: write_file, with: {path: a.txt, content: hello}}\n"
    path = served.write("mine.yaml", f"name: Mine\n{step}")
    assert served("run", path, "--json").json["execution"]["workflow_version"] == 1
    served.write("mine.yaml", f"name: Mine\ndescription: new\n{step}")
    assert served("run", path, "--json").json["execution"]["workflow_version"] == 2
    line = '{"id": "r1", "status": "Failed", "error": "Token expired"}\n'
    runs = served.write("runs.jsonl", line + "{\n" + line.replace("r1", "r2"))
    first, broken, third = served("analyze", "--file", runs, "--json").lines
    assert first["root_cause"] == third["root_cause"] == "auth_error"
    assert broken["error"]["code"] == "invalid_input"


def test_errors_are_those_of_a_local_command(served):
    for command in (("analyze", "nope"), ("fix", "preview", "nope"), ("status", "nope")):
        answer = served(*command, "--json")
        assert (answer.code, error_of(answer)) == (4, "not_found")
        assert "nope" not in answer.out
    late = served("settings", "set", "undo_seconds=-1", "--json")
    assert (late.code, error_of(late)) == (3, "invalid_input")


@pytest.mark.parametrize("command", [("init",), ("db", "upgrade"), ("serve", "--port", "0")])
def test_what_needs_the_database_itself_says_who_has_it(served, command):
    answer = served(*command, "--json")
    assert (answer.code, error_of(answer)) == (7, "store_busy")
    words = answer.json["error"]["message"]
    assert served.url in words
    assert "stop the server first" in words


def test_the_note_is_secret_and_so_is_its_key(served):
    note = served.folder / ".ask-copilot/serve.json"
    assert stat.S_IMODE(note.stat().st_mode) == 0o600
    headers = {"Authorization": f"Bearer local_{'0' * 64}_W10="}
    assert httpx2.get(f"{served.url}/api/me", headers=headers).status_code == 401


def test_from_another_machine_with_a_key(served, tmp_path):
    far = CommandLine(tmp_path)
    env = {"ASK_COPILOT_URL": served.url, "ASK_COPILOT_KEY": served.key}
    run = far("run", WORKFLOW, "--json", env=env)
    assert run.json["execution"]["status"] in {"failed", "succeeded"}
    assert far("status", env=env).code == 0
    assert far("status", "--url", served.url, env={"ASK_COPILOT_KEY": served.key}).code == 0
    assert not list(far.folder.iterdir())
    without = far("status", "--json", "--url", served.url)
    assert (without.code, error_of(without)) == (3, "invalid_input")
    wrong = far("status", "--json", env={**env, "ASK_COPILOT_KEY": "ask_wrong"})
    assert (wrong.code, error_of(wrong)) == (5, "unauthenticated")
    both = far("status", "--url", served.url, "--data", "here")
    assert both.code == 2


def test_a_folder_that_is_named_counts_more_than_a_server_of_the_environment(tmp_path):
    ask = CommandLine(tmp_path)
    env = {"ASK_COPILOT_URL": "http://127.0.0.1:9", "ASK_COPILOT_KEY": "k"}
    assert ask("init", "--data", "here", env=env).code == 0
    assert ask("credits", "--data", "here", env=env).code == 0


def test_a_server_that_starts_is_killed_starts_again_and_stops(tmp_path):
    ask = CommandLine(tmp_path)
    note = tmp_path / ".ask-copilot/serve.json"
    with serving(tmp_path) as first:
        headers = {"Authorization": f"Bearer {first.key}"}
        me = httpx2.get(f"{first.url}/api/me", headers=headers).json()
        assert (me["role"], me["kind"], me["workspace_id"]) == ("owner", "person", "default")
        # With Nagle's algorithm on, every answer takes 40 ms.
        with httpx2.Client() as client:
            assert min(client.get(f"{first.url}/healthz").elapsed for _ in range(10)) < QUICK
        assert ask("credits", "grant", "9").code == 0
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
    assert note.exists()
    assert ask("credits", "--json").json["balance"] == 9
    with serving(tmp_path) as again:
        assert again.key is None, "the key of the first owner is shown once"
        assert ask("status", "--json").json == []
        errors = again.stop(signal.SIGINT)
    assert first.key not in errors
    assert "Traceback" not in errors
    assert not note.exists()
    assert ask("credits", "--json").json["balance"] == 9


def test_two_commands_at_once_wait_for_each_other(example):
    command = [sys.executable, "-m", "copilot", "run", WORKFLOW, "--json"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "ASK_COPILOT_LOCK_WAIT_SECONDS": "60"}
    both = [
        subprocess.Popen(
            command, cwd=example.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    answers = [one.communicate(timeout=100) for one in both]
    assert [one.returncode for one in both] == [1, 1], answers
    ids = {json.loads(out)["execution"]["id"] for out, _ in answers}
    assert len(ids) == 2


def test_a_command_that_waits_too_long_says_for_whom(example):
    settings = _session.settings_for(example.folder / ".ask-copilot", None)
    with _session.here(settings):
        busy = example.process("status", "--json", env={"ASK_COPILOT_LOCK_WAIT_SECONDS": "0.3"})
    assert (busy.code, error_of(busy)) == (7, "store_busy")
    assert f"(process {os.getpid()})" in busy.json["error"]["message"]
    assert "locked" not in busy.json["error"]["message"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_other_machines_are_not_let_near_a_database_without_a_key(ask, host):
    answer = ask("serve", "--host", host, "--port", "0")
    assert answer.code == 3
    assert "ask-copilot init" in answer.err
    assert not list(ask.folder.iterdir())


def test_with_a_key_it_listens_to_others_and_warns(example):
    with serving(example.folder, "--host", "0.0.0.0") as server:
        port = server.url.rpartition(":")[2]
        assert httpx2.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        assert example("status").code == 0
        assert httpx2.get(f"http://127.0.0.1:{port}/readyz").json() == {"status": "ready"}
        assert "TLS" in server.stop(signal.SIGTERM)


def test_an_address_that_can_not_be_had_is_an_error_with_a_way_out(ask):
    answer = ask("serve", "--host", "192.0.2.1", "--port", "0", "--json")
    assert (answer.code, answer.json["error"]["code"]) == (3, "invalid_input")
