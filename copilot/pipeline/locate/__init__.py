"""Which step failed first: everything that failed because of it is its consequence, no other cause.

A step that holds others fails with the one inside it; the one inside is named. Words that only
say that something failed give way to those of the error they are put around.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ...errors import NotAnalysable
from ...types import ErrorRecord, RunRecord, RunStatus, StepRecord, StepStatus
from .cascade import STOPPED, consequences
from .telling import RUN, Told, tell

__all__ = ["RUN", "STOPPED", "Located", "Told", "locate", "tell"]


@dataclass(frozen=True, slots=True)
class Located:
    """Where the run broke. `step` is None when it failed outside every step.

    told: the words that say what went wrong, and where in the run they stand. note: which of
    several was taken and why, where that is not plain. followed: the steps that failed because of
    it, in their order. beside: those that failed for reasons of their own.
    """

    step: StepRecord | None
    told: Told
    occurred_at: datetime
    followed: tuple[StepRecord, ...] = ()
    beside: tuple[StepRecord, ...] = ()
    note: str | None = None

    @property
    def error(self) -> ErrorRecord:
        return self.told.error

    @property
    def later_failures(self) -> int:
        return len(self.followed)


def locate(run: RunRecord, *, now: datetime | None = None) -> Located:
    """The first failed step of *run*, or its run-level error when no step failed.

    The one that the run itself names, if it does. Else the first that does not ask for what
    another one failed to deliver, in the order in which they ended where that is known, else as
    they are numbered. Raises NotAnalysable for a run that neither failed nor waits for a limit.
    """
    if not (run.status.is_failure or run.is_parked):
        raise NotAnalysable(run.status.value)
    failed = _innermost([step for step in run.steps if step.status is StepStatus.FAILED])
    because = consequences(failed, run.steps)
    causes = sorted((step for step in failed if not _was_stopped(step)), key=_order(failed))
    causes = [step for step in causes if step.path not in because] or causes
    step = _named(run, causes) or next(iter(causes), None) or next(iter(failed), None)
    followed = tuple(
        other
        for other in failed
        if step and other is not step and (other.path in because or _follows(other, step))
    )
    told, note = _told(run, step, followed)
    moment = (step.finished_at if step else None) or run.finished_at or run.started_at
    return Located(
        step=step,
        told=told,
        note=note or _out_of_order(step, failed, because),
        occurred_at=moment or now or datetime.now(UTC),
        followed=followed,
        beside=tuple(one for one in failed if step and one is not step and one not in followed),
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


def _told(
    run: RunRecord, step: StepRecord | None, followed: Sequence[StepRecord]
) -> tuple[Told, str | None]:
    """The words of the step, of the run where the step has none or only says that it failed."""
    of_run = tell(run.error, RUN) if run.error else None
    of_step = tell(step.error, step.path) if step and step.error else None
    if of_step is None or step is None:
        return of_run or Told(_unexplained(run), RUN), None
    if of_run is None or of_run.says_nothing:
        return of_step, None
    where = f"step {step.number}"
    if of_step.says_nothing:
        return of_run, f"The error of {where} only says that it failed; what the run says is taken."
    if run.status is RunStatus.TIMED_OUT and _was_stopped(step):
        return of_run, f"{where.capitalize()} was stopped because the run's time was up."
    if _agree(of_step.error.message, of_run.error.message):
        return of_step, None
    return of_step, _other_words(of_run, where, followed)


def _other_words(of_run: Told, where: str, followed: Sequence[StepRecord]) -> str:
    """Why the words of a step are taken and not those that the run ended with."""
    for other in followed:
        if other.error and _agree(other.error.message, of_run.error.message):
            return (
                f"The run ended with the words of step {other.number}, which follows from {where}."
            )
    return f"The run ended with other words; those of {where} are taken: it failed first."


def _agree(one: str, other: str) -> bool:
    """Whether one of two messages holds the other, whatever is put around it."""
    short, long = sorted((" ".join(text.casefold().split()) for text in (one, other)), key=len)
    return short in long


def _out_of_order(
    step: StepRecord | None, failed: Sequence[StepRecord], because: frozenset[str]
) -> str | None:
    """Why a step is named that is not the first in the order of the steps."""
    earlier = [
        other for other in failed if step and other.number < step.number and other.path in because
    ]
    if not (step and earlier):
        return None
    return f"Step {earlier[0].number} failed too, but asks for what step {step.number} did not deliver."


_SAYINGS: Mapping[str, str] = {
    "timed_out": "The run did not finish in time and left no error text.",
    "crashed": "The run stopped without an error text; its process ended.",
}


def _unexplained(run: RunRecord) -> ErrorRecord:
    return ErrorRecord(
        message=_SAYINGS.get(run.status.value, "The run failed and left no error text.")
    )
