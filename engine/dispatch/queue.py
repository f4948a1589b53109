"""The dispatcher on the engine's own database: one process on SQLite, any number on Postgres."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from ..ports import EngineSettings
from ..storage import queue
from ..storage.queue import Key, Outcome, Place, QueueState, QueueStore
from ..storage.workers import Workers
from . import CarryOut, WorkState
from .carrier import Carrier
from .clockwork import Clockwork
from .schedule import Job, ScheduledJob

_log = logging.getLogger(__name__)
#: How often a worker looks for the dead, for ticks, and for runs that were taken from it.
WATCH_SECONDS = 0.2
_PAUSE_SECONDS = 0.5  # after the database could not be reached
_CLOSE_SECONDS = 2.0


class QueueDispatcher:
    """Polls the queue, claims what is due within the limits, and reaps dead workers.

    What is submitted in this process starts at once; elsewhere within a poll.
    """

    def __init__(
        self,
        engine: sa.Engine,
        settings: EngineSettings,
        *,
        release: int = queue.RELEASE,
        hung_seconds: float = 30.0,
    ) -> None:
        """hung_seconds: how long a worker on Postgres may give no sign of life."""
        self._engine = engine
        self._settings = settings
        self._release = release
        self._queue = QueueStore(engine, most_starts=settings.most_recoveries, release=release)
        self._workers = Workers(engine, release=release, hung_seconds=hung_seconds)
        self._jobs: dict[str, ScheduledJob] = {}
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._carrier: Carrier | None = None
        self._handed_back: dict[Key, Outcome] = {}
        self._ended: dict[Key, Outcome] = {}
        self._watched = float("-inf")

    def schedule(self, name: str, cron: str, job: Job) -> None:
        if self._thread is not None:
            raise RuntimeError("Jobs are scheduled before the engine is started.")
        self._jobs[name] = ScheduledJob(name, cron, job)

    def start(self, carry_out: CarryOut) -> None:
        self._workers.enter()
        self._carrier = Carrier(carry_out, on_end=self._wake.set)
        clockwork = Clockwork(self._engine, self._workers, self._jobs)
        self._thread = threading.Thread(
            target=self._work, args=(self._carrier, clockwork), name="engine-queue", daemon=True
        )
        self._thread.start()

    def prepare(self) -> None:
        """Nothing to make ready: the tables come with the engine's own."""

    def enqueue(
        self,
        connection: sa.Connection,
        execution_id: str,
        dispatch: int,
        *,
        priority: int | None = None,
        not_before: datetime | None = None,
    ) -> None:
        queue.enqueue(
            connection,
            execution_id,
            dispatch,
            priority=priority,
            not_before=not_before,
            release=self._release,
        )

    def committed(self) -> None:
        self._wake.set()

    def cancel(self, execution_id: str, dispatch: int) -> None:
        self._queue.cancel(execution_id, dispatch)

    def states(self, keys: Sequence[Key]) -> Mapping[Key, WorkState]:
        if not keys:
            return {}
        places = self._queue.places(keys)
        live = self._workers.read_live() if places else frozenset[int]()
        return {key: _state(places.get(key), live) for key in keys}

    def close(self) -> None:
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._stop.clear()

    def _work(self, carrier: Carrier, clockwork: Clockwork) -> None:
        reachable = True
        while not self._stop.is_set():
            due = time.monotonic() + self._settings.poll_seconds
            try:
                self._turn(carrier, clockwork)
                reachable = True
            except SQLAlchemyError as error:
                if reachable:
                    _log.error("The queue can't be reached, trying again: %s", _words(error))
                reachable = False
                self._stop.wait(_PAUSE_SECONDS)
            self._wake.wait(max(0.0, due - time.monotonic()))
            self._wake.clear()
        self._end(carrier, clockwork)

    def _turn(self, carrier: Carrier, clockwork: Clockwork) -> None:
        watching = time.monotonic() - self._watched >= WATCH_SECONDS
        if watching:
            self._watch(carrier, clockwork)
        self._sort(carrier.take_ended(), hand_back=watching)
        room = self._settings.concurrency - carrier.count
        if not self._ended and not (room > 0 and self._queue.anything_due()):
            return
        claimed = self._queue.turn(self._workers.own, self._ended, room)
        self._ended = {}
        if claimed:
            carrier.start(claimed)

    def _watch(self, carrier: Carrier, clockwork: Clockwork) -> None:
        self._workers.stay()
        released = self._workers.bury(self._queue.release)
        if released:
            _log.warning("Runs of workers that died, back in the queue: %d.", released)
        if carrier.count:
            carrier.keep_only(self._queue.held(self._workers.own))
        clockwork.turn()
        self._watched = time.monotonic()

    def _sort(self, ended: Mapping[Key, Outcome], *, hand_back: bool) -> None:
        """What is handed back waits for the next watch: claimed at once it would come back here."""
        if hand_back:
            self._ended |= self._handed_back
            self._handed_back = {}
        for key, outcome in ended.items():
            held_up = outcome is Outcome.HANDED_BACK
            (self._handed_back if held_up else self._ended)[key] = outcome

    def _end(self, carrier: Carrier, clockwork: Clockwork) -> None:
        carrier.close(_CLOSE_SECONDS)
        clockwork.close(_CLOSE_SECONDS)
        self._ended |= carrier.take_ended()
        with suppress(SQLAlchemyError):  # whoever comes next finds it all unfinished
            self._queue.turn(self._workers.own, self._ended, 0)
            self._queue.hand_back(self._workers.own)
            self._workers.leave()


def _state(place: Place | None, live: frozenset[int]) -> WorkState:
    if place is None:
        return WorkState.LOST
    if place.state is QueueState.CLAIMED and place.worker_id not in live:
        return WorkState.ORPHANED
    return _STATES[place.state]


_STATES: Mapping[QueueState, WorkState] = {
    QueueState.WAITING: WorkState.LIVE,
    QueueState.CLAIMED: WorkState.LIVE,
    QueueState.BROKEN: WorkState.BROKEN,
    QueueState.GIVEN_UP: WorkState.GIVEN_UP,
}


def _words(error: SQLAlchemyError) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().partition("\n")[0]
