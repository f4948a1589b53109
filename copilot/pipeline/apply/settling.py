"""Bringing a change that has begun to its end: carried out, marked, and tidied up after a crash.

The copilot's store and the target can't share a transaction. So a change is marked as applying,
given to the target under its change id, which the target remembers, and marked as applied. After a
crash between any two of these `reconcile` asks the target whether it has the change, and marks it.
Who did it is in the audit from the first of these on; what came to nothing is noted as abandoned.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

from ...errors import CopilotError, NotFound, NotReversible, StaleBase
from ...policy import Policy
from ...ports import Unstorable
from ...storage.changes import ChangeRecord, Changes
from ...storage.database import Clock
from ...types import Change, ChangeState
from ...types.principal import Principal, PrincipalKind, Role
from .carrier import Carrier

INTERRUPTED = "Interrupted before it reached the workflow."
#: Who is noted for what is tidied up after a crash.
RECONCILER = "reconcile"

_log = logging.getLogger(__name__)


class Settler:
    """policy: what a workspace has decided about undo and verification."""

    def __init__(
        self, changes: Changes, carrier: Carrier, *, policy: Callable[[str], Policy], now: Clock
    ) -> None:
        self._changes = changes
        self._carrier = carrier
        self._policy = policy
        self._now = now

    def known(self, workspace_id: str, change_id: str | None) -> Change | None:
        """What an earlier call with this id did, finished if a crash left it half done."""
        record = self._changes.find(workspace_id, change_id) if change_id else None
        if record is None:
            return None
        state = record.change.state
        change = self._settle(record) if state is ChangeState.APPLYING else record.change
        return change if change.version is not None else None

    def carry_out(self, record: ChangeRecord, policy: Policy, by: Principal | None) -> Change:
        """Give it to the target, and mark what came of it, also where that refuses it.

        by: who is noted in the audit; None leaves that to the caller. Raises StaleBase, Unstorable,
        NotFound and NotReversible, as the target does.
        """
        change = record.change
        try:
            version = self._carrier.carry_out(record)
        except StaleBase:
            self._changes.mark_failed(change, "The workflow changed meanwhile.", by=by)
            raise
        except Unstorable as refused:
            self._changes.mark_failed(change, f"Not taken: {refused}", by=by)
            raise
        except (NotFound, NotReversible) as error:
            self._changes.mark_failed(change, str(error), by=by)
            raise
        return self._mark_applied(record, version, policy, by)

    def reconcile(self, *, older_than: timedelta = timedelta(minutes=1)) -> Sequence[Change]:
        """Finish what a crash left half done; changes younger than *older_than* may be under way.

        What the target has is marked as applied. What it does not have goes back to approved while
        its approval is good, and has failed otherwise. One that can't be finished is left as it is.
        """
        unfinished = self._changes.applying(started_before=self._now() - older_than)
        return tuple(change for record in unfinished if (change := self._settled(record)))

    def _mark_applied(
        self, record: ChangeRecord, version: int, policy: Policy, by: Principal | None
    ) -> Change:
        return self._changes.mark_applied(
            record.change,
            version,
            undo_for=timedelta(seconds=policy.undo_seconds),
            needed_passes=policy.verify_runs if record.after.deed is None else None,
            by=by,
        )

    def _settled(self, record: ChangeRecord) -> Change | None:
        try:
            return self._settle(record)
        except CopilotError as error:
            _log.error("%s stays half done: %s.", record.change.change_id, error.code)
            return None

    def _settle(self, record: ChangeRecord) -> Change:
        change = record.change
        version, by = self._carrier.applied_version(record), _reconciler(change.workspace_id)
        if version is not None:
            return self._mark_applied(record, version, self._policy(change.workspace_id), by)
        if record.valid_until is not None and self._now() < record.valid_until:
            return self._changes.reset(change, INTERRUPTED, by=by)
        return self._changes.mark_failed(change, INTERRUPTED, by=by)


def _reconciler(workspace_id: str) -> Principal:
    return Principal(
        id=RECONCILER,
        name=RECONCILER,
        workspace_id=workspace_id,
        kind=PrincipalKind.MACHINE,
        role=Role.OPERATOR,
    )
