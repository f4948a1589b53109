"""One thread that writes: whatever is waiting goes into one transaction, one disk sync for all."""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeAlias, TypeVar

import sqlalchemy as sa

from .database import writing_on

T = TypeVar("T")
Work: TypeAlias = Callable[[sa.Connection], T]
Batch: TypeAlias = Callable[[sa.Connection, list[Any]], None]

MOST_IN_A_GROUP = 256


@dataclass(slots=True, eq=False)
class _Job:
    """A piece of work; with *batch*, *work* is one of the items that *batch* takes together."""

    work: Any
    loop: asyncio.AbstractEventLoop | None
    waiting: "asyncio.Future[Any] | Future[Any]"
    batch: Batch | None = None
    result: Any = None
    error: BaseException | None = None


class Writer:
    """Runs pieces of work on the database, in the order given, and commits them in groups.

    If a group fails it is rolled back and its pieces run again, each in its own transaction, so
    that one bad piece spoils no other. A piece of work may therefore run twice, but commits once;
    it must do nothing beside its queries.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="engine-writer", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Finishes what was asked for, then stops."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def write(self, work: Work[T]) -> "asyncio.Future[T]":
        """Done when *work* is committed, with its result or what it raised.

        Work asked for is done in order and even if nobody waits for it any more.
        """
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(work, loop, waiting))
        return waiting

    def write_item(self, batch: Batch, item: Any) -> "asyncio.Future[None]":
        """Like `write(lambda c: batch(c, [item]))`, but neighbours with the same *batch* share a call."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[None] = loop.create_future()
        self._jobs.put(_Job(item, loop, waiting, batch))
        return waiting

    def write_now(self, work: Work[T]) -> T:
        """The same for a caller outside an event loop."""
        waiting: Future[T] = Future()
        self._jobs.put(_Job(work, None, waiting))
        return waiting.result()

    def _run(self) -> None:
        with self._engine.connect() as connection:
            while (first := self._jobs.get()) is not None:
                group, last = self._drain(first)
                self._commit(connection, group)
                _deliver(group)
                if last:
                    return

    def _drain(self, first: _Job) -> tuple[list[_Job], bool]:
        group = [first]
        while len(group) < MOST_IN_A_GROUP:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return group, True
            group.append(job)
        return group, False

    def _commit(self, connection: sa.Connection, group: list[_Job]) -> None:
        try:
            with writing_on(connection):
                for batch, jobs in groupby(group, key=attrgetter("batch")):
                    _work(connection, batch, list(jobs))
        except Exception as error:  # noqa: BLE001 - handed to whoever waits, never swallowed
            if len(group) == 1:
                group[0].error = error
                return
            for job in group:
                self._commit(connection, [job])


def _work(connection: sa.Connection, batch: Batch | None, jobs: list[_Job]) -> None:
    if batch is not None:
        batch(connection, [job.work for job in jobs])
        return
    for job in jobs:
        job.result = job.work(connection)


def _deliver(group: list[_Job]) -> None:
    """Wakes each event loop once, however many of its jobs were in the group."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in group:
        if job.loop is None:
            _settle(job)
        else:
            by_loop.setdefault(job.loop, []).append(job)
    for loop, jobs in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle_all, jobs)


def _settle_all(jobs: list[_Job]) -> None:
    for job in jobs:
        _settle(job)


def _settle(job: _Job) -> None:
    if job.waiting.done():  # its task was cancelled meanwhile
        return
    if job.error is not None:
        job.waiting.set_exception(job.error)
    else:
        job.waiting.set_result(job.result)
