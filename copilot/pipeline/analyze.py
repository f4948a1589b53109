"""The story: a failed run in, a report out. The only file that knows the order of the stages.

locate the step > normalize its error > detect repetition > diagnose > look around > propose >
validate > preview, then a model, where it is worth asking one. Nothing is charged before all of it is
done, and one commit stores it.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from knowledge_base import KnowledgeBase

from ..errors import NotFound
from ..learning import Lessons
from ..policy import Policy
from ..ports import Deeds, DefinitionChecker, RunHistory, Target, WorkspaceReader
from ..snapshot import Standing
from ..storage.store import Store
from ..types import (
    Diagnosis,
    Failure,
    Pattern,
    Report,
    RootCause,
    RunRecord,
)
from ..types.consultation import StoredPrompt
from ..types.insight import FailureGroup
from .actions import acting, as_it_stands, for_this_run, is_about_actions, pausing
from .answering import Answering, Work
from .consult import Chosen, Consultant, wants_model
from .detect import Thresholds, observe
from .examine import examine, explain
from .findings import Findings, look_back
from .learned import as_allowed, asks_model, may_act, prepared, without_done
from .locate import locate
from .offers import drafts, offers_for
from .past import Levels, lessons_for
from .repetition import group_of, repetition
from .report import Offer, Surroundings, compose
from .reuse import answers_for, reuse_key, served_again
from .validate import ANY_FIX, FixPolicy
from .versions import EARLIER, Earlier, attach
from .words import NO_SECRETS, Words


def _default_policy(_workspace_id: str) -> Policy:
    return Policy()


def _any_fix(_workspace_id: str) -> FixPolicy:
    return ANY_FIX


class Analyzer:
    """Answers why a run failed, with the rules of the knowledge base.

    knowledge: what a workspace knows, its own entries among it. policy: what a workspace has
    decided, fix_policy: about fixes, levels: how far they may go. All are asked anew for each
    analysis.
    """

    def __init__(
        self,
        store: Store,
        *,
        knowledge: Callable[[str], KnowledgeBase],
        workspaces: WorkspaceReader | None = None,
        target: Target | None = None,
        deeds: Deeds | None = None,
        checker: DefinitionChecker | None = None,
        history: RunHistory | None = None,
        policy: Callable[[str], Policy] = _default_policy,
        earlier: Sequence[Earlier] = EARLIER,
        words: Words = NO_SECRETS,
        consultant: Consultant | None = None,
        seconds: float = 10.0,
        fix_policy: Callable[[str], FixPolicy] = _any_fix,
        levels: Levels | None = None,
    ) -> None:
        self._store = store
        self._answering = Answering(store, checker)
        self._words = words
        self._consultant = consultant
        self._seconds = seconds
        self._knowledge = knowledge
        self._workspaces = workspaces
        self._target = target
        self._deeds = deeds
        self._checker = checker
        self._history = history
        self._policy = policy
        self._fix_policy = fix_policy
        self._levels = levels
        #: Each is told of an answer, new or told again of another run, and until when it has time;
        #: it gives the answer as it is to be told. What is stored stays as it was.
        self.on_answer: list[Callable[[RunRecord, Report, float], Report]] = []
        self._earlier = earlier

    def analyze(
        self,
        run: RunRecord,
        *,
        idempotency_key: str | None = None,
        asked_by: str | None = None,
        require_model: bool = False,
        until: float | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Report:
        """The report on *run*, charged once per *idempotency_key*.

        The same failure in the same surroundings is served again from what is stored, for
        nothing. A run of our engine that waits for a limit is explained too, and counts as no
        failure. Where the workspace's policy has a model asked, it is asked until *until* (by
        `time.monotonic`) at most, and the rules answer when it does not. require_model: it is asked
        although the rules are sure, and credits for the rules alone are not enough. on_text hears
        the model's explanation as it comes. Raises NotAnalysable for a run that did not fail, and
        InsufficientCredits.
        """
        until = until or time.monotonic() + self._seconds
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
            diagnosis = explain(failure, knowledge)
            found = Findings(locate(run), diagnosis)
            root = self._store.failures.root_of(run.workspace_id, failure.signature)
            pattern = repetition(self._store, run, failure, root, diagnosis, policy)
            around = self._look_around(run, failure, root, diagnosis, policy, pattern)
            reuse = reuse_key(run, failure, root, around=around, knowledge=knowledge)
            earlier = self._store.analyses.reusable(reuse)
        lessons = around.lessons
        chosen = self._chosen(run, diagnosis, policy, lessons, require_model=require_model)
        if earlier is not None and answers_for(earlier, asks_model=bool(chosen.models)):
            if not run.is_parked:
                self._store.failures.record(failure)
            self._see(run, failure, policy)
            told = served_again(
                earlier,
                run,
                failure,
                pattern=pattern,
                found=self._look_back(found, run, around),
                balance=self._store.ledger.balance(run.workspace_id),
            )
            told = self._with_actions(as_allowed(told, lessons), earlier, failure, around)
            return as_it_stands(without_done(self._heard(run, told, until)), around)
        offers, beside, report = self._compose(run, failure, diagnosis, pattern, around, knowledge)
        report = report.model_copy(update=self._look_back(found, run, around).of_this_run())
        report = as_allowed(report, lessons)
        work = Work(
            run=run,
            failure=failure,
            diagnosis=diagnosis,
            around=around,
            report=report,
            offers=offers,
            beside=beside,
            reuse=reuse,
            policy=policy,
            request_key=idempotency_key,
            asked_by=asked_by,
            chain=chosen.models,
            require_model=require_model,
            earlier=earlier,
        )
        if self._consultant is None or not chosen.models:
            answer = self._answering.by_rules(work, reason=chosen.reason)
        else:
            answer = self._answering.by_model(work, self._consultant, until=until, on_text=on_text)
        self._see(run, failure, policy)
        return as_it_stands(without_done(self._heard(run, answer, until)), around)

    def prompt(self, run: RunRecord) -> StoredPrompt:
        """The words a model would be asked with about *run*; stores, asks and costs nothing.

        Raises NotAnalysable.
        """
        policy = self._policy(run.workspace_id)
        failure = examine(run, keep=policy.kept)
        with self._store.database.reads():
            knowledge = self._knowledge(run.workspace_id)
            diagnosis = explain(failure, knowledge)
            root = self._store.failures.root_of(run.workspace_id, failure.signature)
            pattern = repetition(self._store, run, failure, root, diagnosis, policy)
            around = self._look_around(run, failure, root, diagnosis, policy, pattern)
        *_, report = self._compose(run, failure, diagnosis, pattern, around, knowledge)
        found = self._look_back(Findings(locate(run), diagnosis), run, around)
        report = report.model_copy(update=found.of_this_run())
        return self._words.rehearsed(
            run, self._words.prompt(run, failure, diagnosis, report, around)
        )

    def glance(self, run: RunRecord) -> Diagnosis:
        """What the rules say of *run* by its error alone; stores and costs nothing.

        Raises NotAnalysable.
        """
        return self.explain(examine(run))

    def explain(self, failure: Failure) -> Diagnosis:
        """The same of a failure that is stored."""
        return explain(failure, self._knowledge(failure.workspace_id))

    def patterns(self, workspace_id: str, workflow_id: str) -> tuple[FailureGroup, ...]:
        """The kinds of failure among a workflow's last failed runs, the most frequent first."""
        policy = self._policy(workspace_id)
        groups = self._store.failures.groups(workspace_id, workflow_id, policy.pattern_window)
        recent = tuple(seen for group in groups for seen in group.sightings)
        return tuple(
            group_of(group, recent, self.explain(group.newest), policy) for group in groups
        )

    def _compose(
        self,
        run: RunRecord,
        failure: Failure,
        diagnosis: Diagnosis,
        pattern: Pattern,
        around: Surroundings,
        knowledge: KnowledgeBase,
    ) -> tuple[tuple[Offer, ...], tuple[Offer, ...], Report]:
        """What the rules offer, what is offered beside that, and what they say."""
        offers = offers_for(
            failure, diagnosis, around, checker=self._checker, is_parked=run.is_parked
        )
        offers = prepared(acting(offers, failure, around), around.lessons, diagnosis)
        pause = pausing(failure, pattern, around) if may_act(around.lessons) else None
        report = compose(
            failure,
            diagnosis,
            pattern=pattern,
            around=around,
            offers=offers,
            now=self._store.database.now(),
            knowledge=knowledge,
            auto_resume_at=run.auto_resume_at,
            pause_fix_id=None if pause is None else pause.fix_id,
        )
        return offers, () if pause is None else (pause,), report

    def _heard(self, run: RunRecord, answer: Report, until: float) -> Report:
        for listener in self.on_answer:
            answer = listener(run, answer, until)
        return answer

    def _with_actions(
        self, told: Report, earlier: Report, failure: Failure, around: Surroundings
    ) -> Report:
        """*earlier* as it is *told* again, with the actions that are about this run."""
        if not may_act(around.lessons):
            return told
        report, added = for_this_run(told, failure, around, first_told_about=earlier.execution_id)
        if fixes := drafts(added):
            self._store.analyses.add_fixes(failure.workspace_id, earlier.analysis_id, fixes)
        return report

    def _chosen(
        self,
        run: RunRecord,
        diagnosis: Diagnosis,
        policy: Policy,
        lessons: Lessons,
        *,
        require_model: bool,
    ) -> Chosen:
        """Whom to ask; nobody about a run that goes on by itself."""
        if self._consultant is None or run.is_parked or not asks_model(lessons, require_model):
            return Chosen()
        if not wants_model(policy, diagnosis, require=require_model):
            return Chosen()
        return self._consultant.chosen(policy)

    def _attach(self, failure: Failure) -> None:
        if self._earlier:
            database = self._store.database
            with database.write() as connection:
                attach(connection, (failure,), earlier=self._earlier, now=database.now())

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

    def _look_around(
        self,
        run: RunRecord,
        failure: Failure,
        root: str,
        diagnosis: Diagnosis,
        policy: Policy,
        pattern: Pattern,
    ) -> Surroundings:
        lessons = lessons_for(self._store, failure, root, policy=policy, levels=self._levels)
        if run.is_parked:  # it has not failed, so nothing can have been fixed
            lessons = replace(lessons, already_fixed=None)
        if self._target is None or self._workspaces is None:
            return Surroundings(lessons=lessons)
        try:
            snapshot = self._target.snapshot(run.workspace_id, run.workflow_id)
            standing = self._standing(run) if is_about_actions(diagnosis, pattern) else None
        except NotFound:
            snapshot = standing = None
        return Surroundings(
            lessons=lessons,
            snapshot=snapshot,
            standing=standing,
            context=self._workspaces.context(run.workspace_id),
            allowed=self._fix_policy(run.workspace_id),
            output_names=(
                self._workspaces.output_names(run.workspace_id, run.execution_id)
                if diagnosis.root_cause is RootCause.MISSING_STEP_OUTPUT
                else None
            ),
        )

    def _standing(self, run: RunRecord) -> Standing | None:
        if self._deeds is None:
            return None
        of = (run.workspace_id, run.workflow_id)
        return self._deeds.standing(*of, execution_id=run.execution_id)

    def _look_back(self, found: Findings, run: RunRecord, around: Surroundings) -> Findings:
        return found if self._history is None else look_back(found, run, self._history, around)
