"""One run at a glance: its timeline, what broke first and what followed, what the rules advise."""

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from ..errors import NotFound
from ..pipeline.examine import examine
from ..pipeline.report import headline
from ..pipeline.sanitize import one_line
from ..types import Diagnosis, Failure, FixHint, RunRecord
from ..types.debug import (
    DebugView,
    EarlierRound,
    ErrorSummary,
    State,
    TieredAdvice,
    TimelineStep,
    Wait,
)
from ..types.engine import Execution, StepApproval, StepExecution
from ..types.principal import Scope
from .caller import Caller
from .engine import GuardedExecutions
from .parts import Parts

_LONGEST_ERROR = 300
_MOST_RETRIES = 10
#: How the engine begins what it notes of an attempt.
_ATTEMPT = re.compile(r"^Attempt \d+ failed: ")
_STATES: dict[str, State] = {
    "succeeded": "good",
    "failed": "bad",
    "running": "warning",
    "paused": "warning",
    "pending": "idle",
    "skipped": "idle",
}
_TIERS = ("quick", "better", "best")


class RunDebugger:
    """Puts a `DebugView` together from what the engine and the copilot have stored."""

    def __init__(self, parts: Parts, caller: Caller, executions: GuardedExecutions) -> None:
        self._parts = parts
        self._caller = caller
        self._executions = executions

    def of_workflow(self, workflow_id: str) -> DebugView:
        """The last run of it that has ended. Raises NotFound also before the first one has."""
        self._caller.require(Scope.READ)
        run = self._parts.runs.last_ended(self._caller.workspace_id, workflow_id)
        if run is None:
            raise NotFound("run of this workflow that has ended")
        return self._view(run)

    def of_run(self, execution_id: str) -> DebugView:
        """Any run, also one that is under way or went well. Raises NotFound."""
        self._caller.require(Scope.READ)
        return self._view(self._parts.runs.run(self._caller.workspace_id, execution_id))

    def _view(self, run: RunRecord) -> DebugView:
        execution = self._executions.get(run.execution_id)
        steps = self._executions.steps(run.execution_id, outputs=False)
        broke = run.status.is_failure or run.is_parked
        failure = examine(run) if broke else None
        diagnosis = self._parts.analyzer.glance(run) if broke else None
        timeline = tuple(_timeline(steps, failure))
        return DebugView(
            workflow_id=run.workflow_id,
            execution_id=run.execution_id,
            status=run.status.value,
            started_at=run.started_at,
            completed_at=run.finished_at,
            round=execution.round,
            resume_mode=execution.resume_mode,
            earlier_rounds=self._earlier(execution),
            timeline=timeline,
            waits=tuple(_waits(execution, self._executions.approvals(run.execution_id))),
            error=_summary(failure, waits=run.is_parked) if failure else None,
            consequences=tuple(one.path for one in timeline if one.part == "consequence"),
            root_cause=diagnosis.root_cause if diagnosis else None,
            verdict=diagnosis.verdict if diagnosis else None,
            explanation=diagnosis.explanation if diagnosis else None,
            entry=diagnosis.entry if diagnosis else None,
            own_entry=self._is_own(diagnosis),
            advice=_advice(diagnosis.fixes if diagnosis else ()),
            report=self._parts.store.analyses.of_run(run.workspace_id, run.execution_id),
        )

    def _is_own(self, diagnosis: Diagnosis | None) -> bool:
        if diagnosis is None:
            return False
        return diagnosis.entry in self._parts.knowledge.of(self._caller.workspace_id).own

    def _earlier(self, execution: Execution) -> tuple[EarlierRound, ...]:
        if execution.round == 1:
            return ()
        steps = self._executions.history(execution.id)
        return tuple(_round(number, steps) for number in range(1, execution.round))


def _round(number: int, steps: Sequence[StepExecution]) -> EarlierRound:
    """Where a round broke: at the innermost of its failed steps."""
    failed = [one for one in steps if one.round == number and one.status.value == "failed"]
    if not failed:
        return EarlierRound(round=number)
    step = max(failed, key=lambda one: one.path.count("/"))
    return EarlierRound(
        round=number,
        step_number=step.number,
        path=step.path,
        name=one_line(step.name),
        error=_line(step.error.message) if step.error else None,
    )


