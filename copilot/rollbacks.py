"""What happens to a fix whose failure came back: taken back by the workspace's policy, and told.

That a fix regressed is stored in the transaction that finds out; this goes on from there, now or,
after a crash, whenever somebody looks again. A fix is taken back at most once: the reversal has its
id from the change, and the target takes the version before only from the version after.
"""

import hashlib
import logging
from collections.abc import Callable
from datetime import timedelta

from pydantic import JsonValue

from .autonomy import Autonomy
from .errors import CopilotError, EditedMeanwhile, NotReversible
from .pipeline import watch
from .pipeline.apply import Applier
from .storage.rollbacks import ABANDONED, POLICY, Rollback, RollbackState
from .storage.store import Store
from .types import Change, Outcome, OutcomeState
from .types.principal import Principal, PrincipalKind, Role

#: Told of a workspace and of how one of its fixes stands. Must not raise.
OutcomeListener = Callable[[str, Outcome], None]

_log = logging.getLogger(__name__)

_EDITED = "The workflow was edited since, where the fix had touched it: nothing was taken back."


class Rollbacks:
    """`on_outcome`: who is told how fixes stand. A regression is told until it has been heard.

    That can be twice after a crash; the id of the change says that it is the same.
    """

    def __init__(self, store: Store, applier: Applier, autonomy: Autonomy | None = None) -> None:
        self._store = store
        self._applier = applier
        self._autonomy = autonomy
        self.on_outcome: list[OutcomeListener] = []

    def tell(self, workspace_id: str, outcome: Outcome) -> None:
        for listener in self.on_outcome:
            listener(workspace_id, outcome)

    def carry_on(
        self, workspace_id: str | None = None, *, abandoned_after: timedelta = ABANDONED
    ) -> int:
        """Do what is to be done about regressed fixes, in one workspace or in all; how many.

        What another process works on is left to it, until *abandoned_after*; so is what can't be
        done now, which keeps nothing else from being done.
        """
        done = 0
        for one in self._store.rollbacks.open(workspace_id):
            if self._store.rollbacks.claim(one, abandoned_after=abandoned_after):
                try:
                    self._carry_out(one)
                except CopilotError as error:
                    _log.error("The regressed %s is left for later: %s.", one.change_id, error.code)
                else:
                    done += 1
        return done

    def of(self, found: Outcome, change: Change) -> Outcome:
        """*found* with what became of going back."""
        one = self._store.rollbacks.find(change.workspace_id, change.change_id)
        if found.state is OutcomeState.TAKEN_BACK and one is not None:
            found = watch.outcome_of(
                self._store.outcomes.get(change.workspace_id, change.change_id)
            )
        if one is None or found.state is not OutcomeState.REGRESSED:
            return found
        return watch.rolled_back(found, one.state.value, one.note)

    def _carry_out(self, one: Rollback) -> None:
        if one.state is RollbackState.DUE:
            self._take_back(one)
        if self._autonomy is not None:
            why = f"fix {one.change_id} regressed"
            self._autonomy.demote(_policy(one.workspace_id), one.fix_type, why=why)
        record = self._store.changes.get(one.workspace_id, one.change_id)
        stands = watch.outcome_of(self._store.outcomes.get(one.workspace_id, one.change_id))
        self.tell(one.workspace_id, self.of(stands, record.change))
        self._store.rollbacks.mark_told(one)

    def _take_back(self, one: Rollback) -> None:
        state, note, details = RollbackState.ROLLED_BACK, None, dict[str, JsonValue]()
        try:
            reversal = self._applier.revert(
                one.change_id,
                workspace_id=one.workspace_id,
                actor=POLICY,
                reversal_id=reversal_id(one.change_id),
            )
            details = {"by_change": reversal.change.change_id, "version": reversal.change.version}
        except (EditedMeanwhile, NotReversible) as error:
            state, note, details = self._refused(one, error)
        self._store.rollbacks.decide(
            one, state, note, by=_policy(one.workspace_id), details=details
        )

    def _refused(
        self, one: Rollback, error: CopilotError
    ) -> tuple[RollbackState, str | None, dict[str, JsonValue]]:
        """What is the matter: an earlier attempt of ours may have come further than it knew."""
        change = self._store.changes.get(one.workspace_id, one.change_id).change
        if change.reversed:
            own = self._own_reversal(one)
            if own is None:
                return RollbackState.TAKEN_BACK, None, {}
            details: dict[str, JsonValue] = {"by_change": own.change_id, "version": own.version}
            return RollbackState.ROLLED_BACK, None, details
        by_edit = isinstance(error, EditedMeanwhile) and not error.why
        note = _EDITED if by_edit else str(error)
        return RollbackState.REFUSED, note, {"why": note}

    def _own_reversal(self, one: Rollback) -> Change | None:
        by = self._store.rollbacks.taken_back_by(one)
        found = self._store.changes.find(one.workspace_id, by) if by is not None else None
        return found.change if found is not None and found.change.actor == POLICY else None


def reversal_id(change_id: str) -> str:
    """The id of the policy's reversal of a change, the same each time."""
    return f"change_{hashlib.sha256(f'{POLICY}:{change_id}'.encode()).hexdigest()[:32]}"


def _policy(workspace_id: str) -> Principal:
    return Principal(
        id=POLICY,
        name=POLICY,
        workspace_id=workspace_id,
        kind=PrincipalKind.MACHINE,
        role=Role.OPERATOR,
    )
