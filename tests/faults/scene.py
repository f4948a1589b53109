"""Worker processes on one Postgres database, and a quiet engine beside them that only asks."""

import collections
import contextlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from engine.dispatch.queue import QueueDispatcher
from engine.engine import Engine
from engine.execution import ExecutionStatus, StepStatus
from engine.storage.database import connect
from engine.testing import actions, settings, tool, workflow
from tests.engine.nested import definition, parallel
from tests.engine.witness import Witness

ROOT = Path(__file__).resolve().parents[2]
STEPS = 8
LANES = ("left", "right")


class Workers:
    """Starts them, tells how each ended, and reads what they have written down."""

    def __init__(self, url, folder):
        self.url, self.folder = url, folder
        self.processes = []
        self.witnesses = {}
        self._closing = contextlib.ExitStack()
        self.engine = self.asking(release=1)

    def asking(self, *, release):
        """An engine of some release that starts runs and carries out none."""
        chosen = settings(self.folder, url=self.url)
        database = connect(self.url)
        queue = QueueDispatcher(database, chosen, release=release)
        engine = Engine(chosen, actions=actions(slow=lambda: None), dispatcher=queue)
        engine.start(dispatch=False)
        self._closing.callback(database.dispose)
        self._closing.callback(engine.close)
        return engine

    def start(self, count=1, **options):
        command = [sys.executable, "-m", "tests.faults.slow_worker", self.url, str(self.folder)]
        with (self.folder / "errors").open("ab") as errors:
            started = [
                subprocess.Popen(
                    [*command, json.dumps(options)],
                    cwd=ROOT,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                )
                for _ in range(count)
            ]
        self.processes += started
        for process in started:
            assert process.stdout.readline() == "up\n", (self.folder / "errors").read_text()
        return started

    def kill(self, process, number=signal.SIGKILL):
        process.send_signal(number)
        process.wait(20)
        process.stdout.close()
        self.processes.remove(process)

    def submit(self, runs, *, steps=STEPS, seconds=0.03, engine=None):
        """Runs of a chain of steps, with names of their own, so that the log can tell them apart."""
        for run in runs:
            chain = [tool(**_slow(run, f"s{n}", seconds)) for n in range(steps)]
            self._submit(run, workflow(*chain), engine)
        return {run: self.witnesses[run].run_id for run in runs}

    def submit_lanes(self, runs, *, steps=STEPS, seconds=0.03):
        """The same, each two chains beside each other."""
        for run in runs:
            lanes = {
                lane: [_call(run, f"{lane[0]}{n}", seconds) for n in range(steps)] for lane in LANES
            }
            self._submit(run, definition(parallel("fan", **lanes)), None)
        return {run: self.witnesses[run].run_id for run in runs}

    def _submit(self, run, flow, engine):
        engine = engine or self.engine
        engine.put_workflow("acme", flow, workflow_id=run)
        data = {1: {"steps": [step.model_dump(by_alias=True) for step in flow.steps]}}
        self.witnesses[run] = Witness(self.engine, engine.submit("acme", run).id, data)

    @property
    def log(self):
        """(time, pid, run, step) of every body that was begun."""
        path = self.folder / "log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(float(t), int(pid), run, step) for t, pid, run, step in map(str.split, lines)]

    def wait_for(self, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (self.log, (self.folder / "errors").read_text())
            time.sleep(0.005)

    def ended(self, ids, seconds=60):
        return {run: self.engine.wait("acme", ids[run], seconds) for run in ids}

    def close(self):
        for process in list(self.processes):
            process.send_signal(signal.SIGCONT)
            self.kill(process)
        self._closing.close()


def _slow(run, step, seconds):
    return {"step_id": step, "action": "slow", "run": run, "step": step, "seconds": seconds}


def _call(run, step, seconds):
    given = {"run": run, "step": step, "seconds": seconds}
    return {"id": step, "type": "tool", "action": "slow", "with": given}


def check(workers, ids, *, extra, steps=STEPS):
    """Every run whole, every step once in the history, and at most *extra* bodies begun twice."""
    for run, ended in workers.ended(ids).items():
        assert (ended.status, ended.round) == (ExecutionStatus.SUCCEEDED, 1), ended
        workers.witnesses[run].look(working=True)
        rows = workers.engine.history("acme", ids[run])
        assert {row.status for row in rows} == {StepStatus.SUCCEEDED}
    begun = collections.Counter((run, step) for _, _, run, step in workers.log)
    assert len(begun) == len(ids) * steps
    assert sum(begun.values()) <= len(ids) * steps + extra


def delays(workers, pid, killed_at):
    """How long each run that *pid* had was without a worker."""
    before, after = {}, {}
    for moment, worker, run, _ in workers.log:
        if moment <= killed_at:
            before[run] = worker
        elif worker != pid:
            after.setdefault(run, moment - killed_at)
    return [after[run] for run, worker in before.items() if worker == pid and run in after]
