"""Let a step try again more often, or wait longer before it does."""

from decimal import Decimal
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, JsonValue, model_validator

from ..definitions import PlacedStep
from ..snapshot import Snapshot
from ._base import Change
from ._reach import STEP, Reach
from ._rises import Rise, number_of, shown_number, spelled_like
from ._steps import WORKING, Id, is_repeatable, step_called, title_of, written

#: What a step has that says nothing.
RETRIES, BACKOFF = 2, 1.0
MOST_RETRIES, LONGEST_BACKOFF = 6, 30.0

Retries: TypeAlias = Annotated[int, Field(ge=1, le=MOST_RETRIES)]
Backoff: TypeAlias = Annotated[float, Field(gt=0, le=LONGEST_BACKOFF)]


class RetryPolicy(Change):
    """Raise how often a step is tried again, or its first pause, against what passes by itself.

    Only for a step that can be done twice: one that reads, or that says so itself. The pause
    doubles with each attempt, up to a minute.
    """

    reach: ClassVar[Reach] = Reach(
        writes=(
            ("add", f"/definition/{STEP}/retry"),
            ("add", f"/definition/{STEP}/retry/*"),
            ("change", f"/definition/{STEP}/retry/*"),
        ),
        rises=(
            Rise("retry/max_retries", most=MOST_RETRIES, default=RETRIES),
            Rise("retry/backoff_seconds", most=LONGEST_BACKOFF, default=BACKOFF),
        ),
    )
    button: ClassVar[str] = "Retry More Often"
    causes: ClassVar[frozenset[str]] = frozenset(
        {
            "rate_limit",
            "network_error",
            "timeout",
            "upstream_error",
            "conflict",
            "model_unavailable",
        }
        | {"resource_exhausted", "unknown"}
    )

    type: Literal["retry_policy"] = "retry_policy"
    step: Id
    """Id of the step that failed of something that passes by itself."""
    max_retries: Retries | None = None
    """How often it is tried again after the first attempt; more than now."""
    backoff_seconds: Backoff | None = None
    """Seconds before the second attempt; more than now."""

    @model_validator(mode="after")
    def _raises_something(self) -> Self:
        if self.max_retries is None and self.backoff_seconds is None:
            raise ValueError("give `max_retries`, `backoff_seconds` or both")
        return self

    @property
    def question(self) -> str:
        if self.max_retries is None:
            return "Would you like me to let the step wait longer before it tries again?"
        return f"Would you like me to let the step try again up to {self.max_retries} times?"

    def apply(self, snapshot: Snapshot) -> Snapshot:
        step = step_called(self, snapshot, self.step)
        if step.type not in WORKING:
            raise self.refuse(f"step {self.step!r} does nothing itself that could be tried again.")
        if not is_repeatable(step):
            raise self.refuse(f"doing step {self.step!r} twice might do something twice.")
        policy = policy_of(step)
        changed: dict[str, JsonValue] = dict(policy)
        if self.max_retries is not None:
            now = policy.get("max_retries", RETRIES)
            changed["max_retries"] = self._raised(now, self.max_retries)
        if self.backoff_seconds is not None:
            now = policy.get("backoff_seconds", BACKOFF)
            changed["backoff_seconds"] = self._raised(now, self.backoff_seconds)
        return written(snapshot, (*step.pointer, "retry"), changed)

    def summary(self, snapshot: Snapshot) -> str:
        title = title_of(snapshot, self.step)
        pause = shown_number(self.backoff_seconds) if self.backoff_seconds else ""
        if self.max_retries is None:
            return f"Step {title!r} waits {pause} s before it is tried again, then twice as long."
        waits = f", the first time after {pause} s" if pause else ""
        return f"Step {title!r} is tried again up to {self.max_retries} times{waits}."

    def _raised(self, now: JsonValue, wanted: float) -> JsonValue:
        current = number_of(now)
        if current is None or Decimal(str(wanted)) <= current:
            raise self.refuse(f"step {self.step!r} has {now} there already.")
        return spelled_like(now, Decimal(str(wanted)))


def policy_of(step: PlacedStep) -> dict[str, JsonValue]:
    """What *step* says about being tried again."""
    policy = step.data.get("retry")
    return policy if isinstance(policy, dict) else {}


FIX = RetryPolicy
