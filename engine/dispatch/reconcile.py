"""Two status machines, one truth: finds runs whose dispatch has ended without them."""

import logging
import threading

from sqlalchemy.exc import DBAPIError

from ..errors import RunCrashed
from ..execution import ErrorInfo, ExecutionStatus
from ..storage.rounds import Dispatched, RoundStore
from . import Dispatcher, WorkState

_log = logging.getLogger(__name__)


class Reconciler:
    """Queues lost runs again and ends those given up, so that none stays running for ever.

    Runs that are paused until a time that has come are found among the lost.
    """

    def __init__(self, rounds: RoundStore, dispatcher: Dispatcher, *, most_recoveries: int) -> None:
        self._rounds = rounds
        self._dispatcher = dispatcher
        self._most_recoveries = most_recoveries
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def run_once(self) -> None:
        """One pass over the runs that are queued or running."""
        found = self._rounds.dispatched()
        states = self._dispatcher.states([(run.execution_id, run.dispatch) for run in found])
        for run in found:
            state = states[run.execution_id, run.dispatch]
            # What is orphaned is the dispatcher's own to give to another worker.
            if state not in {WorkState.LIVE, WorkState.ORPHANED}:
                self._settle(run, state)

    def start(self, every_seconds: float) -> None:
        self._thread = threading.Thread(
            target=self._watch, args=(every_seconds,), name="engine-reconciler", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self, every_seconds: float) -> None:
        while not self._stop.wait(every_seconds):
            try:
                self.run_once()
            except DBAPIError:
                _log.exception("The database could not be reached; trying again.")

    def _settle(self, run: Dispatched, state: WorkState) -> None:
        reason = {
            WorkState.BROKEN: "the engine itself failed while carrying it out; see its log.",
            WorkState.GIVEN_UP: "it was started too often without coming to an end.",
        }.get(state)
        if reason is None and run.recoveries >= self._most_recoveries:
            reason = "it was queued too often without coming to an end."
        if reason is None:
            if run.status is not ExecutionStatus.PAUSED:
                _log.warning("Execution %s was not in the queue: it is queued.", run.execution_id)
            if self._rounds.dispatch_again(run, enqueue=self._dispatcher.enqueue):
                self._dispatcher.committed()
            return
        _log.error("Execution %s: %s", run.execution_id, reason)
        error = RunCrashed(reason)
        self._rounds.crash(
            run,
            ErrorInfo(
                type=f"{RunCrashed.__module__}.{RunCrashed.__qualname__}",
                message=str(error),
                code=error.code,
            ),
        )
        self._dispatcher.cancel(run.execution_id, run.dispatch)
