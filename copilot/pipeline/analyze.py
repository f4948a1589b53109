"""The story: a failed run in, a report out. The only file that knows the order of the stages.

locate the step > normalize its error > detect repetition > diagnose > look around > propose >
validate > preview. Nothing is charged before all of it is done, and one commit stores it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from knowledge_base import KnowledgeBase

from ..errors import NotFound
from ..policy import Policy
from ..ports import DefinitionChecker, RunHistory, Target, WorkspaceReader
from ..storage.analyses import FinishedAnalysis
from ..storage.failures import Sighting, SightingGroup
from ..storage.store import Store
from ..types import (
    Diagnosis,
    Failure,
    Pattern,
    Report,
    RootCause,
    RunRecord,
    Verdict,
)
from ..types.insight import FailureGroup
from ..types.message import place
from .detect import Thresholds, detect, observe, rhythm_of, stand_with
from .diagnose import diagnose
from .findings import Findings, look_back
from .locate import locate
from .normalize import normalize
from .offers import drafts, offers_for
from .report import Surroundings, compose
from .reuse import reuse_key, served_again
from .sanitize import one_line
from .versions import EARLIER, Earlier, attach


def examine(run: RunRecord, *, keep: Sequence[str] = ()) -> Failure:
    """Which step failed first, and which kind of error it is. Raises NotAnalysable.

    keep: expressions whose matches tell failures apart; see the setting group_keep.
    """
    found = locate(run)
    error = found.error
    normal = normalize(
        error.message,
        error_type=error.type,
        traceback=error.traceback,
        fingerprint=error.fingerprint,
        keep=keep,
    )
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

    knowledge: what a workspace knows, its own entries among it. policy: what a workspace has
    decided. Both are asked anew for each analysis.
    """

    def __init__(
        self,
        store: Store,
        *,
        knowledge: Callable[[str], KnowledgeBase],
        workspaces: WorkspaceReader | None = None,
        target: Target | None = None,
        checker: DefinitionChecker | None = None,
        history: RunHistory | None = None,
        policy: Callable[[str], Policy] = _default_policy,
        earlier: Sequence[Earlier] = EARLIER,
    ) -> None:
        self._store = store
        self._knowledge = knowledge
        self._workspaces = workspaces
        self._target = target
        self._checker = checker
        self._history = history
        self._policy = policy
        self._earlier = earlier

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
        policy = self._policy(run.workspace_id)
        failure = examine(run, keep=policy.kept)
        self._attach(failure)
        with self._store.database.reads():
            if idempotency_key is not None:
                known = self._store.analyses.by_key(run.workspace_id, idempotency_key)
                if known is not None:
                    return known
            knowledge = self._knowledge(run.workspace_id)
            diagnosis = self._diagnose(failure, knowledge)
            found = Findings(locate(run), diagnosis)
            root = self._store.failures.root_of(run.workspace_id, failure.signature)
            pattern = self._detect(run, failure, root, diagnosis, policy)
            around = self._look_around(run, diagnosis)
            reuse = reuse_key(run, failure, root, around=around, knowledge=knowledge)
            earlier = self._store.analyses.reusable(reuse)
        if earlier is not None:
            if not run.is_parked:
                self._store.failures.record(failure)
            self._see(run, failure, policy)
            return served_again(
                earlier,
                run,
                failure,
                pattern=pattern,
                found=self._look_back(found, run, around),
                balance=self._store.ledger.balance(run.workspace_id),
            )
        offers = offers_for(
            failure, diagnosis, around, checker=self._checker, is_parked=run.is_parked
        )
        report = compose(
            failure,
            diagnosis,
            pattern=pattern,
            around=around,
            offers=offers,
            now=self._store.database.now(),
            knowledge=knowledge,
            auto_resume_at=run.auto_resume_at,
        )
        report = report.model_copy(update=self._look_back(found, run, around).of_this_run())
        price = policy.offline_credit_cost
        credits, reason = _charge(report, price)
        finished = FinishedAnalysis(
            # without a key of the caller's, requests at once for one answer share one of ours
            idempotency_key=idempotency_key or f"{run.execution_id}:{reuse.digest}",
            failure=failure,
            report=report,
            reuse=reuse,
            fixes=drafts(offers),
            credits=credits,
            reason=reason,
            asked_by=asked_by,
            failed=not run.is_parked,
        )
        answer = self._store.analyses.answer(finished, price=price)
        self._see(run, failure, policy)
        return answer

    def glance(self, run: RunRecord) -> Diagnosis:
        """What the rules say of *run* by its error alone; stores and costs nothing.

        Raises NotAnalysable.
        """
        return self.explain(examine(run))

    def explain(self, failure: Failure) -> Diagnosis:
        """The same of a failure that is stored."""
        return self._diagnose(failure, self._knowledge(failure.workspace_id))

    def patterns(self, workspace_id: str, workflow_id: str) -> tuple[FailureGroup, ...]:
        """The kinds of failure among a workflow's last failed runs, the most frequent first."""
        policy = self._policy(workspace_id)
        groups = self._store.failures.groups(workspace_id, workflow_id, policy.pattern_window)
        recent = tuple(seen for group in groups for seen in group.sightings)
        return tuple(self._group(group, recent, policy) for group in groups)

    def _group(
        self, group: SightingGroup, recent: Sequence[Sighting], policy: Policy
    ) -> FailureGroup:
        diagnosis = self.explain(group.newest)
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

    def _attach(self, failure: Failure) -> None:
        if self._earlier:
            database = self._store.database
            with database.write() as connection:
                attach(connection, (failure,), earlier=self._earlier, now=database.now())

    def _diagnose(self, failure: Failure, knowledge: KnowledgeBase) -> Diagnosis:
        error = failure.error
        return diagnose(
            message=error.message,
            error_type=error.type,
            traceback=error.traceback,
            step_action=failure.action,
            code=error.code,
            details=error.details,
            knowledge=knowledge,
            where=place(failure.step_number, failure.step_path),
            occurred_at=failure.occurred_at,
        )

    def _detect(
        self, run: RunRecord, failure: Failure, root: str, diagnosis: Diagnosis, policy: Policy
    ) -> Pattern:
        recent = self._store.failures.recent_failures(
            failure.workspace_id, failure.workflow_id, limit=policy.pattern_window
        )
        current = Sighting.of(failure, root)
        ignored = self._store.failures.is_ignored(failure.workspace_id, root, window=recent)
        if run.is_parked or ignored:  # counts as little as a test
            current = replace(current, test_mode=True)
        found = detect(
            current,
            recent,
            root_cause=diagnosis.root_cause,
            captures=diagnosis.captures,
            threshold=policy.pattern_threshold,
            window=policy.pattern_window,
        )
        workflow = (failure.workspace_id, failure.workflow_id)
        known = self._store.patterns.of_group(*workflow, root, failure.signature)
        roots = {seen.signature: seen.root for seen in (*recent, current)}
        endings = self._store.run_facts.endings(*workflow, roots=roots)
        rhythm = rhythm_of(endings, root, needed=policy.verify_runs)
        state = stand_with(known, current, is_pattern=found.is_pattern)
        return found.model_copy(update={"state": state, "rhythm": rhythm.words if rhythm else None})

    def _see(self, run: RunRecord, failure: Failure, policy: Policy) -> None:
        """A run of another system is taken in by nobody else."""
        if self._target is not None:
            return
        database = self._store.database
        with database.write() as connection:
            observe(
                connection,
                run.workspace_id,
                [(run, (failure,))],
                verified=(),
                thresholds=Thresholds.of(policy),
                now=database.now(),
                complete=False,
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

    def _look_back(self, found: Findings, run: RunRecord, around: Surroundings) -> Findings:
        return found if self._history is None else look_back(found, run, self._history, around)


def _charge(report: Report, price: int) -> tuple[int, str]:
    if report.verdict is Verdict.INCONCLUSIVE and not report.suggested_fixes:
        return 0, "inconclusive, not charged"
    return price, "answered by the rules"
