"""`ask-copilot serve` as a process of its own: it starts, answers, and stops when it is told to."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta

import httpx2
import pytest

from tests.surfaces.conftest import ROOT

OWN_TOKEN = "t" * 20
QUICK = timedelta(milliseconds=30)


@contextmanager
def serving(folder, **settings):
    """The process and the address it listens on."""
    command = [sys.executable, "-m", "copilot", "serve", "--port", "0", "--json"]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process, json.loads(process.stdout.readline())["url"]
    finally:
        process.kill()
        process.communicate()


def stop(process, number):
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    return errors


def test_it_starts_answers_and_stops_and_leaves_the_file_to_others(example):
    with serving(example.folder) as (process, url):
        token = process.stderr.readline().removeprefix("Token for this start: ").strip()
        assert len(token) > 40
        here = f"{url}/api/workspaces/default"
        with httpx2.Client(headers={"Authorization": f"Bearer {token}"}) as client:
            assert httpx2.get(f"{url}/readyz").json() == {"status": "ready"}
            assert httpx2.get(f"{here}/credits").status_code == 401
            assert client.get(f"{here}/credits").json()["spent"] == 0
            body = {"workflow_id": "urgent-mail-digest"}
            assert client.post(f"{here}/executions", json=body).status_code == 202
            # With Nagle's algorithm on, every answer takes 40 ms.
            assert min(client.get(f"{url}/healthz").elapsed for _ in range(10)) < QUICK
            too_much = (b" " * 100_000 for _ in range(70))
            assert client.post(f"{here}/executions", content=too_much).status_code == 413
        errors = stop(process, signal.SIGTERM)
    assert token not in errors
    assert "Traceback" not in errors
    assert example("status").code == 0


def test_ctrl_c_stops_it_too_and_a_token_that_was_set_is_not_shown(tmp_path):
    with serving(tmp_path, ASK_COPILOT_TOKEN=OWN_TOKEN) as (process, url):
        headers = {"Authorization": f"bearer {OWN_TOKEN}"}
        answer = httpx2.get(f"{url}/api/workspaces/default/workflows", headers=headers)
        assert answer.json() == {"workflows": []}
        assert OWN_TOKEN not in stop(process, signal.SIGINT)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_other_machines_are_not_let_in_without_a_token_of_ones_own(ask, host):
    answer = ask("serve", "--host", host, "--port", "0")
    assert answer.code == 3
    assert "ASK_COPILOT_TOKEN" in answer.err
    assert not list(ask.folder.iterdir())


def test_a_short_token_is_refused_and_not_repeated(ask):
    answer = ask("serve", "--port", "0", env={"ASK_COPILOT_TOKEN": "short-secret"})
    assert answer.code == 3
    assert "at least 20" in answer.err
    assert "short-secret" not in answer.err


def test_an_address_that_can_not_be_had_is_an_error_with_a_way_out(ask):
    answer = ask("serve", "--host", "192.0.2.1", "--port", "0", "--json")
    assert (answer.code, answer.json["error"]["code"]) == (3, "invalid_input")
