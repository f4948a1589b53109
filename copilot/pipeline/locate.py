"""Which step failed first: everything that failed because of it is its consequence, no other cause.

A step that holds others fails with the one inside it; the one inside is named.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ..errors import NotAnalysable
from ..types import ErrorRecord, RunRecord, StepRecord, StepStatus

#: Of a step that was under way when another branch failed, and was stopped.
STOPPED = "step_stopped"


@dataclass(frozen=True, slots=True)
class Located:
    """Where the run broke. `step` is None when it failed outside every step."""

    step: StepRecord | None
    error: ErrorRecord
    occurred_at: datetime
    later_failures: int


def locate(run: RunRecord, *, now: datetime | None = None) -> Located:
    """The first failed step of *run*, or its run-level error when no step failed.

    The one that the run itself names, if it does. Else steps are taken in the order in which they
    ended where that is known, else as they are numbered. Raises NotAnalysable for a run that
    neither failed nor waits for a limit.
    """
    if not (run.status.is_failure or run.is_parked):
        raise NotAnalysable(run.status.value)
    failed = _innermost([step for step in run.steps if step.status is StepStatus.FAILED])
    causes = sorted((step for step in failed if not _was_stopped(step)), key=_order(failed))
    step = _named(run, causes) or next(iter(causes), None) or next(iter(failed), None)
    error = (step.error if step else None) or run.error or _unexplained(run)
    moment = (step.finished_at if step else None) or run.finished_at or run.started_at
    return Located(
        step=step,
        error=error,
        occurred_at=moment or now or datetime.now(UTC),
        later_failures=sum(1 for other in failed if step and _follows(other, step)),
    )


def _innermost(failed: Sequence[StepRecord]) -> list[StepRecord]:
    """*failed* without those that failed because one inside them did."""
    holders = {path for step in failed for path in _around(step.path)}
    return [step for step in failed if step.path not in holders]


def _around(path: str) -> Iterable[str]:
    """The paths of everything that *path* is inside of."""
    while (path := path.rpartition("/")[0]) != "":
        yield path


def _was_stopped(step: StepRecord) -> bool:
    return step.error is not None and step.error.code == STOPPED


def _named(run: RunRecord, causes: Sequence[StepRecord]) -> StepRecord | None:
    """The step that the engine says the run has failed in."""
    path = run.error.details.get("failed_path") if run.error else None
    return next((step for step in causes if step.path == path), None)


def _follows(other: StepRecord, cause: StepRecord) -> bool:
    """Whether *other* failed because of *cause*; branches beside each other fail by themselves."""
    if other is cause:
        return False
    return _was_stopped(other) or not _are_beside(other.path, cause.path)


def _are_beside(path: str, other: str) -> bool:
    """Whether two steps are inside one top-level step."""
    one, two = path.split("/")[1:], other.split("/")[1:]
    return min(len(one), len(two)) > 1 and one[0] == two[0]


def _order(steps: Sequence[StepRecord]) -> Callable[[StepRecord], tuple[float, int]]:
    timed = all(step.finished_at for step in steps)

    def key(step: StepRecord) -> tuple[float, int]:
        ended = step.finished_at.timestamp() if timed and step.finished_at else 0.0
        return ended, step.number

    return key


_SAYINGS: Mapping[str, str] = {
    "timed_out": "The run did not finish in time and left no error text.",
    "crashed": "The run stopped without an error text; its process ended.",
}


def _unexplained(run: RunRecord) -> ErrorRecord:
    return ErrorRecord(
        message=_SAYINGS.get(run.status.value, "The run failed and left no error text.")
    )
