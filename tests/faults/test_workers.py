"""Three workers on Postgres: killed, stopped and replaced, and no run notices more than a pause."""

import collections
import contextlib
import itertools
import json
import logging
import os
import random
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from engine.engine import Engine
from engine.execution import ExecutionStatus, StepStatus
from engine.testing import actions, settings, tool, workflow
from tests.postgres import new_database

_log = logging.getLogger(__name__)
ROOT = Path(__file__).resolve().parents[2]
STEPS = 8

#: A worker whose steps write down who does them, before they do; `job` says its ticks.
WORKER = """
import asyncio, json, os, signal, sys, time
from pathlib import Path
from engine.dispatch.queue import QueueDispatcher
from engine.engine import Engine
from engine.storage.database import connect
from engine.testing import actions, settings

url, folder, options = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])

def note(*words):
    with (folder / "log").open("a") as log:
        log.write(f"{time.time()} {os.getpid()} " + " ".join(map(str, words)) + "\\n")

async def slow(run, step, seconds):
    note(run, step)
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        (folder / "stopped").write_text(run)
        raise
    return {"pid": os.getpid()}

chosen = settings(folder, url=url, concurrency=options.pop("concurrency", 50))
cron = options.pop("cron", None)
queue = QueueDispatcher(connect(url), chosen, **options)
engine = Engine(chosen, actions=actions(slow=slow), dispatcher=queue)
if cron:
    engine.schedule("job", cron, lambda moment: note("tick", moment.isoformat()))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with engine:
    print("up", flush=True)
    while True:
        time.sleep(60)
"""


