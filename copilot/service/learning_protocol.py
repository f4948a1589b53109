"""What is learned from fixes and people, and how far fixes may go by themselves; see `protocol.py`."""

from collections.abc import Sequence
from typing import Protocol

from ..types.learning import Feedback, GoldenCase, LearningSummary, Level, LevelSetting


class Learning(Protocol):
    def summary(self) -> LearningSummary:
        """How well fixes have held here, by type, root cause, entry, runtime and model."""
        ...

    def feedback(self, analysis_id: str, *, helpful: bool, reason: str = "") -> Feedback:
        """Say whether an analysis helped; the last word of each person counts."""
        ...

    def levels(self) -> Sequence[LevelSetting]:
        """How far fixes may go by themselves: the workspace's own level, then every type."""
        ...

    def set_level(self, fix_type: str, level: Level) -> Sequence[LevelSetting]:
        """Set the level of a fix type or, with `all`, of the workspace.

        Raises UnknownName, InvalidInput, and Forbidden for who may not raise it.
        """
        ...

    def case(self, change_id: str) -> GoldenCase:
        """A verified fix as a case for the tests. Raises InvalidInput for one that is not."""
        ...
