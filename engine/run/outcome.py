"""What came of a step, or of several."""

from dataclasses import dataclass
from typing import Any

from ..execution import ErrorInfo


@dataclass(frozen=True, slots=True)
class Outcome:
    """An output; or an error, with the path of the step it began in; or the wait for a person."""

    output: Any = None
    error: ErrorInfo | None = None
    is_paused: bool = False
    failed_path: str | None = None

    @property
    def is_done(self) -> bool:
        return self.error is None and not self.is_paused
