"""kill -9 around the moment at which a parked run goes on: it does so exactly once."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.engine import Engine
from engine.execution import ExecutionStatus
from engine.testing import actions, settings, tool, workflow

ROOT = Path(__file__).resolve().parents[2]

#: A run is parked by the first process; the second dies while it has the run go on.
SCRIPT = """
import os, signal, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from engine.dispatch.inline import InlineDispatcher
from engine.engine import Engine
from engine.errors import QuotaExhausted
from engine.storage import parked
from engine.testing import actions, settings

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

def spent(value=None):
    raise QuotaExhausted("used up", resets_at=(datetime.now(UTC) + timedelta(hours=1)).isoformat())

folder, moment = Path(sys.argv[1]), sys.argv[2]
later = datetime.now(UTC) + timedelta(hours=2)
queue = InlineDispatcher(hold=moment != "parked")
with Engine(settings(folder), dispatcher=queue, actions=actions(invite=spent)) as engine:
    if moment == "parked":
        engine.submit("acme", "w")
        die()
    if moment == "before the commit":
        queue.enqueue = die
    else:
        queue.committed = die
    engine.parked.tick(later)
"""


def killed(folder, moment):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), moment],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("moment", ["parked", "before the commit", "between wake and dispatch"])
def test_a_parked_run_goes_on_once(tmp_path, moment):
    invited = []

    def invite(value=None):
        invited.append(value)

    flow = workflow(tool("a", value=1), tool("b", "invite", value=2))
    with Engine(settings(tmp_path), actions=actions(invite=invite)) as engine:
        engine.put_workflow("acme", flow, workflow_id="w")
    killed(tmp_path, "parked")
    if moment != "parked":
        killed(tmp_path, moment)

    with Engine(settings(tmp_path), actions=actions(invite=invite)) as engine:
        (run,) = engine.executions("acme")
        woken = moment == "between wake and dispatch"
        if not woken:
            assert run.status is ExecutionStatus.PAUSED
            (waiting,) = engine.allowances.waiting("acme")
            engine.parked.tick(waiting.auto_resume_at)
        engine.parked.tick(run.created_at.replace(year=run.created_at.year + 1))
        ended = engine.wait("acme", run.id, timeout=30)
        assert (ended.status, ended.round) == (ExecutionStatus.SUCCEEDED, 2)
        engine.parked.tick(run.created_at.replace(year=run.created_at.year + 1))
        assert engine.execution("acme", run.id).round == 2
    assert invited == [2]
