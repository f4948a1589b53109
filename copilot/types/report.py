"""A failure, the pattern it is part of, and the report that answers for it."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Literal, cast

from pydantic import AwareDatetime, Field, computed_field, model_validator

from ..fixes import ACTIONS
from .already_fixed import AlreadyFixed
from .consultation import ModelUse
from .diagnosis import Alternative, Evidence, RootCause, Verdict
from .frozen import Frozen
from .message import MessageParts, buttons, failed_at, numbered, place, repeated, resumes
from .pattern import PatternState
from .run import ErrorRecord
from .suggested_fix import SuggestedFix

#: What a person does, not a fix: there is a place for it, so its button is shown all the same.
_DONE_ELSEWHERE = frozenset({"connect_integration"})
#: Their buttons say what is done, once the root cause is named.
_CLEAR = frozenset({"create_template", "create_field", "connect_integration"})
_MOST_ACTIONS = 4


class Failure(Frozen):
    """The first thing that went wrong in a run, in one workspace; what everything else is about."""

    workspace_id: str
    workflow_id: str
    workflow_version: int | None
    execution_id: str
    test_mode: bool
    step_path: str | None = Field(description="None when the run failed outside every step.")
    step_number: int | None
    action: str | None
    error: ErrorRecord
    occurred_at: AwareDatetime
    signature: str
    key: str
    label: str
    entities: tuple[tuple[str, str], ...] = ()
    later_failures: int = Field(
        default=0, description="Failed steps after this one, explained by it and not counted apart."
    )


class Pattern(Frozen):
    """`pattern_detected` of the report."""

    is_pattern: bool
    error_message: str
    failure_count: int
    window: int = Field(description="Failed runs looked at.")
    first_occurred: AwareDatetime | None = None
    last_occurred: AwareDatetime | None = None
    shared_entities: tuple[str, ...] = Field(
        default=(), description="Names that every member shares."
    )
    recommendation: str | None = None
    warning: str | None = Field(
        default=None, description="'This agent has failed 5 times with the same error.'"
    )
    state: PatternState | None = Field(
        default=None, description="Where it stands; null when it was never a pattern."
    )
    rhythm: str | None = Field(
        default=None, description="'fails about every second run: intermittent'."
    )

    @property
    def warns(self) -> bool:
        """Whether it repeats and nobody has said that this is known."""
        return self.is_pattern and self.state is not PatternState.DISMISSED


class FailedStep(Frozen):
    step_number: int | None
    action: str | None
    error: str
    timestamp: AwareDatetime
    path: str | None = None


class FollowingStep(Frozen):
    """A step that failed because the one before it in the report did."""

    step_number: int
    path: str
    action: str
    error: str | None = None


class GreenRun(Frozen):
    """The last run of the same workflow that went well before this failure."""

    execution_id: str
    workflow_version: int
    finished_at: AwareDatetime
    ago: str = Field(description="'2 hours before this failure'.")


class Action(Frozen):
    """A button under the report. One with `fix_id` applies that fix, once it is approved."""

    type: str = Field(description="Fix type, or 'pause_workflow'.")
    action: str = Field(description="Text of the button.")
    fix_id: str | None = None


class Receipt(Frozen):
    """What an analysis cost, in credits, and what is left (None: this workspace has no limit)."""

    credits: int
    balance: int | None
    reason: str
    cost_usd: Decimal | None = Field(
        default=Decimal(0),
        description="What the provider charged; None when its price is not known.",
    )


class CreditStatement(Frozen):
    """Where the credits of a workspace went. `balance` is None without a limit."""

    balance: int | None
    granted: int
    spent: int
    reserved: int = Field(description="Put aside for analyses under way.")
    problems: tuple[str, ...] = Field(default=(), description="Why the books do not balance.")


class Report(Frozen):
    """The answer to "why did this run fail"; the same shape whoever produced it.

    `actions` and `message` follow from the other fields, also in a copy with another step or
    pattern: they are written out and never read in.
    """

    analysis_id: str
    execution_id: str
    workflow_id: str
    headline: str
    explanation: str
    root_cause: RootCause
    verdict: Verdict
    evidence: tuple[Evidence, ...]
    failed_step: FailedStep
    suggested_fixes: tuple[SuggestedFix, ...]
    can_auto_fix: bool
    pattern_detected: Pattern
    available_templates: tuple[str, ...] = ()
    integration_status: dict[str, Literal["connected", "disconnected"]] = Field(
        default_factory=dict[str, Literal["connected", "disconnected"]]
    )
    retry_helps: bool | None = None
    signature: str
    label: str
    later_failures: int = 0
    followed_by: tuple[FollowingStep, ...] = Field(
        default=(), description="The steps that failed because of it; at most 20."
    )
    failed_beside: tuple[FollowingStep, ...] = Field(
        default=(), description="Steps that failed for reasons of their own; at most 20."
    )
    location_note: str | None = Field(
        default=None, description="Which of several steps or texts was taken, and why."
    )
    wrapped_by: str | None = Field(
        default=None, description="What the failed step itself said: only that it failed."
    )
    grounds: str = Field(default="", description="Why the verdict is as it is.")
    alternatives: tuple[Alternative, ...] = Field(
        default=(), description="Other root causes, and why they are not the answer; at most 3."
    )
    collect: tuple[str, ...] = Field(
        default=(), description="What would tell more, where the verdict is not 'confirmed'."
    )
    last_green_run: GreenRun | None = None
    changes_since: tuple[str, ...] = Field(
        default=(),
        description="What has changed since that run, what touches the failure first; at most 10.",
    )
    quota_use: tuple[str, ...] = Field(
        default=(), description="How far limits are used, where the failure is about one."
    )
    produced_by: str = "offline"
    degraded_reason: str | None = Field(
        default=None,
        description="Why the rules answered alone where a model was to be asked: 'timeout', …",
    )
    model: ModelUse | None = Field(
        default=None, description="The model that was asked; null when none was."
    )
    served_from: str | None = Field(
        default=None, description="The analysis that is told again here, for nothing."
    )
    hidden_characters: int = Field(
        default=0, description="Characters of the error that can't be seen and were taken out."
    )
    created_at: AwareDatetime
    receipt: Receipt
    own_entry: str | None = Field(
        default=None, description="The workspace's own entry that explains it, where one does."
    )
    parts: MessageParts = MessageParts()
    can_pause: bool = Field(
        default=False,
        description="Whether a pause can help: the workflow is here, runs, and is not fixed already.",
    )
    pause_fix_id: str | None = Field(
        default=None,
        exclude_if=lambda fix_id: fix_id is None,
        description="The fix that pauses the workflow, where the failure repeats.",
    )
    auto_resume_at: AwareDatetime | None = Field(
        default=None, description="When a timer resumes the run; None: no timer is set."
    )
    already_fixed: AlreadyFixed | None = Field(
        default=None,
        description="Where it has been fixed since, which makes an analysis free, or is now.",
    )

    @model_validator(mode="before")
    @classmethod
    def _without_what_follows(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        given = cast("Mapping[str, Any]", data)
        return {key: value for key, value in given.items() if key not in ("actions", "message")}

    @computed_field
    @property
    def actions(self) -> tuple[Action, ...]:
        """What can be done with one click, pausing a workflow that keeps failing first."""
        return tuple(dict.fromkeys(self._actions()))[:_MOST_ACTIONS]

    @computed_field
    @property
    def message(self) -> str:
        """The whole answer as plain text, for a chat, an e-mail or a terminal."""
        pattern = self.pattern_detected
        if pattern.warns and pattern.warning:
            cause = self.parts.cause_for(pattern.shared_entities) or self.label
            told = [repeated(pattern.warning, cause, pattern.recommendation)]
            offered = {one.type for one in self.actions} - {"pause_workflow"}
            told += [] if offered and offered <= _CLEAR else [self._options()]
            told += [self._left_alone(), self._resumption()]
            shown = [one.action for one in self.actions]
        else:
            told = [*self._told(), self._changed(), self._options(), self._left_alone()]
            told += [self._wanted()]
            shown = [one.action for one in self.actions if not self._is_asked(one)]
            told += [self._resumption(), self._question]
        if self.already_fixed is not None:
            told = [*self.already_fixed.paragraphs(), *told]
        return "\n\n".join(text for text in (*told, buttons(shown)) if text)

    def _actions(self) -> Iterator[Action]:
        if self.can_pause and self.pattern_detected.warns:
            yield Action(type="pause_workflow", action="Pause Agent", fix_id=self.pause_fix_id)
        seen = set[str]()
        for fix in self.suggested_fixes:
            if (fix.fix_id or fix.type in _DONE_ELSEWHERE) and fix.action not in seen:
                seen.add(fix.action)
                yield Action(type=fix.type, action=fix.action, fix_id=fix.fix_id)

    def _told(self) -> Iterator[str | None]:
        if self.parts.opening:
            yield self.parts.opening
            return
        step = self.failed_step
        yield failed_at(
            place(step.step_number, step.path),
            step.error,
            guess=self.parts.guess,
            later_failures=self.later_failures,
            beside=[one.step_number for one in self.failed_beside],
            waits=self.auto_resume_at is not None,
        )
        yield self.explanation if self.parts.explains else None

    def _changed(self) -> str | None:
        """The change since the last green run that is about what failed."""
        found = next((one.text for one in self.evidence if one.source == "change"), None)
        return None if found is None else f"Changed since it last went well: {found}."

    def _wanted(self) -> str | None:
        """What would tell more, where nothing could be told."""
        if self.verdict is not Verdict.INCONCLUSIVE or not self.collect:
            return None
        return f"What would tell more: {'; '.join(self.collect)}."

    def _options(self) -> str | None:
        own_words = tuple(fix.description for fix in self.suggested_fixes)
        return numbered(self.parts.lead, self.parts.options or own_words)

    def _left_alone(self) -> str | None:
        """Of the first fix that somebody has signed for: which it is, the lines above don't say."""
        found = next((fix for fix in self.suggested_fixes if fix.left_alone), None)
        return None if found is None else f"{found.type}: {found.left_alone}"

    def _is_asked(self, one: Action) -> bool:
        """Whether the question takes the place of its button."""
        return bool(self._question and one.fix_id) and one.type not in ACTIONS

    @property
    def _question(self) -> str | None:
        applicable = {fix.type for fix in self.suggested_fixes if fix.fix_id}
        return self.parts.question if self.parts.asks in applicable else None

    def _resumption(self) -> str | None:
        if self.auto_resume_at is None:
            return None
        return resumes(self.auto_resume_at, now=self.failed_step.timestamp)
