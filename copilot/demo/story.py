"""What the demo does, for real: two scenes, each giving its stages as they happen.

A stage is a name and the objects the product itself returned; who watches decides how to show it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..bootstrap import App
from ..service import Service
from ..types import (
    Approval,
    Change,
    CreditStatement,
    Outcome,
    OutcomeState,
    Preview,
    Report,
)
from ..types.engine import Execution, ResumeMode, StepExecution
from . import OUTREACH, URGENT_MAIL, install_example

GRANT = 100
#: Generous: the runs take milliseconds.
PATIENCE = 60.0
FAILURES = 5
NIGHTS = 10


@dataclass(frozen=True, slots=True)
class RunStage:
    """A run that has ended, with its steps."""

    name: str
    execution: Execution
    steps: tuple[StepExecution, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """One thing the copilot answered."""

    name: str
    value: Report | Preview | Approval | Change | Outcome | CreditStatement


Choice = Callable[[Report], str | None]
"""Given the report, the id of the fix to apply; None to stop."""


Decision = Callable[[Preview], ResumeMode | None]
"""Given the preview, how to resume once it is applied; None to leave everything as it is."""


def first_fix(report: Report) -> str | None:
    """What the demo does by itself: take the best fix that can be applied."""
    return next((fix.fix_id for fix in report.suggested_fixes if fix.fix_id), None)


def repair(app: App, *, choose: Choice = first_fix, decide: Decision) -> Iterator[RunStage | Stage]:
    """Scene one: a nightly run fails, is explained, repaired, resumed, and watched."""
    owner = app.owner()
    install_example(app)
    owner.account.grant(GRANT, key="demo")
    failed = _run(owner, URGENT_MAIL, "failed")
    yield failed
    report = owner.analyses.analyze(failed.execution.id)
    yield Stage("report", report)
    fix_id = choose(report)
    if fix_id is None:
        return
    preview = owner.fixes.preview(fix_id)
    yield Stage("preview", preview)
    mode = decide(preview)
    if mode is None:
        return
    approval = owner.fixes.approve(fix_id, digest=preview.digest, version=preview.base_version)
    yield Stage("approval", approval)
    change = owner.fixes.apply(approval.approval_id)
    yield Stage("change", change)
    owner.executions.resume(failed.execution.id, mode=mode)
    yield _ended(owner, failed.execution.id, "resumed")
    yield from _watch(owner, change.change_id)
    yield Stage("credits", owner.account.credits())


def _watch(owner: Service, change_id: str) -> Iterator[RunStage | Stage]:
    """Nights go by: the fix is verified after enough runs in which the step passed."""
    outcome = owner.fixes.outcome(change_id)
    for _night in range(NIGHTS):
        if outcome.state not in {OutcomeState.NOT_EXERCISED, OutcomeState.WATCHING}:
            break
        yield _run(owner, URGENT_MAIL, "later")
        outcome = owner.fixes.outcome(change_id)
    yield Stage("outcome", outcome)


def repetition(app: App) -> Iterator[RunStage | Stage]:
    """Scene two: another workflow fails five times in the same way, and is better paused."""
    owner = app.owner()
    nights = [_run(owner, OUTREACH, "repeated") for _night in range(FAILURES)]
    yield from nights
    yield Stage("pattern", owner.analyses.analyze(nights[-1].execution.id))


def digest_path(app: App) -> Path:
    """The file that the repaired workflow writes."""
    return app.settings.files / app.settings.workspace / "digest.json"


def _run(owner: Service, workflow_id: str, name: str) -> RunStage:
    return _ended(owner, owner.executions.start(workflow_id).id, name)


def _ended(owner: Service, execution_id: str, name: str) -> RunStage:
    ended = owner.executions.wait(execution_id, PATIENCE)
    return RunStage(name, ended, tuple(owner.executions.steps(execution_id)))
