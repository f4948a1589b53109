"""The database goes away under the workers' hands, or the disk is full: nothing is half done."""

import collections
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.engine import Engine
from engine.execution import ExecutionStatus, StepStatus
from engine.testing import actions, settings
from tests.faults import test_workers as scene
from tests.postgres import new_database, restart_server

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def workers(tmp_path):
    with new_database() as url:
        workers = scene.Workers(url, tmp_path)
        yield workers
        workers.close()


def test_a_database_that_restarts_under_load_ends_no_run(workers):
    workers.start(3)
    ids = workers.submit([f"r{n}" for n in range(10)], seconds=0.1)
    workers.wait_for(lambda: len(workers.log) > 25)
    restart_server()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            ended = workers.ended(ids, seconds=3)
            break
        except sa.exc.OperationalError:
            time.sleep(0.2)  # as a caller would
    assert {run.status for run in ended.values()} == {ExecutionStatus.SUCCEEDED}
    for run in ids:
        rows = workers.engine.history("acme", ids[run])
        assert [row.step_id for row in rows] == [f"s{n}" for n in range(scene.STEPS)]
        assert {row.status for row in rows} == {StepStatus.SUCCEEDED}
    begun = collections.Counter((run, step) for _, _, run, step in workers.log)
    # Only a step whose commit was on its way may have been begun twice.
    assert sum(begun.values()) <= len(ids) * (scene.STEPS + 1)


#: SQLite may not let its files grow any more, until the parent says so.
FULL = """
import logging, resource, sys, threading, time
from pathlib import Path
import sqlalchemy as sa
from engine.engine import Engine
from engine.testing import actions, settings, tool, workflow

folder = Path(sys.argv[1])
done = threading.Event()
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)

def note(line):
    with (folder / "log").open("a") as log:
        log.write(line + "\\n")

def large(name):
    note(name)
    return name * 20_000

def fill(name):
    log = folder / "engine.db-wal"
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + 30_000, most))
    return name

with Engine(settings(folder), actions=actions(large=large, fill=fill)) as engine:
    steps = [tool("fill", "fill", name="x"), *(tool(f"s{n}", "large", name=f"s{n}") for n in range(4))]
    engine.put_workflow("acme", workflow(*steps), workflow_id="w")
    engine.put_workflow("acme", workflow(tool("a")), workflow_id="probe")
    run = engine.submit("acme", "w")
    (folder / "id").write_text(run.id)
    deadline = time.monotonic() + 15
    refused = None
    while refused is None and time.monotonic() < deadline:
        try:
            engine.submit("acme", "probe")
        except sa.exc.OperationalError as error:
            refused = error.orig
        time.sleep(0.05)
    print(type(refused).__name__, refused, flush=True)
    print(engine.execution("acme", run.id).status.value, flush=True)
    sys.stdin.readline()
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    print(engine.wait("acme", run.id, 40).status.value, flush=True)
"""


def test_a_full_disk_is_said_and_the_run_goes_on_when_there_is_room(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", FULL, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = [process.stdout.readline().strip() for _ in range(2)]
    rest, errors = process.communicate("\n", timeout=60)
    assert "OperationalError" in said[0], (said, errors)
    assert "disk" in said[0]
    assert said[1] == "running"
    assert rest.split() == ["succeeded"], errors
    assert "can't be reached" in errors or "could not be carried out: later" in errors
    with Engine(settings(tmp_path), actions=actions()) as engine:
        run_id = (tmp_path / "id").read_text()
        rows = engine.history("acme", run_id)
        assert [row.step_id for row in rows] == ["fill", "s0", "s1", "s2", "s3"]
        assert [len(row.output) for row in rows[1:]] == [40_000] * 4
        with engine.database.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    begun = collections.Counter((tmp_path / "log").read_text().split())
    # No step whose end was stored was begun again.
    assert sum(count > 1 for count in begun.values()) <= 1