def _timeline(steps: Sequence[StepExecution], failure: Failure | None) -> Iterator[TimelineStep]:
    cause = next((one for one in steps if failure and one.path == failure.step_path), None)
    for step in steps:
        yield TimelineStep(
            number=step.number,
            path=step.path,
            depth=_depth(step.path, steps),
            name=one_line(step.name or step.path.lstrip("/")),
            action=one_line(step.action),
            kind=step.kind,
            status=step.status.value,
            state=_state(step),
            started_at=step.started_at,
            execution_time_ms=step.execution_time_ms if step.completed_at else None,
            attempts=max(step.attempts, 1 if step.started_at else 0),
            retried=tuple(_retried(step)),
            round=step.round,
            restored=step.restored,
            note=_note(step),
            error=_line(step.error.message) if step.error else None,
            part=_part(step, cause),
        )


def _retried(step: StepExecution) -> Iterator[str]:
    """Why attempts failed after which there was another one, or that succeeded in the end."""
    last = step.error.message if step.error else None
    for words in step.feedback[:_MOST_RETRIES]:
        said = _ATTEMPT.sub("", words)
        if said != last or step.attempts > 1:
            yield _line(said)


def _depth(path: str, steps: Sequence[StepExecution]) -> int:
    """How many other steps of the run it is inside of."""
    return sum(1 for other in steps if path.startswith(f"{other.path}/"))


def _state(step: StepExecution) -> State:
    state = _STATES[step.status.value]
    helped = step.attempts > 1 or step.fallback is not None
    return "warning" if state == "good" and helped else state


def _note(step: StepExecution) -> str | None:
    if step.fallback is not None:
        how = "stood in" if step.fallback.succeeded else "failed too"
        return f"fallback '{one_line(step.fallback.title)}' {how}: {_line(step.fallback.error.message)}"
    if step.status.value == "paused":
        return "waits for a person" if step.kind == "approval" else "waits"
    return None


def _part(
    step: StepExecution, cause: StepExecution | None
) -> Literal["cause", "consequence"] | None:
    """A step that holds the one that failed first is the same failure, not another one.

    What is left out behind it is left out because of it; before it and beside it, by a branch.
    """
    if cause is None:
        return None
    if step.path == cause.path:
        return "cause"
    if cause.path.startswith(f"{step.path}/"):
        return None
    left_out = _STATES[step.status.value] == "idle" and step.number > cause.number
    return "consequence" if left_out or step.status.value == "failed" else None


def _summary(failure: Failure, *, waits: bool) -> ErrorSummary:
    error = failure.error
    return ErrorSummary(
        headline=headline(failure, waits=waits),
        step_number=failure.step_number,
        path=failure.step_path,
        action=one_line(failure.action) if failure.action else None,
        error_type=one_line(error.type) if error.type else None,
        code=error.code,
        message=_line(error.message) or "no error text",
        occurred_at=failure.occurred_at,
    )


def _waits(execution: Execution, approvals: Sequence[StepApproval]) -> Iterator[Wait]:
    for one in approvals:
        by = f" by {one_line(one.decided_by)}" if one.decided_by else ""
        yield Wait(
            what="approval",
            path=one.path,
            name=one_line(one.name),
            since=one.asked_at,
            until=one.decided_at or (one.expires_at if one.status == "waiting" else None),
            outcome=f"{one.status}{by}",
        )
    waiting = any(one.status == "waiting" for one in approvals)
    if execution.status.value == "paused" and execution.wake_at is not None and not waiting:
        yield Wait(
            what="quota", since=execution.paused_at, until=execution.wake_at, outcome="waiting"
        )


def _advice(fixes: Sequence[FixHint]) -> tuple[TieredAdvice, ...]:
    """What is quick first, what is best last; within a tier as the knowledge base has it."""
    return tuple(
        TieredAdvice(tier=fix.tier, type=fix.type, description=fix.description)
        for fix in sorted(fixes, key=lambda fix: _TIERS.index(fix.tier))
    )


def _line(text: str) -> str:
    return one_line(text, limit=_LONGEST_ERROR)
