"""Have a run that a limit has stopped go on by itself when the limit resets."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from ..snapshot import ResumeLater, Standing, StoppedRun
from ._base import Action

RunId: TypeAlias = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\w.:@-]+$")]


class ResumeAfterQuota(Action):
    """Set a timer that resumes the failed run when the limit resets."""

    button: ClassVar[str] = "Wait for Quota"
    inverse: ClassVar[str | None] = "the timer is cancelled, and the run stays failed"

    type: Literal["resume_after_quota"] = "resume_after_quota"
    execution_id: RunId
    """The run that failed."""

    @property
    def question(self) -> str:
        return "Would you like me to resume the run when the limit resets?"

    @property
    def execution(self) -> str:
        return self.execution_id

    def concerns(self, standing: Standing) -> Standing:
        return Standing(run=standing.run)

    def check(self, standing: Standing) -> None:
        self._stopped(standing)

    def summary(self, standing: Standing) -> str:
        _, at = self._stopped(standing)
        return f"The run goes on by itself at {_spelled(at)}, when the limit resets."

    def told(self, standing: Standing) -> Sequence[str]:
        run, at = self._stopped(standing)
        where = f" at step '{run.step}'" if run.step else ""
        return (
            f"A timer is set for {_spelled(at)}, when the limit resets.",
            f"Then run {run.execution_id} goes on{where}, with version {run.version} of the"
            " workflow. Steps that succeeded keep their outputs.",
            "Until then it stays failed. If somebody resumes it before, or the workflow is paused,"
            " the timer does nothing.",
        )

    def deed(self, standing: Standing) -> ResumeLater:
        run, at = self._stopped(standing)
        return ResumeLater(execution_id=run.execution_id, round=run.round, at=at)

    def _stopped(self, standing: Standing) -> tuple[StoppedRun, datetime]:
        """The run and when its limit resets. Raises `InvalidFix`."""
        run = standing.run
        if run is None or run.execution_id != self.execution_id:
            raise self.refuse("the run is not one of this workflow.")
        if problem := _problem(run):
            raise self.refuse(f"{problem}.")
        if run.resets_at is None:
            raise self.refuse("nothing says when the limit resets.")
        return run, run.resets_at


def _problem(run: StoppedRun) -> str | None:
    if run.timer is not None:
        return f"the run goes on by itself already, at {_spelled(run.timer)}"
    if run.status != "failed":
        return f"the run is {run.status}"
    if run.test_mode:
        return "the run is a test"
    if run.is_over:
        return "the limit has reset already: resume the run"
    if run.unsure:
        return "a step may have done already what must not be done twice: a person has to look"
    return None


def _spelled(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


FIX = ResumeAfterQuota
