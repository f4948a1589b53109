"""`worker`: a process that carries out what others queue, until it is told to stop."""

import json
import os
import signal
import subprocess
import sys

import pytest

from copilot.bootstrap import open_app
from copilot.settings import load
from tests.surfaces.conftest import ROOT

STEPS = """
name: Two files
steps:
  - {id: a, action: write_file, with: {path: a.txt, content: a}}
  - {id: b, action: write_file, with: {path: b.txt, content: b}}
"""


@pytest.fixture
def queued(ask):
    """A run that nobody has carried out yet."""
    assert ask("init").code == 0
    with open_app(load({}, data=ask.folder / ".ask-copilot"), dispatch=False) as app:
        owner = app.owner()
        owner.workflows.create(STEPS, workflow_id="two-files")
        return owner.executions.start("two-files").id


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_carries_out_what_was_queued_and_stops_when_told(ask, queued, number):
    process = subprocess.Popen(
        [sys.executable, "-m", "copilot", "worker", "--json"],
        cwd=ask.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert json.loads(process.stdout.readline()) == {"status": "working"}
        written = ask.folder / ".ask-copilot/files/default/b.txt"
        while not written.exists():
            assert process.poll() is None
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0
    assert "Stopped." in errors
    assert ask("watch", queued).code == 0


def test_a_run_that_nobody_carries_out_is_carried_out_by_who_watches_it(ask, queued):
    assert "queued" in ask("status", queued).out
    watched = ask("watch", queued)
    assert watched.code == 0
    assert "✓ succeeded" in watched.out
