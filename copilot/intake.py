"""Taking in runs that have ended: failures are recorded, and fixes under watch are judged by them."""

from collections.abc import Callable, Sequence

from .pipeline import versions, watch
from .pipeline.analyze import examine
from .pipeline.detect import Thresholds, observe
from .policy import Policy
from .ports import EndedRun, RunReader
from .storage.failures import record_failures
from .storage.source_cursors import hold_cursor, move_cursor
from .storage.store import Store

#: Runs that are taken in by one transaction.
BATCH = 200


def _default_policy(_workspace_id: str) -> Policy:
    return Policy()


def _nothing(_workspace_id: str) -> Sequence[str]:
    return ()


class Intake:
    """Reads one source, from where it was left, for one workspace at a time.

    keep: what tells failures of a workspace apart; see the setting group_keep. earlier: rules of
    the normalizer that are asked beside its own. policy: what a workspace has decided.
    """

    def __init__(
        self,
        store: Store,
        runs: RunReader,
        *,
        source: str = "engine",
        keep: Callable[[str], Sequence[str]] = _nothing,
        earlier: Sequence[versions.Earlier] = versions.EARLIER,
        policy: Callable[[str], Policy] = _default_policy,
    ) -> None:
        self._store = store
        self._runs = runs
        self._source = source
        self._keep = keep
        self._earlier = earlier
        self._policy = policy

    def catch_up(self, workspace_id: str) -> int:
        """Take in the runs that have ended since the last time; gives how many.

        A batch is one transaction: what failed, what it says of the fixes under watch and of the
        patterns, and how far the source was read. After a crash the batch is read again, and
        nothing counts twice.
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
        keep = self._keep(workspace_id)
        examined: list[watch.Ended] = [
            (run, (examine(run, keep=keep),) if run.status.is_failure else ()) for run in runs
        ]
        failures = [failure for _, found in examined for failure in found]
        now = self._store.database.now()
        thresholds = Thresholds.of(self._policy(workspace_id))
        with self._store.database.write() as connection:
            if hold_cursor(connection, workspace_id, self._source, now=now) != cursor:
                return False
            versions.attach(connection, failures, earlier=self._earlier, now=now)
            record_failures(connection, workspace_id, failures)
            judged = watch.observe(connection, workspace_id, examined, now=now)
            observe(
                connection,
                workspace_id,
                examined,
                verified={outcome.change_id for outcome in judged},
                thresholds=thresholds,
                now=now,
            )
            move_cursor(connection, workspace_id, self._source, batch[-1].cursor, now=now)
        return True
