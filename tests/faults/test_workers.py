"""Three workers on Postgres: killed, stopped and replaced, and no run notices more than a pause."""

import collections
import contextlib
import itertools
import logging
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from datetime import datetime

import pytest

from engine.engine import Engine
from engine.execution import ExecutionStatus
from engine.testing import settings, tool, workflow
from tests.faults.scene import LANES, ROOT, Workers, check, delays
from tests.postgres import new_database

_log = logging.getLogger(__name__)
_waited = []


@pytest.fixture
def workers(tmp_path):
    with new_database() as url:
        workers = Workers(url, tmp_path)
        yield workers
        workers.close()


@pytest.fixture(scope="module", autouse=True)
def told():
    """How long runs were without a worker after a kill -9, over all seeds."""
    yield
    if len(_waited) > 1:
        p95 = statistics.quantiles(_waited, n=20, method="inclusive")[-1]
        _log.info(
            "Re-dispatch of %d runs: p95 %.2f s, at most %.2f s.", len(_waited), p95, max(_waited)
        )


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
    _waited.extend(waited)
    assert max(waited, default=0) < 15  # and not the half minute after which a worker is hung


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


def test_a_stopped_worker_that_wakes_up_while_others_go_on_has_lost_every_run_it_had(workers):
    """Each run is in the middle of two chains when it is taken over, and again when it wakes up."""
    (zombie,) = workers.start(hung_seconds=1.0)
    ids = workers.submit_lanes([f"r{n}" for n in range(4)], seconds=0.25)
    workers.wait_for(lambda: len(workers.log) >= 2 * len(LANES) * len(ids))
    zombie.send_signal(signal.SIGSTOP)
    (other,) = workers.start(hung_seconds=1.0)
    taken = dict.fromkeys(ids, 0)

    def are_taken_over():
        others = {run for _, pid, run, _ in workers.log if pid == other.pid}
        return others == taken.keys()

    workers.wait_for(are_taken_over)
    begun_by_then = {(run, step) for _, pid, run, step in workers.log if pid == zombie.pid}
    zombie.send_signal(signal.SIGCONT)
    check(workers, ids, extra=len(LANES) * len(ids), steps=2 * 8)
    now = {(run, step) for _, pid, run, step in workers.log if pid == zombie.pid}
    assert now == begun_by_then, "it has begun something of a run that another had"
    for run in ids:
        for lane in LANES:
            rows = [
                row for row in workers.engine.history("acme", ids[run]) if f"/{lane}/" in row.path
            ]
            rows.sort(key=lambda row: int(row.step_id[1:]))
            pids = [pid for pid, _ in itertools.groupby(row.output["pid"] for row in rows)]
            assert pids in ([zombie.pid, other.pid], [other.pid])


def test_a_worker_that_is_told_to_stop_hands_over_at_once(workers):
    """Long before it would be called dead, and with no attempt counted against the run."""
    pair = {process.pid: process for process in workers.start(2)}
    ids = workers.submit(["r"], seconds=0.1)
    workers.wait_for(lambda: len(workers.log) == 2)
    old = pair.pop(workers.log[0][1])
    (new,) = pair.values()
    told_at = time.time()
    workers.kill(old, signal.SIGTERM)
    check(workers, ids, extra=1)
    assert workers.log[-1][1] == new.pid
    assert max(delays(workers, old.pid, told_at)) < 15


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
    living = {process.pid for process in generation}
    workers.wait_for(lambda: sum(pid in living for _, pid, _, _ in workers.log) >= 4)
    ticks = [tick for _, _, _, tick in workers.log]
    again = {tick for tick, count in collections.Counter(ticks).items() if count > 1}
    # A job may be done again only if it was under way when its process was killed.
    assert again <= last_of_the_dead
    seen = sorted(
        {datetime.fromisoformat(tick) for _, pid, _, tick in workers.log if pid in living}
    )
    assert len(seen) >= 3
    assert all(moment.microsecond == 0 for moment in seen)
    gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(seen)]
    assert min(gaps) >= 1  # more where the machine was too busy to be there


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
