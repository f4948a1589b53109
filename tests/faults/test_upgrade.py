"""A rolling upgrade: workers of two releases on one queue, while runs are in flight."""

import signal

import pytest

from engine.execution import ExecutionStatus
from tests.faults.scene import STEPS, Workers, check
from tests.postgres import new_database

OLD, NEW = 1, 2


@pytest.fixture
def workers(tmp_path):
    with new_database() as url:
        workers = Workers(url, tmp_path)
        yield workers
        workers.close()


@pytest.fixture
def newer(workers):
    """An engine of the new release that starts runs."""
    return workers.asking(release=NEW)


def pids_of(workers, runs):
    return {pid for _, pid, run, _ in workers.log if run in runs}


def test_old_workers_are_replaced_one_by_one_and_no_run_ends_for_it(workers, newer):
    old = workers.start(2, release=OLD)
    before = workers.submit([f"before{n}" for n in range(6)], seconds=0.1)
    workers.wait_for(lambda: len(workers.log) >= 12)
    (first,) = workers.start(release=NEW)
    after = workers.submit([f"after{n}" for n in range(3)], seconds=0.1, engine=newer)
    workers.wait_for(lambda: pids_of(workers, after) == {first.pid})
    workers.kill(old[0], signal.SIGTERM)
    (second,) = workers.start(release=NEW)
    workers.kill(old[1], signal.SIGTERM)
    check(workers, before | after, extra=len(before))
    assert pids_of(workers, after) <= {first.pid, second.pid}
    # A run that was handed over is no run that has failed once.
    assert {workers.engine.execution("acme", run).round for run in before.values()} == {1}


def test_what_the_new_release_has_queued_waits_for_it_even_if_its_worker_is_killed(workers, newer):
    (old,) = workers.start(release=OLD)
    (new,) = workers.start(release=NEW)
    ids = workers.submit(["new"], seconds=0.2, engine=newer)
    workers.wait_for(lambda: len(workers.log) >= 2)
    workers.kill(new)
    # The old one goes on with what it knows, and leaves the other alone.
    known = workers.submit(["old"], seconds=0.01)
    assert workers.ended(known)["old"].status is ExecutionStatus.SUCCEEDED
    assert pids_of(workers, ["new"]) == {new.pid}
    (next_one,) = workers.start(release=NEW)
    check(workers, ids | known, extra=1)
    assert pids_of(workers, ["new"]) == {new.pid, next_one.pid}
    assert pids_of(workers, ["old"]) == {old.pid}
    assert len(workers.engine.history("acme", ids["new"])) == STEPS
