"""Whether an applied fix held, judged on the step and the failure it was made for.

A fix is verified when its step passes in the next runs (3 by default), regressed when the same
failure returns in that step, and not exercised until a run has reached the step. One green run
that never came there says nothing, and neither does a run in test mode, or a resumed one that met
its budget again only because of what it had used before the fix. Once somebody has edited what the
fix touched, no run speaks for or against it any more: a watch that has not come to an end is then
undecided.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from ..definitions import place_of
from ..fixes import number_of
from ..storage.findings import Edit, Finding
from ..storage.group_aliases import find_roots
from ..storage.outcomes import Watch, find_open_watches, record_finding
from ..types import (
    Change,
    Failure,
    Outcome,
    OutcomeState,
    RunRecord,
    RunStatus,
    StepRecord,
    StepStatus,
)

#: What runs have still to say of a change.
UNDER_WATCH = frozenset({OutcomeState.NOT_EXERCISED, OutcomeState.WATCHING})
_EDITED_NOW = "What it touched was edited since: the next run ends its watch, undecided."
NOT_WATCHED = "It repairs nothing by itself, so no run is watched for it."
RootOf = Callable[[str], str]
#: A run that has ended with what failed in it, normalized; nothing for a run that succeeded.
Ended = tuple[RunRecord, Sequence[Failure]]
#: By change and run: what was edited, before the run, of what the change touched.
Edits = Mapping[tuple[str, str], Edit]
_NO_EDITS: Edits = {}


def observe(
    connection: Connection,
    workspace_id: str,
    ended: Sequence[Ended],
    *,
    now: datetime,
    edits: Edits = _NO_EDITS,
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
            edit = edits.get((watch.change_id, run.execution_id))
            if finding is None or (edit is None and _adds_nothing(watch, finding)):
                continue
            after = record_finding(
                connection,
                watch,
                run.execution_id,
                finding if edit is None else Finding.EDITED,
                conclude=conclude,
                now=now,
                edit=edit,
            )
            if edit is None or after.state is not watch.state:
                spoken.append(outcome_of(after))
            watches[watch.change_id] = after
            if edit is not None or after.state is OutcomeState.REGRESSED:
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
    returned = [failure for failure in failures if _returned(watch, failure, root_of)]
    if returned:
        carried = all(map(_is_only_carried, returned))
        return Finding.CARRIED if carried else Finding.REGRESSED
    if watch.step_path is None:
        return _judge_whole_run(run)
    mine = [step for step in run.steps if _is_at(step.path, watch.step_path)]
    statuses = {step.status for step in mine if not _is_from_before(step, watch)}
    if statuses == {StepStatus.SUCCEEDED}:
        return Finding.PASSED
    if StepStatus.FAILED in statuses:
        return Finding.UNDECIDED
    ended = run.status is RunStatus.SUCCEEDED or run.status.is_failure
    return Finding.UNREACHED if ended else None


def conclude(watch: Watch) -> OutcomeState:
    """How a change stands after everything counted in *watch*; a regression is final.

    An edit of its place leaves it as verified as it was.
    """
    if watch.regressed_in is not None:
        return OutcomeState.REGRESSED
    if watch.passed >= watch.needed or watch.state is OutcomeState.VERIFIED:
        return OutcomeState.VERIFIED
    if watch.edit is not None:
        return OutcomeState.UNDECIDED
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


def edited_now(found: Outcome) -> Outcome:
    """*found* of what has been edited since the last run that ended."""
    told = f"{found.explanation} {_EDITED_NOW}"
    return found.model_copy(update={"explanation": told})


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


def had_held(watch: Watch) -> str | None:
    """What whoever takes a fix back should know of it; nothing unless it is verified."""
    if watch.state is not OutcomeState.VERIFIED or watch.is_advised:
        return None
    return f"This fix has held in {_runs(watch.passed)}; going back brings the failure back."


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


def _is_only_carried(failure: Failure) -> bool:
    """Whether a limit was met that would not have been without what a resume has put aside.

    A run's budget counts all its rounds, and so what was used before the fix. A new run starts
    from nothing, so this is no word against the fix.
    """
    details = failure.error.details
    used, aside, limit = (number_of(details.get(name)) for name in ("used", "put_aside", "limit"))
    if used is None or aside is None or limit is None:
        return False
    return aside > 0 and used - aside <= limit


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


def _is_from_before(step: StepRecord, watch: Watch) -> bool:
    """Whether a resume has kept it from before the change: so it says nothing of it."""
    begun, applied = step.started_at, watch.applied_at
    return step.kept and begun is not None and applied is not None and begun < applied


def _adds_nothing(watch: Watch, finding: Finding) -> bool:
    """Once verified, only an edit and the failure's return are news: other runs need no rows."""
    return watch.state is OutcomeState.VERIFIED and finding is not Finding.REGRESSED


def _explain(watch: Watch) -> str:
    step = None if watch.step_path is None else place_of(watch.step_path).lstrip("/")
    where = "your agent" if step is None else f"step '{step}'"
    match watch.state:
        case OutcomeState.NOT_EXERCISED if watch.unreached:
            told = f"{_runs(watch.unreached)} ended since the fix, and none reached {where}."
            return f"{told}{_carried(watch)}"
        case OutcomeState.NOT_EXERCISED:
            return f"No run that counts has ended since the {_made(watch)}.{_carried(watch)}"
        case OutcomeState.WATCHING:
            return (
                f"Since the {_made(watch)}, {where} has passed in {_runs(watch.passed)}; "
                f"{watch.needed} are needed.{_failed_otherwise(watch)}{_carried(watch)}"
            )
        case OutcomeState.VERIFIED:
            since = f"{where} has passed in {_runs(watch.passed)} since the {_made(watch)}"
            away = "" if watch.is_advised else ", and the error did not come back"
            after = f" {_edited(watch)}, so later runs say nothing of it." if watch.edit else ""
            return f"Verified: {since}{away}.{after}"
        case OutcomeState.UNDECIDED:
            return f"{_edited(watch)}: whether it held can't be told."
        case OutcomeState.TAKEN_BACK:
            return "This fix was taken back."
        case OutcomeState.NOT_WATCHED:
            return NOT_WATCHED
        case OutcomeState.REGRESSED:
            return (
                f"The same error came back in {where}, in run {watch.regressed_in}"
                f"{_passed_before(watch)}. Going back to version {watch.base_version} is proposed."
            )


def _made(watch: Watch) -> str:
    return "change" if watch.is_advised else "fix"


def _passed_before(watch: Watch) -> str:
    return f"; before that it had passed in {_runs(watch.passed)}" if watch.passed else ""


def _edited(watch: Watch) -> str:
    version = watch.edit.version if watch.edit is not None else None
    since = "" if version is None else f", in version {version}"
    return f"What this {_made(watch)} touched was edited since{since}"


def _failed_otherwise(watch: Watch) -> str:
    if not watch.undecided:
        return ""
    how = "" if watch.is_advised else " with another error"
    return f" It failed{how} in {_runs(watch.undecided)}."


def _carried(watch: Watch) -> str:
    if not watch.carried:
        return ""
    return (
        f" {_runs(watch.carried)} met the limit again after being resumed, only because of what "
        "had been used before: that counts for the whole run. It says nothing of a new run."
    )


def _runs(count: int) -> str:
    if not count:
        return "no run"
    return "1 run" if count == 1 else f"{count} runs"
