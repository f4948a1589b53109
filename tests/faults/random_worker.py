"""A process that carries out random workflows until it is killed, and the people who look at them.

`python -m tests.faults.random_worker URL FOLDER OPTIONS`: what it does to the world stands in FOLDER,
where whoever has started it can read it. It decides approvals and resumes what has failed, at
random, as long as there is no file `calm`.
"""

import asyncio
import json
import os
import random
import sys
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from engine.dispatch.queue import QueueDispatcher
from engine.engine import Engine
from engine.errors import EffectWouldRepeat, EngineError
from engine.execution import ExecutionStatus
from engine.run.context import SystemClock
from engine.storage.database import connect
from engine.testing import settings
from tests.engine.random_world import World

FAILING = ["a fault of the action", "data", "network", "a cancellation of its own", "conflict"]


class Tally(Counter):
    """Counts in a file too, one line each: a process that is killed has told everything."""

    def __init__(self, log, kind):
        super().__init__()
        self._log, self._kind = log, kind

    def __setitem__(self, key, value):
        name = "/".join(key) if isinstance(key, tuple) else key
        line = f"{time.time()} {os.getpid()} {self._kind} {name}\n"
        descriptor = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, line.encode())
        os.close(descriptor)
        super().__setitem__(key, value)


@dataclass
class LoggedWorld(World):
    """A world that several processes share. Bodies take a while, and fail now and then."""

    folder: Path = Path()
    slow: float = 0.0
    chance: random.Random = field(default_factory=random.Random)

    def __post_init__(self):
        log = self.folder / "log"
        self.begun = Tally(log, "begun")
        self.effects = Tally(log, "effect")
        self.answered = Tally(log, "answered")
        self._numbers = iter(lambda: uuid.uuid4().int % 10**15, None)
        self.meanwhile = self._work

    @property
    def is_calm(self):
        return (self.folder / "calm").exists()

    async def _work(self):
        await asyncio.sleep(self.chance.uniform(0, self.slow))

    def _failure(self, name):
        self.calm = self.is_calm
        if self.chance.random() < 0.05:
            self.failing[name] = [self.chance.choice(FAILING)]
        return super()._failure(name)


def look_after(engine, folder, chance, *, calm):
    """Decides one approval and resumes one run that has not succeeded, if there are such."""
    people = engine.workspace("acme", actor="ada", actor_kind="person").executions
    waiting = people.waiting()
    try:
        if waiting:
            one = chance.choice(waiting)
            decision = "approved" if calm else chance.choice(["approved", "approved", "rejected"])
            people.decide(one.execution_id, one.path, decision=decision)
        failed = [run for run in engine.executions("acme", limit=50) if _needs_help(run)]
        if failed:
            resume(engine, chance.choice(failed).id, folder, chance, calm=calm)
    except EngineError:
        pass  # somebody else was quicker


def resume(engine, run_id, folder, chance, *, calm):
    """Where that would repeat an effect, now and then with leave to; that is written down."""
    # a kept conflict between branches stays one: only a full round ends it
    mode = chance.choice(["full", "partial"] if calm else ["full", "partial", "dependencies"])
    try:
        engine.resume("acme", run_id, mode=mode)
    except EffectWouldRepeat:
        if calm or chance.random() < 0.3:
            (folder / f"repeated-{run_id}").touch()
            engine.resume("acme", run_id, mode=mode, repeat_effects=True)


def _needs_help(run):
    return run.status.is_failure or run.status is ExecutionStatus.CANCELLED


def main(url, folder, *, seed, slow, concurrency=8, hung_seconds=5.0):
    chance = random.Random(f"{seed}:{os.getpid()}")
    world = LoggedWorld(SystemClock(), folder=folder, slow=slow, chance=chance)
    chosen = settings(folder, url=url, concurrency=concurrency, lock_wait_seconds=20.0)
    queue = QueueDispatcher(connect(url), chosen, hung_seconds=hung_seconds)
    with Engine(chosen, actions=world.actions(), model=world, dispatcher=queue) as engine:
        sys.stdout.write("up\n")
        sys.stdout.flush()
        while True:
            time.sleep(chance.uniform(0, 0.1))
            try:
                look_after(engine, folder, chance, calm=world.is_calm)
            except sa.exc.OperationalError:
                time.sleep(0.5)  # the database is away


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), **json.loads(sys.argv[3]))
