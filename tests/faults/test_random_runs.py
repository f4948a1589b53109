"""kill -9 of real processes in the middle of random workflows: nothing is lost or done twice."""

import random
import time

import pytest

from tests.faults.crew import Crew
from tests.postgres import new_database

SEEDS = [0, 1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 20))]
KILLS = 3


@pytest.mark.parametrize("seed", SEEDS)
def test_kill_9_of_the_one_process_of_a_file_again_and_again(tmp_path, seed):
    chance = random.Random(seed)
    crew = Crew(tmp_path, seed=seed)
    try:
        crew.put_runs(5)
        for _ in range(KILLS):
            (worker,) = crew.start()
            crew.wait_for_work(chance.randrange(1, 25))
            time.sleep(chance.uniform(0, 0.05))
            crew.kill(worker)
            crew.look()
        crew.start()
        crew.finish()
    finally:
        crew.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_kill_9_of_one_of_three_workers_again_and_again(tmp_path, seed):
    chance = random.Random(seed)
    with new_database() as url:
        crew = Crew(tmp_path, seed=seed, url=url)
        try:
            crew.put_runs(8)
            crew.start(3)
            for _ in range(KILLS):
                crew.wait_for_work(chance.randrange(1, 40))
                time.sleep(chance.uniform(0, 0.05))
                crew.kill(chance.choice(crew.processes))
                crew.look()
                crew.start()
            crew.finish()
        finally:
            crew.close()
