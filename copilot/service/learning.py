"""What is learned from fixes and people, and how far fixes may go, for one caller."""

from collections.abc import Sequence

from ..characters import has_hidden
from ..errors import InvalidInput
from ..golden_case import write_case
from ..learning import by, held_back
from ..types import OutcomeState
from ..types.learning import Feedback, GoldenCase, LearningSummary, Level, LevelSetting
from ..types.principal import Scope
from .caller import Caller
from .parts import Parts
from .standing_needs import StandingNeeds

LONGEST_REASON = 1_000


class LocalLearning:
    """Implements `Learning`."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def summary(self) -> LearningSummary:
        self._caller.require(Scope.READ)
        workspace_id, store = self._caller.workspace_id, self._parts.store
        self._parts.intake.catch_up(workspace_id)
        rates = store.outcomes.rates(workspace_id)
        return LearningSummary(
            fix_types=by(rates, lambda rate: rate.fix_type),
            root_causes=by(rates, lambda rate: rate.root_cause),
            entries=by(rates, lambda rate: rate.entry),
            runtimes=by(rates, lambda rate: rate.produced_by),
            models=by(rates, lambda rate: rate.model),
            thumbs_by_runtime=tuple(store.feedback.by_runtime(workspace_id)),
            thumbs_by_cause=tuple(store.feedback.by_cause(workspace_id)),
            not_offered=tuple(held_back(rates, self._parts.policies.of(workspace_id).fix_floor)),
        )

    def feedback(self, analysis_id: str, *, helpful: bool, reason: str = "") -> Feedback:
        self._caller.require(Scope.ANALYZE)
        if len(reason) > LONGEST_REASON or has_hidden(reason):
            problem = f"must be at most {LONGEST_REASON} characters that can be seen."
            raise InvalidInput("reason", problem, "")
        given = self._parts.store.feedback.give(
            self._caller.principal, analysis_id, helpful=helpful, reason=reason
        )
        self._caller.record("give_feedback", analysis_id, helpful=helpful)
        return given

    def levels(self) -> Sequence[LevelSetting]:
        self._caller.require(Scope.READ)
        return self._needs(self._parts.autonomy.shown(self._caller.workspace_id))

    def set_level(self, fix_type: str, level: Level) -> Sequence[LevelSetting]:
        return self._needs(self._parts.autonomy.set(self._caller.principal, fix_type, level))

    def _needs(self, levels: Sequence[LevelSetting]) -> Sequence[LevelSetting]:
        return StandingNeeds(self._parts, self._caller.workspace_id).of_levels(levels)

    def case(self, change_id: str) -> GoldenCase:
        self._caller.require(Scope.READ)
        workspace_id, store = self._caller.workspace_id, self._parts.store
        record = store.changes.get(workspace_id, change_id)
        self._parts.intake.catch_up(workspace_id)
        change = record.change
        outcome = store.outcomes.get(workspace_id, change_id)
        if outcome.state is not OutcomeState.VERIFIED or change.reversed:
            problem = f"this fix is not verified, it is {outcome.state.value.replace('_', ' ')}."
            raise InvalidInput("change", problem, "Only what has held becomes a case.")
        stored = store.analyses.fix(workspace_id, change.fix_id)
        if stored.analysis_id is None:
            raise InvalidInput("change", "it was made for no failed run.", "")
        report = store.analyses.get(workspace_id, stored.analysis_id)
        run = self._parts.runs.as_failed(
            workspace_id,
            report.execution_id,
            at=report.failed_step.timestamp,
            version=change.base_version,
        )
        if not run.status.is_failure:
            problem = "its run went on since, and how it failed is not kept."
            raise InvalidInput(
                "change", problem, "Export a fix of a run that still stands as failed."
            )
        return write_case(run, report, record, mask=self._parts.mask)
