"""How long a round may take: what its run was started with, or its workflow, or the engine says."""

from dataclasses import dataclass
from typing import Any

from ..definition.workflow import Workflow


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Gives the columns of a run. default: seconds where neither it nor its workflow has a limit."""

    default: float | None = None

    def of_start(self, own: float | None, workflow: Workflow) -> dict[str, Any]:
        """own: the seconds that the start of the run gives it."""
        return {
            "timeout_seconds": own or workflow.timeout_seconds or self.default,
            "own_timeout": bool(own),
        }

    def of_resume(self, row: Any, workflow: Workflow, *, before: Workflow) -> dict[str, Any]:
        """For a round that goes on with *workflow* after rounds with *before*.

        A limit of the run's own stays; else the round has that of the version it goes on with.
        """
        seconds: float | None = row.timeout_seconds
        is_own: bool | None = row.own_timeout
        if is_own is None:  # from before this was kept: what can't be told from others' is theirs
            is_own = seconds not in (None, before.timeout_seconds or self.default)
        return self.of_start(seconds if is_own else None, workflow)
