"""What the failed run itself tells: its error before all else, its steps, its other errors."""

from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from ...types import ErrorRecord, Failure, RunRecord, StepRecord, StepStatus
from .material import Piece, listed, piece, plain

MOST_STEPS = 60
MOST_OTHER_ERRORS = 8
MOST_OUTPUTS = 8
_SECTION = "execution_data"


def pieces_of_run(run: RunRecord, failure: Failure) -> Iterator[Piece]:
    """The failed step's error, then the run and its steps, then what else went wrong."""
    path = failure.step_path or ""
    error = failure.error
    yield from piece(_SECTION, "error.message", error.message, path=path, weight=14)
    yield from piece(_SECTION, "error.facts", _facts(error), path=path, weight=5)
    yield from piece(_SECTION, "error.traceback", error.traceback, path=path, weight=6)
    yield from piece(_SECTION, "run", plain(_about(run)), weight=3)
    told = "\n".join(map(_told, _shown(run.steps, failure)))
    yield from piece(_SECTION, "steps", told, weight=4)
    if run.error is not None and run.error != error:
        yield from _other("run_error", "", run.error)
    for step in _others(run, failure):
        if step.error is not None:
            yield from _other("step_error", step.path, step.error)
    yield from piece(_SECTION, "run.memory", plain(run.memory) if run.memory else None, weight=2)
    yield from _outputs(run, failure)
    context = plain(run.context) if run.context else None
    yield from piece("workspace_context", "run.context", context, weight=3)


def _outputs(run: RunRecord, failure: Failure) -> Iterator[Piece]:
    """What steps gave, as far as the run's own system tells; those near the failure."""
    given = [step for step in _shown(run.steps, failure) if step.output is not None]
    for step in given[-MOST_OUTPUTS:]:
        yield from piece(_SECTION, "step.output", plain(step.output), path=step.path)


def _other(source: str, path: str, error: ErrorRecord) -> Iterator[Piece]:
    yield from piece(_SECTION, f"{source}.message", error.message, path=path, weight=2)
    yield from piece(_SECTION, f"{source}.facts", _facts(error), path=path)


def _facts(error: ErrorRecord) -> str | None:
    """What an error has beside its words."""
    return listed({"type": error.type, "code": error.code, "details": error.details})


def _about(run: RunRecord) -> dict[str, JsonValue]:
    moments = {"started_at": run.started_at, "finished_at": run.finished_at}
    known: dict[str, JsonValue] = {
        "workflow": run.workflow_name,
        "workflow_id": run.workflow_id,
        "workflow_version": run.workflow_version,
        "execution_id": run.execution_id,
        "source": run.source,
        "status": run.status.value,
        "trigger": run.trigger,
        "test_mode": run.test_mode or None,
        **{name: at.isoformat() for name, at in moments.items() if at},
    }
    return {name: value for name, value in known.items() if value is not None}


def _told(step: StepRecord) -> str:
    """One line, for neither path nor names have line breaks: what its program says comes first."""
    attempts = f", {step.attempts} attempts" if step.attempts > 1 else ""
    name = f", {step.name}" if step.name else ""
    return f"{step.number} {step.status.value}{attempts}: {step.path} {step.action}{name}"


def _shown(steps: Sequence[StepRecord], failure: Failure) -> list[StepRecord]:
    """At most MOST_STEPS, in their order: what failed, then what is nearest to the failure."""
    middle = failure.step_number or len(steps)

    def order(step: StepRecord) -> tuple[bool, bool, int]:
        is_it = step.path == failure.step_path
        return (not is_it, step.status is not StepStatus.FAILED, abs(step.number - middle))

    chosen = sorted(range(len(steps)), key=lambda one: (*order(steps[one]), one))[:MOST_STEPS]
    return [steps[one] for one in sorted(chosen)]


def _others(run: RunRecord, failure: Failure) -> list[StepRecord]:
    """Steps whose error is not the one that is explained."""
    return [
        step
        for step in _shown(run.steps, failure)
        if step.error is not None and step.error != failure.error
    ][:MOST_OTHER_ERRORS]
