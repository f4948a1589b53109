"""What an executor of a step that holds others asks of the walk through the run."""

from typing import Any, Protocol

from ...definition.steps import Step
from ..context import Run
from ..entries import Entries, Entry
from ..outcome import Outcome


class Walking(Protocol):
    """Goes through steps, each under its path."""

    @property
    def run(self) -> Run: ...

    @property
    def entries(self) -> Entries: ...

    async def steps(
        self, steps: tuple[Step, ...], scope: dict[str, Any], prefix: str
    ) -> Outcome: ...

    async def end_held(self, entry: Entry, outcome: Outcome) -> Outcome: ...
