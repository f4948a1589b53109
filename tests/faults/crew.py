"""Processes that work on random runs, how they come to their ends, and what is checked then."""

import json
import signal
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path

from engine.engine import Engine
from engine.execution import ExecutionStatus, StepStatus
from engine.testing import settings
from tests.engine.random_flows import Author, Seeded, read
from tests.engine.random_world import World
from tests.engine.witness import Witness

ROOT = Path(__file__).resolve().parents[2]


class Crew:
    """Workers on one database, and an engine beside them that only looks."""

    def __init__(self, folder, *, seed, url=None, slow=0.02):
        self.folder, self.seed, self.slow = folder, seed, slow
        self.url = url or f"sqlite:///{folder / 'engine.db'}"
        self.processes = []
        self.witnesses = []
        self.reader = Engine(settings(folder, url=self.url))  # never started

    def put_runs(self, count):
        """That many random workflows, each with a run that waits in the queue."""
        chosen = settings(self.folder, url=self.url)
        engine = Engine.open(chosen, dispatch=False, actions=World(None).actions())
        with closing(engine):
            for number in range(count):
                flow = Author(Seeded(self.seed * 1000 + number)).flow()
                engine.put_workflow("acme", read(flow), workflow_id=f"w{number}")
                run = engine.submit("acme", f"w{number}")
                self.witnesses.append(Witness(self.reader, run.id, {1: flow}))

    def start(self, count=1, **options):
        given = json.dumps({"seed": self.seed, "slow": self.slow, **options})
        command = [sys.executable, "-m", "tests.faults.random_worker", self.url, str(self.folder)]
        with (self.folder / "errors").open("ab") as errors:
            started = [
                subprocess.Popen(
                    [*command, given], cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True
                )
                for _ in range(count)
            ]
        self.processes += started
        for process in started:
            assert process.stdout.readline() == "up\n", self.errors
        return started

    def kill(self, process, number=signal.SIGKILL):
        process.send_signal(number)
        process.wait(20)
        process.stdout.close()
        self.processes.remove(process)

    def close(self):
        for process in list(self.processes):
            process.send_signal(signal.SIGCONT)
            self.kill(process)
        self.reader.database.dispose()

    @property
    def errors(self):
        return (self.folder / "errors").read_text()[-5000:]

    @property
    def log(self):
        """(time, pid, kind, what) of everything that was done to the world."""
        path = self.folder / "log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(float(t), int(pid), kind, what) for t, pid, kind, what in map(str.split, lines)]

    def wait_for(self, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (self.statuses(), self.errors)
            time.sleep(0.01)

    def wait_for_work(self, more):
        """Until *more* has been done to the world than by now, or nothing is left to do."""
        until = len(self.log) + more
        self.wait_for(lambda: len(self.log) >= until or self.are_done())

    def look(self):
        for witness in self.witnesses:
            witness.look(working=True)

    def statuses(self):
        return [self.reader.execution("acme", one.run_id).status for one in self.witnesses]

    def are_done(self):
        return set(self.statuses()) == {ExecutionStatus.SUCCEEDED}

    def finish(self, seconds=90):
        """Nothing fails by chance any more, and every run comes to a good end."""
        (self.folder / "calm").touch()
        self.wait_for(self.are_done, seconds)
        self.check()

    def check(self):
        """Every run whole and exact, no effect twice, and no committed step done again."""
        log = self.log
        begun = defaultdict(list)
        for moment, _, kind, what in log:
            if kind == "begun":
                begun[what].append(moment)
        effects = [what for _, _, kind, what in log if kind == "effect"]
        assert len(effects) == len(set(effects)), "an effect was done twice in one round"
        for witness in self.witnesses:
            witness.look(working=True)
            rows = self.reader.history("acme", witness.run_id)
            for row in rows:
                for moment in begun[f"{witness.run_id}:{row.round}:{row.path}"]:
                    assert moment <= row.completed_at.timestamp(), f"{row.path} was done again"
            self._check_rounds(witness.run_id, rows, effects)
        with self.reader.database.connect() as connection:
            if connection.dialect.name == "sqlite":
                assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"

    def _check_rounds(self, run_id, rows, effects):
        """What had an effect in one round has none in a later one, unless somebody said so."""
        if (self.folder / f"repeated-{run_id}").exists():
            return
        for row in rows:
            if row.effect and row.status is StepStatus.SUCCEEDED:
                rounds = [
                    int(what.split(":")[1])
                    for what in effects
                    if what.startswith(f"{run_id}:") and what.endswith(f":{row.path}")
                ]
                assert all(round <= row.round for round in rounds), f"{row.path} was done again"
