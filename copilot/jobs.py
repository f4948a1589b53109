"""What runs by the clock, over all workspaces."""

import logging
from collections.abc import Callable, Collection, Iterable
from datetime import datetime

from .nightly import Nightly
from .notify import Courier, Outbox
from .policy import Policy
from .storage.audit import AuditTrail
from .storage.store import Store
from .types.engine import StepApproval, WaitingRun
from .types.nightly import Digest, PassState
from .types.principal import Principal, PrincipalKind, Role

#: Who asks for the analyses of a nightly pass, in receipts and in the audit.
NIGHTLY = "nightly"

_log = logging.getLogger(__name__)


class NightlyJob:
    """A nightly pass in every workspace that wants one, each with its entry in the audit.

    workspaces: the ids of all there are.
    """

    def __init__(
        self,
        nightly: Nightly,
        *,
        policy: Callable[[str], Policy],
        workspaces: Callable[[], Iterable[str]],
        audit: AuditTrail,
    ) -> None:
        self._nightly = nightly
        self._policy = policy
        self._workspaces = workspaces
        self._audit = audit

    def __call__(self, _scheduled: datetime) -> None:
        """One workspace that can't be looked at keeps none of the others from it."""
        for workspace_id in self._workspaces():
            try:
                if self._policy(workspace_id).nightly_enabled:
                    self._note(self._nightly.run(workspace_id))
            except Exception as error:  # noqa: BLE001 - runs everything there is, unattended
                _log.error("The nightly pass of a workspace failed: %s", type(error).__qualname__)

    def _note(self, digest: Digest) -> None:
        if digest.state is PassState.RUNNING:
            return  # somebody else's, who notes it
        self._audit.add(
            _machine(digest.workspace_id),
            "run_nightly",
            digest.pass_id,
            {"credits": digest.credits, "analysed": digest.analysed},
        )
        _log.info(
            "Nightly pass %s: %d failed runs, %d kinds, %d analysed, %d credits.",
            digest.pass_id,
            digest.failures,
            digest.groups,
            digest.analysed,
            digest.credits,
        )


class NoticeJob:
    """Each minute: what has happened in workspaces that want to be told, and all that is to be sent.

    workspaces: their ids. catch_up: takes in the runs that have ended in one. waiting: its runs that
    wait for a quota. asked: the decisions of people that its runs wait for.
    """

    def __init__(
        self,
        outbox: Outbox,
        courier: Courier,
        *,
        workspaces: Callable[[], Iterable[str]],
        catch_up: Callable[[str], int],
        waiting: Callable[[str], Iterable[WaitingRun]],
        asked: Callable[[str], Iterable[StepApproval]],
    ) -> None:
        self._outbox = outbox
        self._courier = courier
        self._workspaces = workspaces
        self._catch_up = catch_up
        self._waiting = waiting
        self._asked = asked

    def __call__(self, _scheduled: datetime) -> None:
        """One workspace that can't be looked at keeps none of the others from being told."""
        for workspace_id in self._workspaces():
            try:
                self._catch_up(workspace_id)
                self._outbox.look(workspace_id)
                self._outbox.runs_parked(workspace_id, self._waiting(workspace_id))
                self._outbox.runs_asking(workspace_id, self._asked(workspace_id))
            except Exception as error:  # noqa: BLE001 - runs everything there is, unattended
                _log.error("What to tell of a workspace is not known: %s", type(error).__qualname__)
        self._courier.deliver()
        self._courier.tidy()


class StillNeeded:
    """Which runs the copilot needs, however old they are; the engine's `Watched`.

    Those of a fix that is being watched, and those of a pattern that goes on. catch_up: takes in
    what has ended in a workspace, so that nothing is deleted that it has not seen.
    """

    def __init__(
        self, store: Store, catch_up: Callable[[str], int], *, policy: Callable[[str], Policy]
    ) -> None:
        self._store = store
        self._catch_up = catch_up
        self._policy = policy

    def watched(self, workspace_id: str, execution_ids: Collection[str]) -> frozenset[str]:
        """Those of *execution_ids* that are to be kept."""
        self._catch_up(workspace_id)
        behind = self._store.outcomes.runs_behind(workspace_id, execution_ids)
        return behind | self._in_patterns(workspace_id, execution_ids)

    def _in_patterns(self, workspace_id: str, execution_ids: Collection[str]) -> frozenset[str]:
        policy, failures = self._policy(workspace_id), self._store.failures
        groups = [
            group
            for workflow_id in failures.workflows_of(workspace_id, execution_ids)
            for group in failures.groups(workspace_id, workflow_id, policy.pattern_window)
            if len(group.sightings) >= policy.pattern_threshold
        ]
        runs = {seen.execution_id for group in groups for seen in group.sightings}
        return frozenset(runs.intersection(execution_ids))


def _machine(workspace_id: str) -> Principal:
    return Principal(
        id=NIGHTLY,
        name=NIGHTLY,
        workspace_id=workspace_id,
        kind=PrincipalKind.MACHINE,
        role=Role.OPERATOR,
    )
