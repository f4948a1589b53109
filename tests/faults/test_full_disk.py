"""A disk with no room left: it is said clearly, nothing is half done, and it goes on with room."""

import collections
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.faults.small_disk import fill, small_disk
from tests.faults.writing_engine import LENGTH, STEPS

ROOT = Path(__file__).resolve().parents[2]
ROOM = 150_000  # for a few steps


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", megabytes=12) as disk:
        yield disk


@contextmanager
def running(disk, *words, **environment):
    process = subprocess.Popen(
        disk.command(sys.executable, "-m", *words),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def heard(process):
    return json.loads(process.stdout.readline())


def test_a_run_waits_for_room_and_then_goes_on_where_it_was(disk):
    with running(disk, "tests.faults.writing_engine", str(disk.folder)) as process:

        def ask(command):
            process.stdin.write(f"{command}\n")
            process.stdin.flush()
            return heard(process)

        assert heard(process) == "up"
        filler = fill(disk.seen_by(process), leave=ROOM)
        run = ask("submit large")["id"]
        deadline = time.monotonic() + 60
        while "error" not in (refused := ask("submit small")):
            assert time.monotonic() < deadline
        assert refused == {"error": "database or disk is full", "name": "SQLITE_FULL"}
        before = ask(f"look {run}")
        assert before["status"] in ("queued", "running")
        assert len(before["paths"]) < STEPS
        assert before["lengths"] == [LENGTH] * len(before["paths"])
        filler.unlink()
        assert ask(f"wait {run}") == {"status": "succeeded"}
        after = ask(f"look {run}")
        assert sorted(after["paths"]) == sorted(f"/s{number}" for number in range(STEPS))
        assert after["lengths"] == [LENGTH] * STEPS
        assert after["statuses"] == ["succeeded"]
        assert ask("check") == "ok"
        assert "id" in ask("submit small")
        log = (disk.seen_by(process) / "log").read_text().split()
        begun = collections.Counter(name for name in log if not name.startswith("-"))
        assert len(begun) == STEPS
        # Only the step whose end found no room was begun again, each time that was tried.
        assert sum(count > 1 for count in begun.values()) <= 1


def test_the_service_says_that_there_is_no_room_and_goes_on_when_there_is(disk):
    data = str(disk.folder / "data")
    with running(disk, "copilot", "serve", "--port", "0", "--json", "--data", data) as process:
        said = heard(process)
        headers = {"Authorization": f"Bearer {said['key']['secret']}"}
        base = f"{said['url']}/api/workspaces/default"
        steps = [{"id": "a", "action": "render_template", "with": {"body": "Hello"}}]
        flow = {"name": "Hello", "steps": steps}
        with httpx2.Client(base_url=base, headers=headers, timeout=60) as client:
            created = client.post("/workflows", json={"definition": flow})
            assert created.status_code == 201, created.text
            start = {"workflow_id": created.json()["workflow_id"]}
            filler = fill(disk.seen_by(process), leave=0)
            deadline = time.monotonic() + 60
            while (answer := client.post("/executions", json=start)).status_code == 202:
                assert time.monotonic() < deadline
            assert answer.status_code == 503
            problem = answer.json()
            assert (problem["code"], problem["retryable"]) == ("store_unavailable", True)
            assert "full" in problem["detail"]
            assert "Retry-After" in answer.headers
            known = client.get("/executions", params={"limit": 100})
            assert known.status_code == 200
            filler.unlink()
            started = client.post("/executions", json=start)
            assert started.status_code == 202, started.text
            waiting = {run["id"] for run in known.json()["executions"]} | {started.json()["id"]}
            while waiting:
                assert time.monotonic() < deadline + 60
                ended = [run for run in waiting if _status(client, run) == "succeeded"]
                waiting -= set(ended)
                time.sleep(0.1)


def _status(client, run):
    return client.get(f"/executions/{run}").json()["execution"]["status"]
