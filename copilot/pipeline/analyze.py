"""The story: a failed run in, a report out. The only file that knows the order of the stages.

locate the step > normalize its error > detect repetition > diagnose > look around > propose >
validate > preview. Nothing is charged before all of it is done, and one commit stores it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from knowledge_base import KnowledgeBase

from ..definitions import place_of
from ..errors import InvalidFix, NotFound
from ..fixes import Fix
from ..policy import Policy
from ..ports import DefinitionChecker, Target, WorkspaceReader
from ..runtimes import offline
from ..snapshot import Snapshot
from ..storage.analyses import FinishedAnalysis, FixDraft, ReuseKey
from ..storage.database import new_id
from ..storage.failures import Sighting, SightingGroup
from ..storage.store import Store
from ..types import (
    Diagnosis,
    Failure,
    FixHint,
    Pattern,
    Receipt,
    Report,
    RootCause,
    RunRecord,
    Verdict,
)
from ..types.insight import FailureGroup
from .detect import detect
from .diagnose import diagnose
from .locate import locate
from .normalize import normalize
from .preview import preview
from .report import Offer, Surroundings, compose, failed_step, headline
from .sanitize import one_line
from .validate import validate

#: What a run that goes on by itself needs nobody to do.
_BY_ITSELF = frozenset({"resume_after_quota", "retry_policy"})


def examine(run: RunRecord) -> Failure:
    """Which step failed first, and which kind of error it is. Raises NotAnalysable."""
    found = locate(run)
    error = found.error
    normal = normalize(error.message, error_type=error.type, traceback=error.traceback)
    step = found.step
    return Failure(
        workspace_id=run.workspace_id,
        workflow_id=run.workflow_id,
        workflow_version=run.workflow_version,
        execution_id=run.execution_id,
        test_mode=run.test_mode,
        step_path=step.path if step else None,
        step_number=step.number if step else None,
        action=step.action if step else None,
        error=error,
        occurred_at=found.occurred_at,
        signature=normal.signature,
        key=normal.key,
        label=normal.label,
        entities=tuple((entity.kind, entity.value) for entity in normal.entities),
        later_failures=found.later_failures,
    )


def _default_policy(_workspace_id: str) -> Policy:
    return Policy()


class Analyzer:
    """Answers why a run failed, with the rules of the knowledge base.

    knowledge: loads it, once; what only looks at stored things does without. policy: what a
    workspace has decided, asked anew for each analysis.
    """

    def __init__(
        self,
        store: Store,
        *,
        knowledge: Callable[[], KnowledgeBase],
        workspaces: WorkspaceReader | None = None,
        target: Target | None = None,
        checker: DefinitionChecker | None = None,
        policy: Callable[[str], Policy] = _default_policy,
    ) -> None:
        self._store = store
        self._knowledge = knowledge
        self._workspaces = workspaces
        self._target = target
        self._checker = checker
        self._policy = policy

    def analyze(
        self, run: RunRecord, *, idempotency_key: str | None = None, asked_by: str | None = None
    ) -> Report:
        """The report on *run*, charged once per *idempotency_key*.

        The same failure in the same surroundings is served again from what is stored, for
        nothing. A run of our engine that waits for a limit is explained too, and counts as no
        failure. Raises NotAnalysable for one that does neither, and InsufficientCredits.
        """
        if self._target is None:  # only our own engine can say that a timer is set
            run = run.model_copy(update={"auto_resume_at": None})
        failure = examine(run)
        with self._store.database.reads():
            if idempotency_key is not None:
                known = self._store.analyses.by_key(run.workspace_id, idempotency_key)
                if known is not None:
                    return known
            policy = self._policy(run.workspace_id)
            diagnosis = self._diagnose(failure)
            root = self._store.failures.root_of(run.workspace_id, failure.signature)
            pattern = self._detect(run, failure, root, diagnosis, policy)
            around = self._look_around(run, diagnosis)
            reuse = _reuse_key(run, failure, root, around)
            earlier = self._store.analyses.reusable(reuse)
        if earlier is not None:
            if not run.is_parked:
                self._store.failures.record(failure)
            return self._served_again(earlier, run, failure, pattern)
        offers = self._offers(run, diagnosis, failure, around)
        report = compose(
            failure,
            diagnosis,
            pattern=pattern,
            around=around,
            offers=offers,
            now=self._store.database.now(),
            knowledge=self._knowledge(),
            auto_resume_at=run.auto_resume_at,
        )
        price = policy.offline_credit_cost
        credits, reason = _charge(report, price)
        finished = FinishedAnalysis(
            # without a key of the caller's, requests at once for one answer share one of ours
            idempotency_key=idempotency_key or f"{run.execution_id}:{reuse.digest}",
            failure=failure,
            report=report,
            reuse=reuse,
            fixes=_drafts(offers),
            credits=credits,
            reason=reason,
            asked_by=asked_by,
            failed=not run.is_parked,
        )
        return self._store.analyses.answer(finished, price=price)

    def glance(self, run: RunRecord) -> Diagnosis:
        """What the rules say of *run* by its error alone; stores and costs nothing.

        Raises NotAnalysable.
        """
        return self._diagnose(examine(run))

    def patterns(self, workspace_id: str, workflow_id: str) -> tuple[FailureGroup, ...]:
        """The kinds of failure among a workflow's last failed runs, the most frequent first."""
        policy = self._policy(workspace_id)
        groups = self._store.failures.groups(workspace_id, workflow_id, policy.pattern_window)
        recent = tuple(seen for group in groups for seen in group.sightings)
        return tuple(self._group(group, recent, policy) for group in groups)

    def _group(
        self, group: SightingGroup, recent: Sequence[Sighting], policy: Policy
    ) -> FailureGroup:
        diagnosis = self._diagnose(group.newest)
        return FailureGroup(
            signature=group.root,
            label=one_line(group.newest.label),
            workflow_id=group.newest.workflow_id,
            pattern=detect(
                Sighting.of(group.newest, group.root),
                recent,
                root_cause=diagnosis.root_cause,
                captures=diagnosis.captures,
                threshold=policy.pattern_threshold,
                window=policy.pattern_window,
            ),
            executions=group.executions,
        )

    def _diagnose(self, failure: Failure) -> Diagnosis:
        error = failure.error
        return diagnose(
            message=error.message,
            error_type=error.type,
            traceback=error.traceback,
            step_action=failure.action,
            code=error.code,
            details=error.details,
            knowledge=self._knowledge(),
        )

    def _detect(
        self, run: RunRecord, failure: Failure, root: str, diagnosis: Diagnosis, policy: Policy
    ) -> Pattern:
        current = Sighting.of(failure, root)
        if run.is_parked:  # counts as little as a test
            current = replace(current, test_mode=True)
        recent = self._store.failures.recent_failures(
            failure.workspace_id, failure.workflow_id, limit=policy.pattern_window
        )
        return detect(
            current,
            recent,
            root_cause=diagnosis.root_cause,
            captures=diagnosis.captures,
            threshold=policy.pattern_threshold,
            window=policy.pattern_window,
        )

    def _look_around(self, run: RunRecord, diagnosis: Diagnosis) -> Surroundings:
        if self._target is None or self._workspaces is None:
            return Surroundings()
        try:
            snapshot = self._target.snapshot(run.workspace_id, run.workflow_id)
        except NotFound:
            snapshot = None
        return Surroundings(
            snapshot=snapshot,
            context=self._workspaces.context(run.workspace_id),
            output_names=(
                self._workspaces.output_names(run.workspace_id, run.execution_id)
                if diagnosis.root_cause is RootCause.MISSING_STEP_OUTPUT
                else None
            ),
        )

    def _offers(
        self, run: RunRecord, diagnosis: Diagnosis, failure: Failure, around: Surroundings
    ) -> tuple[Offer, ...]:
        suggestions = offline.propose(
            diagnosis,
            failure,
            snapshot=around.snapshot,
            context=around.context,
            output_names=around.output_names or {},
        )
        return tuple(
            self._offer(one.fix, one.hint, around.snapshot)
            for one in suggestions
            if not (run.is_parked and one.hint.type in _BY_ITSELF)
        )

    def _offer(self, fix: Fix | None, hint: FixHint, snapshot: Snapshot | None) -> Offer:
        """A fix that does not pass validation is left in words: the idea may still help."""
        if fix is None or snapshot is None or self._checker is None:
            return Offer(hint)
        try:
            validate(fix, snapshot, problems=self._checker.problems)
            fix_id = new_id("fix")
            shown, _changed = preview(fix, fix_id=fix_id, base=snapshot)
        except InvalidFix:
            return Offer(hint)
        return Offer(hint, fix=fix, fix_id=fix_id, preview=shown)

    def _served_again(
        self, earlier: Report, run: RunRecord, failure: Failure, pattern: Pattern
    ) -> Report:
        """What is stored, with what belongs to this run put in its place."""
        return earlier.model_copy(
            update={
                "execution_id": run.execution_id,
                "headline": headline(failure, waits=run.is_parked),
                "failed_step": failed_step(failure),
                "auto_resume_at": run.auto_resume_at,
                "later_failures": failure.later_failures,
                "pattern_detected": pattern,
                "receipt": Receipt(
                    credits=0,
                    balance=self._store.ledger.balance(run.workspace_id),
                    reason="known already",
                ),
            }
        )


