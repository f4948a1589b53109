"""Which step failed first: everything that failed after it is its consequence, not another cause."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ..errors import NotAnalysable
from ..types import ErrorRecord, RunRecord, StepRecord, StepStatus


@dataclass(frozen=True, slots=True)
class Located:
    """Where the run broke. `step` is None when it failed outside every step."""

    step: StepRecord | None
    error: ErrorRecord
    occurred_at: datetime
    later_failures: int


def locate(run: RunRecord, *, now: datetime | None = None) -> Located:
    """The first failed step of *run*, or its run-level error when no step failed.

    Steps are taken in the order in which they ended where that is known, else as they are
    numbered. Raises NotAnalysable for a run that did not fail.
    """
    if not run.status.is_failure:
        raise NotAnalysable(run.status.value)
    failed = sorted(
        (step for step in run.steps if step.status is StepStatus.FAILED), key=_order(run.steps)
    )
    step = failed[0] if failed else None
    error = (step.error if step else None) or run.error or _unexplained(run)
    moment = (step.finished_at if step else None) or run.finished_at or run.started_at
    return Located(
        step=step,
        error=error,
        occurred_at=moment or now or datetime.now(UTC),
        later_failures=max(len(failed) - 1, 0),
    )


def _order(steps: tuple[StepRecord, ...]) -> Callable[[StepRecord], tuple[float, int]]:
    timed = all(step.finished_at for step in steps if step.status is StepStatus.FAILED)

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
