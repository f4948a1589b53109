"""A fix that Ana has approved, for Ben to apply."""

from collections.abc import Callable

import pytest

from copilot.pipeline.apply import RECONCILER, Applier
from copilot.pipeline.preview import unified_diff
from copilot.policy import Policy
from copilot.snapshot import Snapshot
from copilot.storage.store import Store
from copilot.testing import ManualClock, MemoryTarget, SimulatedCrash
from copilot.types import Change, Preview
from copilot.types.principal import Principal, Role
from tests.copilot.storage_builders import (
    a_failure,
    a_finished_analysis,
    a_snapshot,
    adding_a_template,
)

BEN = Principal(id="ben", name="Ben", workspace_id="acme", role=Role.APPROVER)
#: Entries, as `told` gives them.
APPLIED = ("ben", "apply_fix", "change-1")
ABANDONED = (RECONCILER, "abandon_fix", "change-1")


class Desk:
    """Ana has approved a fix and Ben applies it. `policies`: how often the policy was read."""

    def __init__(self, store: Store, clock: ManualClock) -> None:
        store.ledger.reserve("acme", "key-1", price=1)
        store.analyses.finish(a_finished_analysis(a_failure(), fix_ids=("fix-1",)))
        self.store, self.clock = store, clock
        self.target = MemoryTarget(a_snapshot())
        self.policies = 0
        self.applier = Applier(
            store.approvals,
            store.changes,
            self.target,
            diff=unified_diff,
            policy=self._policy,
            clock=clock,
        )
        fresh, _ = adding_a_template(self.target.snapshot("acme", "outreach"))
        self.approval = self.applier.approve(
            fresh,
            workspace_id="acme",
            seen_digest=fresh.digest,
            seen_version=fresh.base_version,
            actor="ana",
            actor_kind="person",
        )
        self.policies = 0

    def _policy(self, _workspace_id: str) -> Policy:
        self.policies += 1
        return Policy()

    def apply(
        self,
        propose: Callable[[Snapshot], tuple[Preview, Snapshot]] = adding_a_template,
        *,
        change_id: str = "change-1",
    ) -> Change:
        return self.applier.apply(
            self.approval.approval_id,
            workspace_id="acme",
            workflow_id="outreach",
            propose=propose,
            change_id=change_id,
            by=BEN,
        )

    def crash(self, point: str) -> None:
        self.target.crash = point  # type: ignore[assignment]
        with pytest.raises(SimulatedCrash):
            self.apply()

    def reconcile(self, **later: float) -> Change:
        self.clock.advance(**later)
        (change,) = self.applier.reconcile()
        return change

    def told(self) -> list[tuple[str, str, str]]:
        """Of every entry, the oldest first: who, what, of which."""
        assert self.store.audit.verify("acme").intact
        entries = self.store.audit.page("acme").items
        return [(one.actor, one.action, one.subject) for one in reversed(entries)]
