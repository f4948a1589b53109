"""Whether a fix that turns out wrong is noticed, and taken back by the workspace's policy."""

from dataclasses import dataclass

from copilot.types import Outcome, OutcomeState
from copilot.types.engine import Execution

from .trial import applied, canonical
from .world import Place, World
from .wrong import Wrong

#: Runs that end after the fix has become useless, at most: the regression must be noticed by then.
MOST_RUNS = 2


@dataclass(slots=True)
class Setback:
    """What became of one wrong fix. `words` say what was missed."""

    kind: str
    fix_type: str = "-"
    applied: bool = False
    detected: bool = False
    rolled_back: bool = False
    words: str = ""


def set_back(world: World, wrong: Wrong, workspace_id: str) -> Setback:
    """Applies the first fix offered, and nothing else: what follows the product does by itself."""
    case = wrong.case
    found = Setback(case.kind)
    place = world.place(case, workspace_id, on_regression="roll_back")
    before = place.definition
    run = place.run()
    report = place.service.analyses.analyze(run.id)
    fix = next((one for one in report.suggested_fixes if one.fix_id), None)
    if fix is None:
        found.words = f"no fix is offered: {report.failed_step.error}"
        return found
    change = applied(place, fix)
    found.applied, found.fix_type = True, fix.type
    for number in range(wrong.good_runs):
        again = place.run() if number else place.resume(run)
        if again.status != "succeeded":
            found.words = f"good run {number + 1} of {wrong.good_runs} {again.status}"
    wrong.spoil(place)
    last, outcome = _until_noticed(place, change.change_id)
    found.detected = outcome.state is OutcomeState.REGRESSED
    is_back = canonical(place.definition) == canonical(before)
    found.rolled_back = outcome.rollback == "rolled_back" and is_back
    if not (found.detected and found.rolled_back):
        error = last.error.message if last.error else last.status
        found.words += f"{fix.type}: {outcome.explanation} Last run: {error}"
    return found


def _until_noticed(place: Place, change_id: str) -> tuple[Execution, Outcome]:
    """The last run, and how the fix stands after it."""
    for _ in range(MOST_RUNS - 1):
        last = place.run()
        outcome = place.service.fixes.outcome(change_id)
        if outcome.state is OutcomeState.REGRESSED:
            return last, outcome
    return place.run(), place.service.fixes.outcome(change_id)
