"""A dispatcher without a queue of its own, for tests: runs in the caller's thread, or when told."""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import sqlalchemy as sa

from . import CarryOut, Key, WorkState
from .schedule import Job, ScheduledJob


class InlineDispatcher:
    """Carries out a run as soon as its submission is committed; with *hold*, when `run` is called.

    What waits is forgotten with the process.
    """

    def __init__(self, *, hold: bool = False) -> None:
        self._hold = hold
        self._carry_out: CarryOut | None = None
        self._written = threading.local()  # what others write is not committed with it
        self._waiting: list[Key] = []
        self._later: dict[Key, datetime] = {}
        self._states: dict[Key, WorkState] = {}
        self._jobs: dict[str, ScheduledJob] = {}
        self._ticked: dict[str, datetime] = {}

    def schedule(self, name: str, cron: str, job: Job) -> None:
        self._jobs[name] = ScheduledJob(name, cron, job)

    def tick(self, moment: datetime) -> tuple[str, ...]:
        """Calls every job that is due at *moment* and was not called for it; gives their names.

        Runs that wait for a time are carried out when it has come.
        """
        self._waiting += [key for key, due in self._later.items() if due <= moment]
        self._later = {key: due for key, due in self._later.items() if due > moment}
        if not self._hold:
            self.run()
        whole = moment.replace(microsecond=0)
        due = [
            job
            for job in self._jobs.values()
            if job.ticks_at(whole) and self._ticked.get(job.name) != whole
        ]
        for job in due:
            self._ticked[job.name] = whole
            job.run(whole)
        return tuple(job.name for job in due)

    def start(self, carry_out: CarryOut) -> None:
        self._carry_out = carry_out

    def prepare(self) -> None:
        """Nothing to make ready."""

    def enqueue(
        self,
        connection: sa.Connection,
        execution_id: str,
        dispatch: int,
        *,
        priority: int | None = None,
        not_before: datetime | None = None,
    ) -> None:
        """In the order given: *priority* changes nothing here."""
        key = (execution_id, dispatch)
        self._states[key] = WorkState.LIVE
        if not_before is None:
            self._of_this_thread().append(key)
        else:
            self._later[key] = not_before

    def committed(self) -> None:
        if self._hold:
            self._waiting += self._taken()
        else:
            self._carry_out_all(self._taken())

    def _taken(self) -> list[Key]:
        """What this thread has written, which is forgotten with that."""
        written = self._of_this_thread()
        self._written.keys = []
        return written

    def _of_this_thread(self) -> list[Key]:
        keys: list[Key] | None = getattr(self._written, "keys", None)
        if keys is None:
            keys = self._written.keys = []
        return keys

    def run(self) -> None:
        """Carries out everything that waits, all at once, and returns when it has ended."""
        waiting, self._waiting = [*self._waiting, *self._taken()], []
        self._carry_out_all(waiting)

    def _carry_out_all(self, waiting: Sequence[Key]) -> None:
        carry_out = self._carry_out
        if carry_out is None:
            self._waiting += waiting
            return
        if not waiting:
            return
        # A thread of its own: the caller may have an event loop running.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: asyncio.run(self._run_all(carry_out, waiting))).result()

    async def _run_all(self, carry_out: CarryOut, keys: Sequence[Key]) -> None:
        await asyncio.gather(*(self._run_one(carry_out, key) for key in keys))

    async def _run_one(self, carry_out: CarryOut, key: Key) -> None:
        outcome = WorkState.BROKEN
        try:
            await carry_out(*key)
            outcome = WorkState.DONE
        finally:
            self._states[key] = outcome

    def cancel(self, execution_id: str, dispatch: int) -> None:
        key = (execution_id, dispatch)
        self._states[key] = WorkState.LOST
        self._waiting = [waiting for waiting in self._waiting if waiting != key]
        written = self._of_this_thread()
        written[:] = [one for one in written if one != key]
        self._later.pop(key, None)

    def states(self, keys: Sequence[Key]) -> Mapping[Key, WorkState]:
        return {key: self._states.get(key, WorkState.LOST) for key in keys}

    def close(self) -> None:
        self._carry_out = None
