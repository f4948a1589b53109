"""Whether an applied fix held, judged on the step and the failure it was made for.

A fix is verified when its step passes in the next runs (3 by default), regressed when the same
failure returns in that step, and not exercised until a run has reached the step. One green run
that never came there says nothing, and neither does a run in test mode.
"""

from collections.abc import Callable, Sequence

from ..storage.failures import Failures
from ..storage.outcomes import Finding, Outcomes, Watch
from ..types import Change, Failure, Outcome, OutcomeState, RunRecord, RunStatus, StepStatus

RootOf = Callable[[str], str]


def observe(
    run: RunRecord, failures: Sequence[Failure], *, outcomes: Outcomes, groups: Failures
) -> tuple[Outcome, ...]:
    """Let an ended run speak about every change under watch in its workflow.

    failures: what failed in it, normalized; empty for a run that succeeded. Gives the outcomes it
    spoke about. The same run again changes nothing, so a reader may deliver it twice.
    """
    spoken: list[Outcome] = []
    for watch in outcomes.open_watches(run.workspace_id, run.workflow_id):
        finding = judge(
            watch, run, failures, root_of=lambda name: groups.root_of(run.workspace_id, name)
        )
        if finding is None or _adds_nothing(watch, finding):
            continue
        after = outcomes.record(watch, run.execution_id, finding, conclude=conclude)
        spoken.append(outcome_of(after))
    return tuple(spoken)


def judge(
    watch: Watch, run: RunRecord, failures: Sequence[Failure], *, root_of: RootOf
) -> Finding | None:
    """What *run* says about the change; None when it can't say anything.

    That is a test run, a run of another workflow, one on a version without the change, and one
    that has not ended or was cancelled before its step.
    """
    if run.test_mode or not _contains(watch, run):
        return None
    if any(_returned(watch, failure, root_of) for failure in failures):
        return Finding.REGRESSED
    if watch.step_path is None:
        return _judge_whole_run(run)
    statuses = {step.status for step in run.steps if step.path == watch.step_path}
    if statuses == {StepStatus.SUCCEEDED}:
        return Finding.PASSED
    if StepStatus.FAILED in statuses:
        return Finding.UNDECIDED
    ended = run.status is RunStatus.SUCCEEDED or run.status.is_failure
    return Finding.UNREACHED if ended else None


def conclude(watch: Watch) -> OutcomeState:
    """How a change stands after everything counted in *watch*; a regression is final."""
    if watch.regressed_in is not None:
        return OutcomeState.REGRESSED
    if watch.passed >= watch.needed or watch.state is OutcomeState.VERIFIED:
        return OutcomeState.VERIFIED
    if watch.passed or watch.undecided:
        return OutcomeState.WATCHING
    return OutcomeState.NOT_EXERCISED


def outcome_of(watch: Watch) -> Outcome:
    return Outcome(
        change_id=watch.change_id,
        state=watch.state,
        passes=watch.passed,
        needed=watch.needed,
        explanation=_explain(watch),
        rollback_proposed=watch.state is OutcomeState.REGRESSED,
    )


def taken_back(found: Outcome, change: Change) -> Outcome:
    """How a fix stands that is not in place any more: what it did before stays in the counts."""
    return found.model_copy(
        update={
            "state": OutcomeState.TAKEN_BACK,
            "explanation": f"This fix was {change.state.value}; runs since then say nothing of it.",
            "rollback_proposed": False,
        }
    )


def _contains(watch: Watch, run: RunRecord) -> bool:
    return (
        (run.workspace_id, run.workflow_id) == (watch.workspace_id, watch.workflow_id)
        and run.workflow_version is not None
        and run.workflow_version >= watch.version
    )


def _returned(watch: Watch, failure: Failure, root_of: RootOf) -> bool:
    return failure.step_path == watch.step_path and root_of(failure.signature) == root_of(
        watch.signature
    )


def _judge_whole_run(run: RunRecord) -> Finding | None:
    """For a failure outside every step, the run as a whole is the step."""
    if run.status is RunStatus.SUCCEEDED:
        return Finding.PASSED
    return Finding.UNDECIDED if run.status.is_failure else None


def _adds_nothing(watch: Watch, finding: Finding) -> bool:
    """Once verified, only the return of the failure is news: further runs need no rows."""
    return watch.state is OutcomeState.VERIFIED and finding is not Finding.REGRESSED


def _explain(watch: Watch) -> str:
    where = "your agent" if watch.step_path is None else f"step '{watch.step_path.lstrip('/')}'"
    match watch.state:
        case OutcomeState.NOT_EXERCISED if watch.unreached:
            return f"{_runs(watch.unreached)} ended since the fix, and none reached {where}."
        case OutcomeState.NOT_EXERCISED:
            return "No run that counts has ended since the fix."
        case OutcomeState.WATCHING:
            other = (
                f" It failed with another error in {watch.undecided}." if watch.undecided else ""
            )
            return (
                f"Since the fix, {where} has passed in {_runs(watch.passed)}; "
                f"{watch.needed} are needed.{other}"
            )
        case OutcomeState.VERIFIED:
            return (
                f"Verified: {where} has passed in {_runs(watch.passed)} since the fix, and the "
                "error did not come back."
            )
        case OutcomeState.TAKEN_BACK:
            return "This fix was taken back."
        case OutcomeState.REGRESSED:
            return (
                f"The same error came back in {where}, in run {watch.regressed_in}, after "
                f"{watch.passed} that passed. Going back to version {watch.base_version} is "
                "proposed."
            )


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"
