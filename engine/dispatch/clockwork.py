"""Jobs by the clock over many workers: each tick is taken by one of them."""

import logging
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from ..storage.database import alone, writing
from ..storage.queue_tables import TICK
from ..storage.workers import Workers, take_tick
from .schedule import ScheduledJob

_log = logging.getLogger(__name__)
_RETAKEN_EVERY = 1.0  # seconds: a look for jobs whose worker died


class Clockwork:
    """Calls jobs when they are due. A job never overlaps itself; ticks meanwhile are let go."""

    def __init__(
        self, engine: sa.Engine, workers: Workers, jobs: Mapping[str, ScheduledJob]
    ) -> None:
        self._engine = engine
        self._workers = workers
        self._jobs = jobs
        self._next = dict.fromkeys(jobs, float("-inf"))
        self._threads: dict[str, threading.Thread] = {}

    def turn(self) -> None:
        """Starts what is due, each in a thread of its own.

        When to look again is told by a clock that nobody sets.
        """
        now, passed = datetime.now(UTC), time.monotonic()
        for name, job in self._jobs.items():
            thread = self._threads.get(name)
            if passed >= self._next[name] and not (thread and thread.is_alive()):
                wait = (job.next_tick(now) - now).total_seconds()
                self._next[name] = passed + min(wait, _RETAKEN_EVERY)
                self._take(job, now)

    def close(self, timeout: float) -> None:
        """Waits for jobs under way. One that takes longer is done again elsewhere."""
        for thread in self._threads.values():
            thread.join(timeout)

    def _take(self, job: ScheduledJob, now: datetime) -> None:
        tick = job.last_tick(now.replace(microsecond=0) + timedelta(seconds=1))
        worker_id = self._workers.own
        with writing(self._engine) as connection:
            alone(connection)
            live = self._workers.live(connection)
            due = take_tick(connection, job.name, tick, worker_id=worker_id, live=live, now=now)
        if due is None:
            return
        thread = threading.Thread(
            target=self._do, args=(job, due, worker_id), name=f"engine-job-{job.name}", daemon=True
        )
        self._threads[job.name] = thread
        thread.start()

    def _do(self, job: ScheduledJob, tick: datetime, worker_id: int) -> None:
        job.run(tick)
        done = (
            sa.update(TICK)
            .where(TICK.c.name == job.name, TICK.c.worker_id == worker_id)
            .values(worker_id=None)
        )
        try:
            with writing(self._engine) as connection:
                connection.execute(done)
        except SQLAlchemyError:
            _log.exception(
                "The end of job %s could not be stored: it will be done again.", job.name
            )
