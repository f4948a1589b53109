"""One thread that writes: whatever is waiting goes into one transaction, one disk sync for all."""

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeAlias, TypeVar

import sqlalchemy as sa

from .database import writing_on
from .failures import is_lost

T = TypeVar("T")
Work: TypeAlias = Callable[[sa.Connection], T]
Batch: TypeAlias = Callable[[sa.Connection, list[Any]], None]

MOST_IN_A_GROUP = 256
#: How long work waits for a server that went away before the work began, and between tries.
PATIENCE_SECONDS = 30.0
_PAUSE_SECONDS = 0.2


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

    What an event loop asks for before it comes to rest is handed over together: that wakes this
    thread once, and makes one group of it.

    Work waits for a server that went away, up to *patience* seconds. It is not done again if the
    connection broke during the commit, which may have happened or not: that is raised.
    """

    def __init__(self, engine: sa.Engine, *, patience: float = PATIENCE_SECONDS) -> None:
        self._engine = engine
        self._patience = patience
        self._stopping = threading.Event()
        self._asked: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
        self._jobs: queue.SimpleQueue[list[_Job] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="engine-writer", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Finishes what was asked for, then stops."""
        if self._thread is not None:
            self._stopping.set()
            for loop in tuple(self._asked):
                self._hand_over(loop)
            self._jobs.put(None)
            self._thread.join()
            self._thread = None
            self._stopping.clear()

    def write(self, work: Work[T]) -> "asyncio.Future[T]":
        """Done when *work* is committed, with its result or what it raised.

        Work asked for is done in order and even if nobody waits for it any more.
        """
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[T] = loop.create_future()
        self._ask(loop, _Job(work, loop, waiting))
        return waiting

    def write_item(self, batch: Batch, item: Any) -> "asyncio.Future[None]":
        """Like `write(lambda c: batch(c, [item]))`, but neighbours with the same *batch* share a call."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[None] = loop.create_future()
        self._ask(loop, _Job(item, loop, waiting, batch))
        return waiting

    def write_now(self, work: Work[T]) -> T:
        """The same for a caller outside an event loop."""
        waiting: Future[T] = Future()
        self._jobs.put([_Job(work, None, waiting)])
        return waiting.result()

    def _ask(self, loop: asyncio.AbstractEventLoop, job: _Job) -> None:
        asked = self._asked.get(loop)
        if asked is None:
            self._asked[loop] = [job]
            loop.call_soon(self._hand_over, loop)
        else:
            asked.append(job)

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        if jobs := self._asked.pop(loop, None):
            self._jobs.put(jobs)

    def _run(self) -> None:
        connection: sa.Connection | None = None
        jobs: deque[_Job] = deque()
        last = False
        while not last or jobs:
            last = last or self._collect(jobs)
            if group := [jobs.popleft() for _ in range(min(len(jobs), MOST_IN_A_GROUP))]:
                connection = self._commit(connection, group)
                _deliver(group)
        if connection is not None:
            connection.close()

    def _collect(self, jobs: deque[_Job]) -> bool:
        """Adds what has been asked for, waiting if there is nothing; whether that is all."""
        try:
            more = self._jobs.get(block=not jobs)
            while more is not None:
                jobs += more
                more = self._jobs.get_nowait()
        except queue.Empty:
            return False
        return True

    def _commit(self, connection: sa.Connection | None, group: list[_Job]) -> sa.Connection | None:
        """Commits *group*; the connection to go on with, if there still is one."""
        until = time.monotonic() + self._patience
        while True:
            try:
                return self._try(connection, group)
            except _NotBegun as error:
                connection = None
                if time.monotonic() < until and not self._stopping.wait(_PAUSE_SECONDS):
                    continue
                return _fail(group, error.cause)

    def _try(self, connection: sa.Connection | None, group: list[_Job]) -> sa.Connection | None:
        committing = False
        try:
            connection = connection or self._engine.connect()
            with writing_on(connection):
                for batch, jobs in groupby(group, key=attrgetter("batch")):
                    _work(connection, batch, list(jobs))
                committing = True
        except Exception as error:
            if is_lost(error):
                _discard(connection)
                if not committing:
                    raise _NotBegun(error) from error
                return _fail(group, error)
            if len(group) == 1:
                _fail(group, error)
                return connection
            for job in group:
                connection = self._commit(connection, [job])
        return connection


class _NotBegun(Exception):
    """The connection broke, and nothing of the work can have been committed."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(cause)
        self.cause = cause


def _fail(group: list[_Job], error: BaseException) -> None:
    for job in group:
        job.error = error


def _discard(connection: sa.Connection | None) -> None:
    """What goes to the driver directly tells nobody that its connection has broken."""
    if connection is not None:
        connection.invalidate()
        connection.close()


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
