"""Give a step more time."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field, JsonValue

from ..definitions import PlacedStep, Pointer
from ..snapshot import Snapshot
from ._base import Change
from ._reach import STEP, Approver, Reach
from ._rises import Rise, number_of, shown_number, spelled_like
from ._steps import WORKING, Id, step_called, title_of, written

#: What counts while a step says nothing, and what the engine takes at most.
ATTEMPT, LONGEST_ATTEMPT = 60.0, 3600.0
REQUEST, LONGEST_REQUEST = 30.0, 300.0
LONGEST_STEP = 86_400.0
#: An editor may approve up to here; a step that takes longer is the owner's to allow.
EDITORS_MOST = 600.0
_TIMES = 4

Limit: TypeAlias = Literal["timeout_seconds", "max_seconds", "request"]
Seconds: TypeAlias = Annotated[float, Field(gt=0, le=LONGEST_STEP)]


class Timeout(Change):
    """Raise a time limit of a step, at most to four times what it is.

    Above ten minutes an owner approves.
    """

    reach: ClassVar[Reach] = Reach(
        writes=(
            ("add", f"/definition/{STEP}/timeout_seconds"),
            ("change", f"/definition/{STEP}/timeout_seconds"),
            ("change", f"/definition/{STEP}/max_seconds"),
            ("add", f"/definition/{STEP}/with/timeout_seconds"),
            ("change", f"/definition/{STEP}/with/timeout_seconds"),
            ("change", f"/definition/{STEP}/parameters/timeout_seconds"),
        ),
        rises=(
            Rise("with/timeout_seconds", LONGEST_REQUEST, times=_TIMES, default=REQUEST),
            Rise("parameters/timeout_seconds", LONGEST_REQUEST, times=_TIMES),
            Rise("timeout_seconds", LONGEST_ATTEMPT, times=_TIMES, default=ATTEMPT),
            Rise("max_seconds", LONGEST_STEP, times=_TIMES),
        ),
    )
    button: ClassVar[str] = "Allow More Time"
    causes: ClassVar[frozenset[str]] = frozenset(
        {"timeout", "budget_exceeded", "network_error", "upstream_error", "unknown"}
    )

    type: Literal["timeout"] = "timeout"
    step: Id
    """Id of the step that needs more time."""
    limit: Limit = "timeout_seconds"
    """`timeout_seconds`: of one attempt. `max_seconds`: of all attempts together, where the step
    has such a limit. `request`: of one request of an http_request; its attempt gets as much."""
    seconds: Seconds
    """The new limit, higher than it is now."""

    @property
    def approver(self) -> Approver:
        return "owner" if self.seconds > EDITORS_MOST else super().approver

    @property
    def question(self) -> str:
        return f"Would you like me to give the step {shown_number(self.seconds)} seconds?"

    def apply(self, snapshot: Snapshot) -> Snapshot:
        step = step_called(self, snapshot, self.step)
        if step.type not in WORKING:
            raise self.refuse(f"step {self.step!r} has no time limit of its own.")
        current = time_limit(step, self.limit)
        if current is None:
            raise self.refuse(f"step {self.step!r} has no such limit.")
        if Decimal(str(self.seconds)) <= current:
            raise self.refuse(f"step {self.step!r} has {shown_number(current)} s already.")
        for way in self._ways(step):
            old = step.data.get(way[0]) if len(way) == 1 else step.parameters.get(way[1])
            snapshot = written(snapshot, (*step.pointer, *way), self._spelled(old))
        return snapshot

    def summary(self, snapshot: Snapshot) -> str:
        step = step_called(self, snapshot, self.step)
        current = time_limit(step, self.limit)
        was = "" if current is None else f" instead of {shown_number(current)}"
        what = {
            "timeout_seconds": "One attempt at step",
            "max_seconds": "All attempts at step",
            "request": "One request of step",
        }[self.limit]
        title = title_of(snapshot, self.step)
        return f"{what} {title!r} may take {shown_number(self.seconds)} s{was}."

    def _ways(self, step: PlacedStep) -> Iterator[Pointer]:
        """Where below the step it is written: a request can't take longer than its attempt."""
        if self.limit != "request":
            yield (self.limit,)
            return
        yield (step.parameters_key, "timeout_seconds")
        attempt = time_limit(step, "timeout_seconds")
        if attempt is not None and attempt < Decimal(str(self.seconds)):
            yield ("timeout_seconds",)

    def _spelled(self, old: JsonValue) -> JsonValue:
        return spelled_like(old, Decimal(str(self.seconds)))


def time_limit(step: PlacedStep, limit: Limit) -> Decimal | None:
    """The limit as it counts now, in seconds; None where there is none, or no plain number."""
    match limit:
        case "timeout_seconds":
            return number_of(step.data.get(limit, ATTEMPT))
        case "max_seconds":
            return number_of(step.data.get(limit))
        case "request" if step.action == "http_request":
            return number_of(step.parameters.get("timeout_seconds", REQUEST))
        case "request":
            return None


FIX = Timeout
