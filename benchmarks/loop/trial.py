"""One case all the way: it fails, is explained, a fix is approved and applied, and it is watched."""

from dataclasses import dataclass, field
from typing import Literal

from copilot.errors import CopilotError
from copilot.types import Change, Outcome, OutcomeState, Report, SuggestedFix
from engine.definition import parse_workflow, to_data

from .case import Case, Definition
from .world import Place, World

MOST_RUNS = 6
State = Literal["fixed", "handed over", "not fixed"]


@dataclass(slots=True)
class Trial:
    """What became of one case. `words` say what was missed, empty where nothing was."""

    kind: str
    diagnosed: bool = False
    state: State = "not fixed"
    fix_type: str = "-"
    offered: int = 0
    unusable: list[str] = field(default_factory=list[str])
    #: Whether the workflow became what its author meant; None where there is more than one way.
    as_meant: bool | None = None
    words: str = ""


def attempt(world: World, case: Case, workspace_id: str) -> Trial:
    """Goes by the rules alone, and always takes their first fix that can be applied."""
    trial, place = Trial(case.kind), world.place(case, workspace_id)
    run = place.run()
    if run.status != "failed":
        trial.words = f"the run did not fail but {run.status}"
        return trial
    report = place.service.analyses.analyze(run.id)
    trial.diagnosed = report.root_cause in case.causes
    offers = [fix for fix in report.suggested_fixes if fix.fix_id]
    trial.offered = len(offers)
    if not trial.diagnosed:
        trial.words = f"taken for {report.root_cause}: {report.failed_step.error}"
    if case.ending != "fixed":
        _hand_over(trial, place, report)
        return trial
    for fix in offers[1:]:
        _try_and_take_back(trial, place, fix)
    if not offers:
        trial.words = trial.words or f"no fix is offered: {report.failed_step.error}"
        return trial
    trial.fix_type = offers[0].type
    try:
        change = applied(place, offers[0])
    except CopilotError as error:
        trial.unusable.append(f"{offers[0].type}: {error}")
        trial.words = str(error)
        return trial
    _watch(trial, place, change, place.resume(run).id)
    return trial


def applied(place: Place, fix: SuggestedFix) -> Change:
    """The fix looked at, approved as it was shown, and made."""
    return place.service.fixes.apply(approved(place, fix))


def approved(place: Place, fix: SuggestedFix) -> str:
    """The id of an approval of the fix, as it is shown."""
    fixes, fix_id = place.service.fixes, fix.fix_id or ""
    shown = fixes.preview(fix_id)
    return fixes.approve(fix_id, digest=shown.digest, version=shown.base_version).approval_id


def outcome_after(place: Place, change: Change, *, most: int = MOST_RUNS) -> Outcome:
    """How the fix stands once the watch has decided, or after *most* more runs."""
    for _ in range(most):
        found = place.service.fixes.outcome(change.change_id)
        if found.state in (OutcomeState.VERIFIED, OutcomeState.REGRESSED):
            return found
        place.run()
    return place.service.fixes.outcome(change.change_id)


def _try_and_take_back(trial: Trial, place: Place, fix: SuggestedFix) -> None:
    """The other fixes must be good for something too: at least they can be made, and unmade."""
    try:
        change = applied(place, fix)
        place.service.fixes.revert(change.change_id)
    except CopilotError as error:
        trial.unusable.append(f"{fix.type}: {error}")


def _watch(trial: Trial, place: Place, change: Change, run_id: str) -> None:
    outcome = outcome_after(place, change)
    last = place.run()
    if outcome.state is OutcomeState.VERIFIED and last.status == "succeeded":
        trial.state = "fixed"
    else:
        error = place.service.executions.get(run_id).error or last.error
        said = "" if error is None else f" {error.message}"
        trial.words = trial.words or f"{trial.fix_type}: {outcome.explanation}{said}"
    if place.case.meant is not None:
        meant = place.world.addressed(place.case.meant)
        trial.as_meant = canonical(place.definition) == canonical(meant)


def canonical(definition: Definition) -> Definition:
    return to_data(parse_workflow(definition, source="workflow"))


def _hand_over(trial: Trial, place: Place, report: Report) -> None:
    """What only a person or time can do counts as handed over when its button is there."""
    wanted = "connect_integration" if place.case.ending == "by_hand" else "resume_after_quota"
    trial.fix_type = wanted
    action = next((one for one in report.actions if one.type == wanted), None)
    if action is None:
        trial.words = trial.words or f"no {wanted} is offered: {report.failed_step.error}"
        return
    if action.fix_id is None:  # an account nobody has here: it is told how, and that is all
        trial.state = "handed over"
        return
    fixes = place.service.fixes
    try:
        shown = fixes.preview(action.fix_id)
        if shown.kind == "action":
            approval = fixes.approve(action.fix_id, digest=shown.digest, version=shown.base_version)
            fixes.apply(approval.approval_id)
        else:
            fixes.recheck(action.fix_id)
    except CopilotError as error:
        trial.unusable.append(f"{wanted}: {error}")
        trial.words = str(error)
        return
    trial.state = "handed over"
