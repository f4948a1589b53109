"""Taking in runs that have ended: failures are recorded, and fixes under watch are judged by them."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from .notify import Outbox
from .pipeline import versions, watch
from .pipeline.apply import Edits
from .pipeline.detect import Thresholds, observe
from .pipeline.examine import examine
from .policy import Policy
from .ports import EndedRun, RunReader
from .rollbacks import Rollbacks
from .storage.failures import record_failures
from .storage.rollbacks import note_regression
from .storage.source_cursors import hold_cursor, move_cursor
from .storage.store import Store
from .types import Outcome, OutcomeState, RunRecord

#: Runs that are taken in by one transaction.
BATCH = 200


def _default_policy(_workspace_id: str) -> Policy:
    return Policy()


def _nothing(_workspace_id: str) -> Sequence[str]:
    return ()


class Intake:
    """Reads one source, from where it was left, for one workspace at a time.

    keep: what tells failures of a workspace apart; see the setting group_keep. earlier: rules of
    the normalizer that are asked beside its own. policy: what a workspace has decided. outbox: where
    it is noted what people want to be told; nothing without one.
    rollbacks: who acts, and tells, when a fix has come undone. edits: who knows whether a fix was
    still there as it was made, when a run had it; without it every fix was.
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
        outbox: Outbox | None = None,
        rollbacks: Rollbacks | None = None,
        edits: Edits | None = None,
    ) -> None:
        self._store = store
        self._runs = runs
        self._source = source
        self._keep = keep
        self._earlier = earlier
        self._policy = policy
        self._outbox = outbox or Outbox(store.database)
        self._rollbacks = rollbacks
        self._edits = edits

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
        wanted = self._outbox.wanted(workspace_id)
        edits = self._edits_before(workspace_id, runs)
        with self._store.database.write() as connection:
            if hold_cursor(connection, workspace_id, self._source, now=now) != cursor:
                return False
            versions.attach(connection, failures, earlier=self._earlier, now=now)
            record_failures(connection, workspace_id, failures)
            judged = watch.observe(connection, workspace_id, examined, now=now, edits=edits)
            self._note_regressions(connection, workspace_id, judged, now=now)
            observe(
                connection,
                workspace_id,
                examined,
                verified={outcome.change_id for outcome in judged},
                thresholds=thresholds,
                now=now,
            )
            has_news = self._outbox.note(connection, workspace_id, wanted)
            move_cursor(connection, workspace_id, self._source, batch[-1].cursor, now=now)
        if has_news:
            self._outbox.wake()
        self._go_on(workspace_id, judged)
        return True

    def _edits_before(self, workspace_id: str, runs: Sequence[RunRecord]) -> watch.Edits:
        """Looked up outside the transaction: it reads where the workflows are kept."""
        if self._edits is None:
            return {}
        workflows = {run.workflow_id for run in runs}
        watches = self._store.outcomes.open_watches(workspace_id, *workflows)
        return self._edits.before(watches, runs)

    def _note_regressions(
        self,
        connection: Connection,
        workspace_id: str,
        judged: Sequence[Outcome],
        *,
        now: datetime,
    ) -> None:
        """In the same transaction, so that none is forgotten."""
        regressed = [one for one in judged if one.state is OutcomeState.REGRESSED]
        if not regressed:
            return
        roll_back = self._policy(workspace_id).on_regression == "roll_back"
        for one in regressed:
            note_regression(connection, workspace_id, one.change_id, roll_back=roll_back, now=now)

    def _go_on(self, workspace_id: str, judged: Sequence[Outcome]) -> None:
        """After the commit: tell how fixes stand, and do what regressed ones call for."""
        if self._rollbacks is None:
            return
        last = {outcome.change_id: outcome for outcome in judged}
        for outcome in last.values():
            if outcome.state is OutcomeState.VERIFIED:
                self._rollbacks.tell(workspace_id, outcome)
        if any(outcome.state is OutcomeState.REGRESSED for outcome in last.values()):
            self._rollbacks.carry_on(workspace_id)
