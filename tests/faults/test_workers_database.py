"""The database goes away under the workers' hands: no run ends for it, and nothing is half done."""

import collections
import time

import pytest
import sqlalchemy as sa

from engine.execution import ExecutionStatus
from tests.faults import scene
from tests.faults.crew import Crew
from tests.postgres import new_database, restart_server


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
        workers.witnesses[run].look(working=True)
        assert len(workers.engine.history("acme", ids[run])) == scene.STEPS
    begun = collections.Counter((run, step) for _, _, run, step in workers.log)
    # Only a step whose commit was on its way may have been begun twice.
    assert sum(begun.values()) <= len(ids) * (scene.STEPS + 1)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.long)])
def test_a_database_that_restarts_again_and_again_under_random_runs_loses_nothing(tmp_path, seed):
    with new_database() as url:
        crew = Crew(tmp_path, seed=seed, url=url)
        try:
            crew.put_runs(8)
            crew.start(3)
            for _ in range(2):
                crew.wait_for_work(20)
                restart_server()
            crew.finish()
        finally:
            crew.close()
