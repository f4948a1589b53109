"""The use cases carried out in this process, over one database."""

from collections.abc import Callable
from datetime import timedelta

from ..types.principal import Principal
from .account import LocalAccount
from .analyses import LocalAnalyses
from .caller import Caller
from .debug import RunDebugger
from .engine import GuardedEngine
from .fixes import LocalFixes
from .groups import LocalGroups
from .handoffs import LocalHandOffs
from .knowledge import LocalKnowledge
from .learning import LocalLearning
from .nights import LocalNights
from .notices import LocalNotices
from .optimizer import LocalOptimizer
from .parts import Parts
from .patterns import LocalPatterns
from .standing import LocalStanding


class LocalService:
    """Implements `Service` for one principal, and one request if it is bound to a key."""

    def __init__(self, parts: Parts, caller: Caller, engine: GuardedEngine) -> None:
        self.principal = caller.principal
        self.engine = engine
        self.workflows = self.engine.workflows
        self.executions = self.engine.executions
        self.resources = self.engine.resources
        self.events = self.engine.events
        self.quotas = self.engine.quotas
        self.schedules = self.engine.schedules
        debugger = RunDebugger(parts, caller, self.engine.executions)
        self.analyses = LocalAnalyses(parts, caller, debugger)
        self.groups = LocalGroups(parts, caller)
        self.fixes = LocalFixes(parts, caller)
        self.handoffs = LocalHandOffs(parts, caller)
        self.knowledge = LocalKnowledge(parts, caller)
        self.account = LocalAccount(parts, caller)
        self.nights = LocalNights(parts, caller)
        self.notices = LocalNotices(parts, caller)
        self.patterns = LocalPatterns(parts, caller, self.workflows)
        self.optimizer = LocalOptimizer(parts, caller)
        self.standing = LocalStanding(parts, caller)
        self.learning = LocalLearning(parts, caller)


class Copilot:
    """Everything the copilot does. `serve` is the only door: nobody comes in without a name."""

    def __init__(self, parts: Parts, *, engine: Callable[[Caller], GuardedEngine]) -> None:
        self._parts = parts
        self._engine = engine

    def serve(self, principal: Principal, *, request_key: str | None = None) -> LocalService:
        """The use cases for *principal*, in its workspace."""
        caller = Caller(principal, self._parts.store.audit, request_key=request_key)
        return LocalService(self._parts, caller, self._engine(caller))

    def reconcile(self, *, older_than: timedelta = timedelta(minutes=1)) -> None:
        """Finish what a crash left half done: changes that were being made, credits put aside.

        Credits put aside are given back whole: whoever asks again with the same key gets what the
        rules say, and pays for that.
        """
        self._parts.applier.reconcile(older_than=older_than)
        store = self._parts.store
        before = store.database.now() - older_than
        for left in store.ledger.open_reservations(older_than=before):
            store.ledger.release(left.workspace_id, left.key, reason="interrupted")
        self._parts.rollbacks.carry_on(abandoned_after=older_than)

    def watch(self) -> None:
        """Judge the fixes under watch by the runs that have ended, so that nobody has to ask."""
        for workspace_id in self._parts.store.outcomes.watched():
            self._parts.intake.catch_up(workspace_id)
