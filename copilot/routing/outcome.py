"""What came of asking: every call with what it cost, and the answer, or why there is none."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, TypeVar

from ..runtimes import Answer, FailureKind, Usage

T = TypeVar("T")

#: The reason when a call was not made because it could have cost too much.
SPEND_CAP = "spend_cap"


class Refused(Exception):
    """`Refused(problem)`: an answer that can't be used, in words for the model that gave it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call that was made, or could not be (kind 'not_ready'). Money None: not known.

    `retry_after` (seconds) and `status` (HTTP) are what the provider said with a failure.
    """

    runtime: str
    model: str
    kind: FailureKind | None
    usage: Usage
    cost_usd: Decimal | None
    milliseconds: int
    is_repair: bool = False
    retry_after: float | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed(Generic[T]):
    """What came of asking. `result` is None when nobody gave a usable answer: `reason` says why.

    reason: 'timeout', 'rate_limit', 'auth', …, of the attempt that mattered most; a FailureKind or
    'spend_cap'. note: that a successor answered, or that the first choice did not, for the report.
    """

    result: T | None
    answer: Answer | None
    attempts: tuple[Attempt, ...]
    reason: str | None = None
    note: str | None = None

    @property
    def cost_usd(self) -> Decimal | None:
        """Of all attempts; None as soon as one is not known."""
        total = Decimal(0)
        for attempt in self.attempts:
            if attempt.cost_usd is None:
                return None
            total += attempt.cost_usd
        return total
