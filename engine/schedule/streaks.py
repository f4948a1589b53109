"""Failures in a row of one schedule: how many there may be before it is paused, and why.

Two kinds are counted apart. A *breach* is a limit on turns or money that somebody set, and may just
be set too low: five of them pause a schedule. Of everything else three do. A success ends both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ..execution import ExecutionStatus

OLD_SHARE = 0.7  # of the average in the next one; the last run has the rest


class FailureReason(StrEnum):
    """What a scheduled run failed of, as far as pausing is concerned."""

    TURN_LIMIT_EXCEEDED = "turn_limit_exceeded"
    BUDGET_EXCEEDED = "budget_exceeded"
    TIMEOUT = "timeout"
    ABORTED = "aborted"
    RATE_LIMITED = "rate_limited"
    SDK_ERROR = "sdk_error"  # the model's side, the network, or a library
    STEP_FAILED = "step_failed"  # the workflow's own
    NOT_STARTED = "not_started"  # the run was refused: an input is missing, say

    @property
    def is_breach(self) -> bool:
        return self in {FailureReason.TURN_LIMIT_EXCEEDED, FailureReason.BUDGET_EXCEEDED}


_BY_CODE: Mapping[str, FailureReason] = {
    "turn_limit": FailureReason.TURN_LIMIT_EXCEEDED,
    "budget_exceeded": FailureReason.BUDGET_EXCEEDED,
    "step_timeout": FailureReason.TIMEOUT,
    "run_timeout": FailureReason.TIMEOUT,
    "run_crashed": FailureReason.ABORTED,
    "rate_limited": FailureReason.RATE_LIMITED,
    "quota_exhausted": FailureReason.RATE_LIMITED,
    "agent_failed": FailureReason.SDK_ERROR,
    "upstream_failed": FailureReason.SDK_ERROR,
    "network_failed": FailureReason.SDK_ERROR,
    "action_failed": FailureReason.SDK_ERROR,
    "invalid_model_output": FailureReason.SDK_ERROR,
    "model_unavailable": FailureReason.SDK_ERROR,
}
_WORDS: Mapping[FailureReason, str] = {
    FailureReason.TURN_LIMIT_EXCEEDED: "they used all their turns",
    FailureReason.BUDGET_EXCEEDED: "they reached a limit on cost or tokens",
    FailureReason.TIMEOUT: "they took too long",
    FailureReason.ABORTED: "they were given up",
    FailureReason.RATE_LIMITED: "there were too many requests",
    FailureReason.SDK_ERROR: "a service they use failed",
    FailureReason.STEP_FAILED: "a step failed",
    FailureReason.NOT_STARTED: "they could not be started",
}


def reason_of(status: ExecutionStatus, code: str | None) -> FailureReason | None:
    """Why a run with this status and error code failed; None if it counts as no failure.

    Ended by a person is not failed.
    """
    if not status.is_failure:
        return None
    if status is ExecutionStatus.CRASHED:
        return FailureReason.ABORTED
    if status is ExecutionStatus.TIMED_OUT:
        return FailureReason.TIMEOUT
    return _BY_CODE.get(code or "", FailureReason.STEP_FAILED)


@dataclass(frozen=True, slots=True)
class Allowance:
    """With how many failures in a row a schedule is paused; at least 2, so that one can warn."""

    breaches: int = 5
    others: int = 3

    def __post_init__(self) -> None:
        if min(self.breaches, self.others) < 2:
            raise ValueError("A schedule is paused after two failures at the earliest.")

    def of(self, reason: FailureReason) -> int:
        """The number for the kind that *reason* is of."""
        return self.breaches if reason.is_breach else self.others


@dataclass(frozen=True, slots=True)
class Streak:
    """Failures since the last success, by reason."""

    counts: Mapping[FailureReason, int] = field(default_factory=dict[FailureReason, int])

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def alike(self, reason: FailureReason) -> int:
        """How many of them are of the same kind as *reason*."""
        same = (many for one, many in self.counts.items() if one.is_breach == reason.is_breach)
        return sum(same)

    def with_failure(self, reason: FailureReason) -> "Streak":
        """One longer."""
        return Streak({**self.counts, reason: self.counts.get(reason, 0) + 1})

    def words(self) -> str:
        """'Its last 3 scheduled runs failed: a step failed, they took too long.'

        The most frequent reason first.
        """
        causes = ", ".join(
            _WORDS[one] for one in sorted(self.counts, key=lambda one: -self.counts[one])
        )
        runs = "last scheduled run" if self.total == 1 else f"last {self.total} scheduled runs"
        return f"Its {runs} failed: {causes}."


def average(before: float | None, turns: int) -> float:
    """The moving average of turns, with the run that just ended in it."""
    return float(turns) if before is None else OLD_SHARE * before + (1 - OLD_SHARE) * turns
