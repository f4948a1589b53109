"""Which workers are alive: on Postgres each holds a lock that the server frees when it dies."""

import logging
import os
import socket
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from .database import alone, reading, writing
from .prepared import Prepared
from .queue_tables import QUEUE, TICK, WORKER

_log = logging.getLogger(__name__)
_NAMESPACE = 1_144_197_446  # any number of our own, for the locks of workers
#: After a restart of the server every worker takes its lock again; nobody is called dead meanwhile.
GRACE_SECONDS = 5.0
#: The clocks of workers are no further apart than this.
CLOCKS_DIFFER = timedelta(minutes=5)
_BEATS = 6  # signs of life in the time after which a worker is taken for dead

_LIVE = sa.text(
    """
SELECT w.id FROM engine_worker w
WHERE now() - pg_postmaster_start_time() < make_interval(secs => :grace)
   OR (w.seen_at > now() - make_interval(secs => :hung)
       AND EXISTS (SELECT 1 FROM pg_locks l
                   WHERE l.locktype = 'advisory' AND l.classid = :space AND l.objid = w.id
                     AND l.objsubid = 2 AND l.granted
                     AND l.database = (SELECT oid FROM pg_database
                                       WHERE datname = current_database())))
"""
)
_KNOWN = Prepared(
    sa.union(
        sa.select(WORKER.c.id), sa.select(QUEUE.c.worker_id).where(QUEUE.c.worker_id.is_not(None))
    )
)
_LOCK = sa.text("SELECT pg_try_advisory_lock(:space, :id)")


class Workers:
    """The register of workers, and this process's own entry in it.

    A SQLite file has one process, so every other worker in its register is dead. On Postgres a
    worker is dead when its lock is free, or when it has not been seen for *hung_seconds*.
    """

    def __init__(self, engine: sa.Engine, *, release: int, hung_seconds: float = 30.0) -> None:
        self._engine = engine
        self._release = release
        self._hung_seconds = hung_seconds
        self._many = engine.dialect.name == "postgresql"
        self._lock: sa.Connection | None = None
        self._id: int | None = None
        self._seen = float("-inf")

    @property
    def own(self) -> int:
        """This worker's number. Raises RuntimeError before `enter`."""
        if self._id is None:
            raise RuntimeError("This worker is not in the register.")
        return self._id

    def enter(self) -> None:
        """Takes a new number, and its lock."""
        self._let_go()
        now = datetime.now(UTC)
        if self._many:
            self._lock = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        values: dict[str, Any] = {
            "name": f"{socket.gethostname()}:{os.getpid()}",
            "release": self._release,
            "started_at": now,
            "seen_at": sa.func.now() if self._many else now,
        }
        with writing(self._engine) as connection:
            number = connection.scalar(sa.insert(WORKER).values(values).returning(WORKER.c.id))
            if self._lock is not None:  # before anybody can see the row without it
                self._lock.execute(_LOCK, {"space": _NAMESPACE, "id": number})
        self._id, self._seen = number, time.monotonic()

    def stay(self) -> None:
        """Says that this worker is alive; takes a new number if others had called it dead.

        To be called often. After the connection of the lock was lost it takes the lock again.
        """
        if not self._many:
            return
        if time.monotonic() - self._seen < self._hung_seconds / _BEATS:
            self._on_lock(sa.text("SELECT 1"))
            return
        beat = sa.update(WORKER).where(WORKER.c.id == self._id).values(seen_at=sa.func.now())
        if not self._on_lock(beat).rowcount:
            _log.warning("This worker was taken for dead; it goes on under a new number.")
            self.enter()
        self._seen = time.monotonic()

    def _on_lock(self, statement: sa.Executable) -> sa.CursorResult[Any]:
        lock = self._lock
        if lock is None or lock.invalidated or lock.closed:
            self._let_go()
            lock = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self._lock = lock
            lock.execute(_LOCK, {"space": _NAMESPACE, "id": self._id})
        return lock.execute(statement)

    def live(self, connection: sa.Connection) -> frozenset[int]:
        """The workers that are alive."""
        if not self._many:
            return frozenset() if self._id is None else frozenset({self._id})
        given = {"grace": GRACE_SECONDS, "hung": self._hung_seconds, "space": _NAMESPACE}
        return frozenset(connection.scalars(_LIVE, given))

    def read_live(self) -> frozenset[int]:
        """`live`, in a transaction of its own."""
        with reading(self._engine) as connection:
            return self.live(connection)

    def bury(self, release: Callable[[sa.Connection, Collection[int]], int]) -> int:
        """Has *release* called with the dead, and strikes them off; what it gives."""
        with reading(self._engine) as connection:
            if not self._dead(connection):
                return 0
        with writing(self._engine) as connection:
            alone(connection)
            dead = self._dead(connection)
            released = release(connection, dead)
            connection.execute(sa.delete(WORKER).where(WORKER.c.id.in_(dead)))
        return released

    def leave(self) -> None:
        """Gives the number back, in order."""
        if self._id is not None:
            with writing(self._engine) as connection:
                connection.execute(sa.delete(WORKER).where(WORKER.c.id == self._id))
        self._let_go()

    def _dead(self, connection: sa.Connection) -> frozenset[int]:
        # The living last: who enters between the two questions is not missed. Who asks is alive.
        numbers = frozenset(row.id for row in _KNOWN.all(connection, {}))
        return numbers - self.live(connection) - {self._id}

    def _let_go(self) -> None:
        if self._lock is not None:
            self._lock.invalidate()  # never back into the pool, where its lock would live on
            self._lock.close()
            self._lock = None


def is_taken(row: Any, live: Collection[int]) -> bool:
    """Whether a living worker is at the job of this `job_tick` row."""
    return row is not None and row.worker_id is not None and row.worker_id in live


def take_tick(
    connection: sa.Connection,
    name: str,
    tick: datetime,
    *,
    worker_id: int,
    live: Collection[int],
    now: datetime,
) -> datetime | None:
    """The tick of job *name* that this worker has to do now: *tick*, or one its worker died in.

    None if it is taken, or done. The caller is the only one who asks. A job that nobody has ever
    done begins with the tick after this one, and so does one that was done ahead of its time,
    while a clock was wrong.
    """
    row = connection.execute(sa.select(TICK).where(TICK.c.name == name)).one_or_none()
    if row is None:
        connection.execute(sa.insert(TICK).values(name=name, tick=tick, worker_id=None))
        return None
    if is_taken(row, live):
        return None
    due = row.tick if row.worker_id is not None else tick
    if row.worker_id is None and tick <= row.tick:
        if row.tick > now + CLOCKS_DIFFER:
            connection.execute(sa.update(TICK).where(TICK.c.name == name).values(tick=tick))
        return None
    connection.execute(
        sa.update(TICK).where(TICK.c.name == name).values(tick=due, worker_id=worker_id)
    )
    return due
