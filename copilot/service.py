"""The use cases that all surfaces share; a surface translates and decides nothing."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from .errors import NotFound
from .fixes import Fix, parse
from .pipeline import watch
from .pipeline.analyze import Analyzer, examine
from .pipeline.apply import ActorKind, Applier, Reversal
from .pipeline.preview import preview
from .pipeline.validate import validate
from .ports import DefinitionChecker, RunReader, Target
from .settings import Settings
from .snapshot import Snapshot
from .storage.database import new_id
from .storage.store import Store
from .types import Approval, Change, CreditStatement, Outcome, Preview, Report, RunRecord

#: Runs taken in at once while catching up with a source.
BATCH = 200
SOURCE = "engine"


class Copilot:
    """Everything the copilot does, for one workspace at a time.

    Every method takes the workspace first; what belongs to another workspace is NotFound, exactly
    like what does not exist.
    """

    def __init__(
        self,
        store: Store,
        *,
        settings: Settings,
        runs: RunReader,
        target: Target,
        checker: DefinitionChecker,
        analyzer: Analyzer,
        foreign: Analyzer,
        applier: Applier,
    ) -> None:
        self._store = store
        self._settings = settings
        self._runs = runs
        self._target = target
        self._checker = checker
        self._analyzer = analyzer
        self._foreign = foreign
        self._applier = applier

    # ------------------------------------------------------------ why did it fail

    def analyze(
        self, workspace_id: str, execution_id: str, *, idempotency_key: str | None = None
    ) -> Report:
        """Why this run failed and what to do. Costs credits once per *idempotency_key*.

        Raises NotFound, NotAnalysable and InsufficientCredits.
        """
        run = self._runs.run(workspace_id, execution_id)
        self.catch_up(workspace_id)
        return self._analyzer.analyze(run, idempotency_key=idempotency_key)

    def analyze_foreign(self, run: RunRecord, *, idempotency_key: str | None = None) -> Report:
        """The same for a run of another system; its fixes are in words, there is no definition."""
        return self._foreign.analyze(run, idempotency_key=idempotency_key)

    def catch_up(self, workspace_id: str) -> int:
        """Take in the runs that have ended since the last time; gives how many.

        Each failure is counted for patterns, and every run speaks about the fixes under watch.
        Delivered twice it changes nothing, so a crash in between loses nothing.
        """
        taken = 0
        while True:
            cursor = self._store.failures.cursor(workspace_id, SOURCE)
            ended = self._runs.ended_after(workspace_id, cursor, limit=BATCH)
            for one in ended:
                self._take_in(one.run)
            if ended:
                self._store.failures.advance(workspace_id, SOURCE, ended[-1].cursor)
            taken += len(ended)
            if len(ended) < BATCH:
                return taken

    def _take_in(self, run: RunRecord) -> None:
        failures = [examine(run)] if run.status.is_failure else []
        for failure in failures:
            self._store.failures.record(failure)
        watch.observe(run, failures, outcomes=self._store.outcomes, groups=self._store.failures)

    # ------------------------------------------------------------ put it right

    def preview(self, workspace_id: str, fix_id: str) -> Preview:
        """What the fix would change in the workflow as it is now. Raises NotFound, InvalidFix."""
        stored = self._store.analyses.fix(workspace_id, fix_id)
        base = self._target.snapshot(workspace_id, stored.workflow_id)
        return self._propose(parse(stored.fix), fix_id)(base)[0]

    def approve(
        self,
        workspace_id: str,
        fix_id: str,
        *,
        digest: str,
        version: int,
        actor: str,
        actor_kind: ActorKind = "person",
    ) -> Approval:
        """Let exactly this diff be applied once.

        digest, version: of the preview that was looked at. Raises StaleBase with the fresh diff
        when the workflow has changed since, and ApprovalRefused for a machine.
        """
        return self._applier.approve(
            self.preview(workspace_id, fix_id),
            workspace_id=workspace_id,
            seen_digest=digest,
            seen_version=version,
            actor=actor,
            actor_kind=actor_kind,
            valid_for=timedelta(seconds=self._settings.approval_seconds),
        )

    def apply(self, workspace_id: str, approval_id: str) -> Change:
        """Make the approved change. Raises NotFound, ApprovalRefused, StaleBase with the fresh diff."""
        approval = self._store.approvals.find(workspace_id, approval_id)
        if approval is None:
            raise NotFound("approval")
        stored = self._store.analyses.fix(workspace_id, approval.fix_id)
        return self._applier.apply(
            approval_id,
            workspace_id=workspace_id,
            workflow_id=stored.workflow_id,
            propose=self._propose(parse(stored.fix), stored.fix_id),
        )

    def undo(self, workspace_id: str, change_id: str, *, actor: str) -> Reversal:
        """Take a fix back while undo is offered. Raises UndoExpired, NotReversible, StaleBase."""
        return self._applier.undo(change_id, workspace_id=workspace_id, actor=actor)

    def revert(self, workspace_id: str, change_id: str, *, actor: str) -> Reversal:
        """Take a fix back at any later time. Raises NotReversible, StaleBase."""
        return self._applier.revert(change_id, workspace_id=workspace_id, actor=actor)

    def changes(self, workspace_id: str, workflow_id: str) -> Sequence[Change]:
        """What was changed in a workflow, newest first, undone and failed changes too."""
        return self._store.changes.history(workspace_id, workflow_id)

    def _propose(self, fix: Fix, fix_id: str) -> Callable[[Snapshot], tuple[Preview, Snapshot]]:
        def propose(base: Snapshot) -> tuple[Preview, Snapshot]:
            validate(fix, base, problems=self._checker.problems)
            return preview(fix, fix_id=fix_id, base=base)

        return propose

    # ------------------------------------------------------------ did it hold, what did it cost

    def outcome(self, workspace_id: str, change_id: str) -> Outcome:
        """Whether the fix held, by all runs that have ended so far. Raises NotFound."""
        change = self._store.changes.get(workspace_id, change_id).change
        self.catch_up(workspace_id)
        found = watch.outcome_of(self._store.outcomes.get(workspace_id, change_id))
        return watch.taken_back(found, change) if change.reversed else found

    def credits(self, workspace_id: str) -> CreditStatement:
        audit = self._store.ledger.audit(workspace_id)
        return CreditStatement(
            balance=audit.balance,
            granted=audit.granted,
            spent=audit.spent,
            reserved=audit.reserved,
            problems=audit.problems,
        )

    def grant(self, workspace_id: str, credits: int, *, actor: str, key: str | None = None) -> int:
        """Add credits; the first grant sets the limit. Gives the balance."""
        return self._store.ledger.grant(
            workspace_id, key or new_id("grant"), credits=credits, reason=f"granted by {actor}"
        )

    def reconcile(self, *, older_than: timedelta = timedelta(minutes=1)) -> None:
        """Finish what a crash left half done: changes that were being made, credits put aside.

        No model was asked yet when a reservation was left open, so it is given back whole.
        """
        self._applier.reconcile(older_than=older_than)
        before = self._store.database.now() - older_than
        for left in self._store.ledger.open_reservations(older_than=before):
            self._store.ledger.release(left.workspace_id, left.key, reason="interrupted")
