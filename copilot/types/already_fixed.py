"""The fix that has put a failure right already, as a report tells of it."""

from collections.abc import Iterator

from pydantic import Field

from .change import OutcomeState
from .frozen import Frozen


class AlreadyFixed(Frozen):
    """A fix for the same failure in this step, applied after the version that the run had.

    With `standing_id` it was applied by itself, under that standing approval.
    """

    change_id: str
    fix_type: str
    version: int = Field(description="The first version of the workflow that has it.")
    state: OutcomeState
    words: str
    standing_id: str | None = None
    changed: tuple[str, ...] = Field(
        default=(),
        exclude_if=lambda told: not told,
        description="A sentence for each difference that it made, where nobody was asked.",
    )
    diff: str | None = Field(
        default=None,
        exclude_if=lambda diff: diff is None,
        description="What it made, as a unified diff, where nobody was asked.",
    )

    def paragraphs(self) -> Iterator[str]:
        """For a message; how it is looked at and taken back only where nobody was asked."""
        yield self.words
        if self.standing_id is not None:
            yield (
                f"See whether it holds: ask-copilot outcome {self.change_id}\n"
                f"Take it back: ask-copilot revert {self.change_id}"
            )
