"""What the demo does, for real: two scenes, each giving its stages as they happen.

A stage is a name and the objects the product itself returned; who watches decides how to show it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..bootstrap import App, Execution, ResumeMode, StepExecution
from ..types import (
    Approval,
    Change,
    CreditStatement,
    Outcome,
    OutcomeState,
    Preview,
    Report,
)
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
    workspace, copilot = app.settings.workspace, app.copilot
    install_example(app)
    copilot.grant(workspace, GRANT, actor="demo", key="demo")
    failed = _run(app, URGENT_MAIL, "failed")
    yield failed
    report = copilot.analyze(workspace, failed.execution.id)
    yield Stage("report", report)
    fix_id = choose(report)
    if fix_id is None:
        return
    preview = copilot.preview(workspace, fix_id)
    yield Stage("preview", preview)
    mode = decide(preview)
    if mode is None:
        return
    approval = copilot.approve(
        workspace,
        fix_id,
        digest=preview.digest,
        version=preview.base_version,
        actor=app.settings.user,
    )
    yield Stage("approval", approval)
    change = copilot.apply(workspace, approval.approval_id)
    yield Stage("change", change)
    app.engine.resume(workspace, failed.execution.id, mode=mode)
    yield _ended(app, failed.execution.id, "resumed")
    yield from _watch(app, change.change_id)
    yield Stage("credits", copilot.credits(workspace))


def _watch(app: App, change_id: str) -> Iterator[RunStage | Stage]:
    """Nights go by: the fix is verified after enough runs in which the step passed."""
    outcome = app.copilot.outcome(app.settings.workspace, change_id)
    for _night in range(NIGHTS):
        if outcome.state not in {OutcomeState.NOT_EXERCISED, OutcomeState.WATCHING}:
            break
        yield _run(app, URGENT_MAIL, "later")
        outcome = app.copilot.outcome(app.settings.workspace, change_id)
    yield Stage("outcome", outcome)


def repetition(app: App) -> Iterator[RunStage | Stage]:
    """Scene two: another workflow fails five times in the same way, and is better paused."""
    nights = [_run(app, OUTREACH, "repeated") for _night in range(FAILURES)]
    yield from nights
    yield Stage("pattern", app.copilot.analyze(app.settings.workspace, nights[-1].execution.id))


def digest_path(app: App) -> Path:
    """The file that the repaired workflow writes."""
    return app.settings.files / app.settings.workspace / "digest.json"


def _run(app: App, workflow_id: str, name: str) -> RunStage:
    started = app.engine.submit(app.settings.workspace, workflow_id, trigger="schedule")
    return _ended(app, started.id, name)


def _ended(app: App, execution_id: str, name: str) -> RunStage:
    workspace = app.settings.workspace
    ended = app.engine.wait(workspace, execution_id, PATIENCE)
    return RunStage(name, ended, app.engine.steps(workspace, execution_id))