def _drafts(offers: Sequence[Offer]) -> list[FixDraft]:
    """The fixes among *offers*, to be stored."""
    return [
        FixDraft(
            fix_id=offer.fix_id,
            fix_type=offer.hint.type,
            fix=offer.fix.model_dump(mode="json"),
            preview=offer.preview,
        )
        for offer in offers
        if offer.fix is not None and offer.fix_id is not None
    ]


def _charge(report: Report, price: int) -> tuple[int, str]:
    if report.verdict is Verdict.INCONCLUSIVE and not report.suggested_fixes:
        return 0, "inconclusive, not charged"
    return price, "answered by the rules"


def _reuse_key(run: RunRecord, failure: Failure, root: str, around: Surroundings) -> ReuseKey:
    """A run of the version that is current now is known by what that version says.

    What is said of a run that goes on by itself is not said of one that has failed.
    """
    snapshot = around.snapshot
    is_current = snapshot is not None and snapshot.version == failure.workflow_version
    return ReuseKey(
        workspace_id=failure.workspace_id,
        workflow_id=failure.workflow_id,
        workflow_version=None if is_current else failure.workflow_version,
        step_path=place_of(failure.step_path) if failure.step_path else None,
        group_root=root,
        entities=failure.entities,
        context_hash=f"{around.digest} waits" if run.is_parked else around.digest,
    )
