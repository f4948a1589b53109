"""Taking in runs that have ended: failures are recorded, and fixes under watch are judged by them."""

from collections.abc import Sequence

from .pipeline import watch
from .pipeline.analyze import examine
from .ports import EndedRun, RunReader
from .storage.failures import record_failures
from .storage.source_cursors import hold_cursor, move_cursor
from .storage.store import Store

#: Runs that are taken in by one transaction.
BATCH = 200


class Intake:
    """Reads one source, from where it was left, for one workspace at a time."""

    def __init__(self, store: Store, runs: RunReader, *, source: str = "engine") -> None:
        self._store = store
        self._runs = runs
        self._source = source

    def catch_up(self, workspace_id: str) -> int:
        """Take in the runs that have ended since the last time; gives how many.

        A batch is one transaction: what failed, what it says of the fixes under watch, and how
        far the source was read. After a crash the batch is read again, and nothing counts twice.
        """
        taken = 0
        while True:
            cursor = self._store.failures.cursor(workspace_id, self._source)
            batch = self._runs.ended_after(workspace_id, cursor, limit=BATCH)
            if batch and self._take_in(workspace_id, cursor, batch):
                taken += len(batch)
            if len(batch) < BATCH:
                return taken

    def _take_in(self, workspace_id: str, cursor: int, batch: Sequence[EndedRun]) -> bool:
        """False when another reader was faster: it has taken these runs in."""
        runs = [ended.run for ended in batch]
        examined: list[watch.Ended] = [
            (run, (examine(run),) if run.status.is_failure else ()) for run in runs
        ]
        failures = [failure for _, found in examined for failure in found]
        now = self._store.database.now()
        with self._store.database.write() as connection:
            if hold_cursor(connection, workspace_id, self._source, now=now) != cursor:
                return False
            record_failures(connection, workspace_id, failures)
            watch.observe(connection, workspace_id, examined, now=now)
            move_cursor(connection, workspace_id, self._source, batch[-1].cursor, now=now)
        return True