class Workers:
    """Worker processes on one database, and a quiet engine beside them that only asks."""

    def __init__(self, url, folder):
        self.url, self.folder = url, folder
        self.processes = []
        self.engine = Engine(settings(folder, url=url), actions=actions(slow=lambda: None))
        self.engine.start(dispatch=False)

    def start(self, count=1, **options):
        with (self.folder / "errors").open("ab") as errors:
            started = [
                subprocess.Popen(
                    [sys.executable, "-c", WORKER, self.url, str(self.folder), json.dumps(options)],
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

    def submit(self, runs, *, steps=STEPS, seconds=0.03):
        """Runs with names of their own, so that the log can tell them apart."""
        ids = {}
        for run in runs:
            chain = [
                tool(f"s{n}", "slow", run=run, step=f"s{n}", seconds=seconds) for n in range(steps)
            ]
            self.engine.put_workflow("acme", workflow(*chain), workflow_id=run)
            ids[run] = self.engine.submit("acme", run).id
        return ids

    @property
    def log(self):
        """(time, pid, run, step) of every body that was begun."""
        path = self.folder / "log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(float(t), int(pid), run, step) for t, pid, run, step in map(str.split, lines)]

    def wait_for(self, condition, seconds=20):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (self.log, (self.folder / "errors").read_text())
            time.sleep(0.005)

    def ended(self, ids, seconds=40):
        return {run: self.engine.wait("acme", ids[run], seconds) for run in ids}

    def close(self):
        for process in list(self.processes):
            process.send_signal(signal.SIGCONT)
            self.kill(process)
        self.engine.close()


@pytest.fixture
def workers(tmp_path):
    with new_database() as url:
        workers = Workers(url, tmp_path)
        yield workers
        workers.close()


def check(workers, ids, *, extra):
    """Every run whole, every step once in the history, and at most *extra* bodies begun twice."""
    for run, ended in workers.ended(ids).items():
        assert (ended.status, ended.round) == (ExecutionStatus.SUCCEEDED, 1), ended
        rows = workers.engine.history("acme", ids[run])
        assert [row.step_id for row in rows] == [f"s{n}" for n in range(STEPS)]
        assert {row.status for row in rows} == {StepStatus.SUCCEEDED}
    begun = collections.Counter((run, step) for _, _, run, step in workers.log)
    assert len(begun) == len(ids) * STEPS
    assert sum(begun.values()) <= len(ids) * STEPS + extra


def delays(workers, pid, killed_at):
    """How long each run that *pid* had was without a worker."""
    before, after = {}, {}
    for moment, worker, run, _ in workers.log:
        if moment <= killed_at:
            before[run] = worker
        elif worker != pid:
            after.setdefault(run, moment - killed_at)
    return [after[run] for run, worker in before.items() if worker == pid and run in after]


@pytest.mark.parametrize(
    "seed", [*range(2), *(pytest.param(n, marks=pytest.mark.long) for n in range(2, 22))]
)
def test_kill_9_of_one_of_three_workers_at_a_random_moment(workers, seed):
    moments = random.Random(seed)
    processes = workers.start(3, concurrency=5)
    ids = workers.submit([f"r{n}" for n in range(12)], seconds=0.12)
    workers.wait_for(lambda: len(workers.log) > 3)
    time.sleep(moments.uniform(0, 0.5))
    victim = moments.choice(processes)
    killed_at = time.time()
    workers.kill(victim)
    check(workers, ids, extra=5)
    waited = delays(workers, victim.pid, killed_at)
    _log.info("Runs were without a worker for %s seconds.", waited)
    assert not waited or max(waited) < 2.0


def test_a_stopped_worker_that_wakes_up_writes_nothing_and_goes_on_as_a_new_one(workers):
    (zombie,) = workers.start(hung_seconds=1.0)
    ids = workers.submit(["r"], seconds=0.3)
    workers.wait_for(lambda: len(workers.log) == 3)
    zombie.send_signal(signal.SIGSTOP)
    (other,) = workers.start(hung_seconds=1.0)
    check(workers, ids, extra=1)
    before = workers.engine.history("acme", ids["r"])
    assert {row.output["pid"] for row in before[3:]} == {other.pid}
    zombie.send_signal(signal.SIGCONT)
    time.sleep(1.0)
    assert workers.engine.history("acme", ids["r"]) == before
    check(workers, ids, extra=1)
    workers.kill(other)
    again = workers.submit(["again"], steps=1)
    assert workers.ended(again)["again"].status is ExecutionStatus.SUCCEEDED
    assert workers.log[-1][1] == zombie.pid


def test_a_worker_that_is_told_to_stop_hands_over_at_once(workers):
    """As in a rolling upgrade: the new ones come up, the old ones are told to stop."""
    pair = {
        process.pid: process for release in (1, 2) for process in workers.start(release=release)
    }
    ids = workers.submit(["r"], seconds=0.1)
    workers.wait_for(lambda: len(workers.log) == 2)
    old = pair.pop(workers.log[0][1])
    (new,) = pair.values()
    told_at = time.time()
    workers.kill(old, signal.SIGTERM)
    check(workers, ids, extra=1)
    assert workers.log[-1][1] == new.pid
    assert max(delays(workers, old.pid, told_at)) < 2.0


def test_a_run_is_cancelled_in_whatever_process_it_is(workers):
    workers.start()
    ids = workers.submit(["r"], seconds=60)
    workers.wait_for(lambda: workers.log)
    assert workers.engine.cancel("acme", ids["r"]).status is ExecutionStatus.CANCELLED
    workers.wait_for((workers.folder / "stopped").exists, seconds=5)
    assert workers.engine.history("acme", ids["r"]) == ()


def test_each_tick_comes_once_over_workers_that_are_killed_all_the_time(workers):
    moments = random.Random(7)
    generation = workers.start(3, cron="* * * * * *")
    time.sleep(moments.uniform(1.2, 2.0))
    for process in generation:
        workers.kill(process)
    last_of_the_dead = {workers.log[-1][3]}
    generation = workers.start(3, cron="* * * * * *")
    time.sleep(2.5)
    ticks = [tick for _, _, _, tick in workers.log]
    again = {tick for tick, count in collections.Counter(ticks).items() if count > 1}
    # A job may be done again only if it was under way when its process was killed.
    assert again <= last_of_the_dead
    living = {process.pid for process in generation}
    seen = sorted(
        {datetime.fromisoformat(tick) for _, pid, _, tick in workers.log if pid in living}
    )
    assert len(seen) >= 2
    # The first may be one that was made up.
    assert {(b - a).total_seconds() for a, b in itertools.pairwise(seen[1:])} <= {1.0}


def test_the_command_works_on_the_queue_and_stops_in_order(tmp_path):
    code = "from copilot.surfaces.cli.worker import worker; worker()"
    with new_database() as url:
        environment = os.environ | {
            "ASK_COPILOT_DATABASE_URL": url,
            "PYTHONPATH": str(ROOT),
        }
        pair = []
        try:
            for _ in range(2):
                process = subprocess.Popen(
                    [sys.executable, "-c", code, "--json", "--data", str(tmp_path)],
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
                pair.append(process)
                assert process.stdout.readline() == '{"status": "working"}\n', process.stderr.read()
            engine = Engine(settings(tmp_path, url=url))
            with contextlib.closing(engine):
                engine.start(dispatch=False)
                greeting = tool("a", "render_template", body="Hello {name}", values={"name": "Ada"})
                engine.put_workflow("default", workflow(greeting), workflow_id="w")
                run = engine.submit("default", "w")
                assert engine.wait("default", run.id, 20).status is ExecutionStatus.SUCCEEDED
        finally:
            for process in pair:
                process.send_signal(signal.SIGTERM)
            ends = [process.communicate(timeout=20) for process in pair]
        assert [process.returncode for process in pair] == [0, 0]
        assert all("goes on in another worker" in errors for _, errors in ends)
