"""Stop a workflow from starting new runs until somebody has looked at it."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, Field

from ..snapshot import MOST_COUNTED, PauseRuns, Standing
from ._base import Action
from ._text import problem_with


def _check_reason(text: str) -> str:
    if not text.strip() or "\n" in text or "\t" in text:
        raise ValueError("it must be one line of text")
    if problem := problem_with(text):
        raise ValueError(problem)
    return text


Reason: TypeAlias = Annotated[
    str, Field(min_length=1, max_length=500), AfterValidator(_check_reason)
]


class PauseWorkflow(Action):
    """Start no new run of the workflow; runs under way go on."""

    button: ClassVar[str] = "Pause Agent"
    inverse: ClassVar[str | None] = "the workflow starts runs again"

    type: Literal["pause_workflow"] = "pause_workflow"
    reason: Reason
    """Why, for those who find it paused."""

    @property
    def question(self) -> str:
        return "Would you like me to pause this agent?"

    def concerns(self, standing: Standing) -> Standing:
        return Standing(paused=standing.paused, scheduled_runs=standing.scheduled_runs)

    def check(self, standing: Standing) -> None:
        if standing.paused is not None:
            raise self.refuse("the workflow is paused already.")

    def summary(self, standing: Standing) -> str:
        return "The workflow starts no new runs until somebody unpauses it."

    def told(self, standing: Standing) -> Sequence[str]:
        return (
            "The workflow starts no new runs, but for tests. Runs under way go on; those that wait"
            " for a limit go on once it is unpaused.",
            _scheduled(standing.scheduled_runs),
            f"Reason given: {self.reason}",
        )

    def deed(self, standing: Standing) -> PauseRuns:
        return PauseRuns(reason=self.reason)


def _scheduled(runs: int | None) -> str:
    if runs is None:
        return "It has no schedule."
    if runs == 0:
        return "Its schedule starts no run in the next 7 days."
    more = " or more" if runs == MOST_COUNTED else ""
    counted = "1 run" if runs == 1 else f"{runs} runs{more}"
    return f"Its schedule starts {counted} in 7 days: they are left out, and not made up later."


FIX = PauseWorkflow
