"""Whether an applied fix held, judged on the step and the failure it was made for.

A fix is verified when its step passes in the next runs (3 by default), regressed when the same
failure returns in that step, and not exercised until a run has reached the step. One green run
that never came there says nothing, and neither does a run in test mode.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection

from ..definitions import place_of
from ..storage.group_aliases import find_roots
from ..storage.outcomes import Finding, Watch, find_open_watches, record_finding
from ..types import Change, Failure, Outcome, OutcomeState, RunRecord, RunStatus, StepStatus

NOT_WATCHED = "It repairs nothing by itself, so no run is watched for it."
RootOf = Callable[[str], str]
#: A run that has ended with what failed in it, normalized; nothing for a run that succeeded.
Ended = tuple[RunRecord, Sequence[Failure]]


def observe(
    connection: Connection, workspace_id: str, ended: Sequence[Ended], *, now: datetime
) -> tuple[Outcome, ...]:
    """Let runs that have ended speak about every change under watch in their workflows.

    ended: runs of one workspace in the order they ended. Gives the outcomes they spoke about. The
    same run again changes nothing, so a reader may deliver it twice. Runs of workflows without a
    watch cost nothing but their share of one query.
    """
    workflows = {run.workflow_id for run, _ in ended}
    watches = {
        watch.change_id: watch for watch in find_open_watches(connection, workspace_id, workflows)
    }
    if not watches:
        return ()
    roots = find_roots(connection, workspace_id, _signatures(watches.values(), ended))
    spoken: list[Outcome] = []
    for run, failures in ended:
        for watch in tuple(watches.values()):
            finding = judge(watch, run, failures, root_of=roots.__getitem__)
            if finding is None or _adds_nothing(watch, finding):
                continue
            after = record_finding(
                connection, watch, run.execution_id, finding, conclude=conclude, now=now
            )
            spoken.append(outcome_of(after))
            watches[watch.change_id] = after
            if after.state is OutcomeState.REGRESSED:
                del watches[watch.change_id]
    return tuple(spoken)


def _signatures(watches: Collection[Watch], ended: Sequence[Ended]) -> set[str]:
    """All that may have to be compared: a run can only bring back what failed in its workflow."""
    watched = {watch.workflow_id for watch in watches}
    failed = {
        failure.signature
        for run, failures in ended
        for failure in failures
        if run.workflow_id in watched
    }
    return {watch.signature for watch in watches} | failed


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
    statuses = {step.status for step in run.steps if _is_at(step.path, watch.step_path)}
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


def of_action(change: Change) -> Outcome:
    """Of what was done instead of a change: no run can say that a pause has held."""
    found = Outcome(
        change_id=change.change_id,
        state=OutcomeState.NOT_WATCHED,
        passes=0,
        needed=0,
        explanation=NOT_WATCHED,
    )
    return taken_back(found, change) if change.reversed else found


def rolled_back(found: Outcome, state: str, note: str | None) -> Outcome:
    """A regressed fix with what became of going back: proposed, rolled_back, refused, taken_back."""
    if state not in _AFTERWARDS:
        return found.model_copy(update={"rollback": "proposed"})
    told = found.explanation.rpartition(" Going back to version ")[0] or found.explanation
    return found.model_copy(
        update={
            "explanation": " ".join(one for one in (told, _AFTERWARDS[state], note) if one),
            "rollback": "refused" if state == "refused" else "rolled_back",
            "rollback_note": note,
            "rollback_proposed": state == "refused",
        }
    )


_AFTERWARDS = {
    "rolled_back": "By the workspace's policy it was rolled back.",
    "refused": "By the workspace's policy it was to be rolled back.",
    "taken_back": "It was taken back.",
}


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
    return _is_at(failure.step_path, watch.step_path) and root_of(failure.signature) == root_of(
        watch.signature
    )


def _is_at(path: str | None, watched: str | None) -> bool:
    """Whether both are the same step of the workflow, in whichever iteration of a loop."""
    if path is None or watched is None:
        return path is watched
    return place_of(path) == place_of(watched)


def _judge_whole_run(run: RunRecord) -> Finding | None:
    """For a failure outside every step, the run as a whole is the step."""
    if run.status is RunStatus.SUCCEEDED:
        return Finding.PASSED
    return Finding.UNDECIDED if run.status.is_failure else None


def _adds_nothing(watch: Watch, finding: Finding) -> bool:
    """Once verified, only the return of the failure is news: further runs need no rows."""
    return watch.state is OutcomeState.VERIFIED and finding is not Finding.REGRESSED


def _explain(watch: Watch) -> str:
    step = None if watch.step_path is None else place_of(watch.step_path).lstrip("/")
    where = "your agent" if step is None else f"step '{step}'"
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
        case OutcomeState.NOT_WATCHED:
            return NOT_WATCHED
        case OutcomeState.REGRESSED:
            return (
                f"The same error came back in {where}, in run {watch.regressed_in}, after "
                f"{watch.passed} that passed. Going back to version {watch.base_version} is "
                "proposed."
            )


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"
