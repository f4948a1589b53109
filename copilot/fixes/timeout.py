"""Give a step, or a whole run, more time."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, JsonValue, model_validator

from ..definitions import PlacedStep, Pointer
from ..snapshot import Snapshot
from ._base import Change
from ._reach import STEP, Approver, Reach
from ._rises import Rise, number_of, shown_number, spelled_like
from ._steps import WORKING, Id, step_called, title_of, written

#: What counts while a step says nothing, and what the engine takes at most.
ATTEMPT, LONGEST_ATTEMPT = 60.0, 3600.0
REQUEST, LONGEST_REQUEST = 30.0, 300.0
LONGEST_STEP = LONGEST_RUN = 86_400.0
#: An editor may approve up to here; a step that takes longer is the owner's to allow.
EDITORS_MOST = 600.0
TIMES = 4

Limit: TypeAlias = Literal["timeout_seconds", "max_seconds", "request", "run"]
Seconds: TypeAlias = Annotated[float, Field(gt=0, le=LONGEST_STEP)]


class Timeout(Change):
    """Raise a time limit of a step or of the workflow, at most to four times what it is.

    Above ten minutes an owner approves.
    """

    reach: ClassVar[Reach] = Reach(
        writes=(
            ("change", "/definition/timeout_seconds"),
            ("add", f"/definition/{STEP}/timeout_seconds"),
            ("change", f"/definition/{STEP}/timeout_seconds"),
            ("change", f"/definition/{STEP}/max_seconds"),
            ("add", f"/definition/{STEP}/with/timeout_seconds"),
            ("change", f"/definition/{STEP}/with/timeout_seconds"),
            ("change", f"/definition/{STEP}/parameters/timeout_seconds"),
        ),
        rises=(
            Rise("definition/timeout_seconds", LONGEST_RUN, times=TIMES),
            Rise("with/timeout_seconds", LONGEST_REQUEST, times=TIMES, default=REQUEST),
            Rise("parameters/timeout_seconds", LONGEST_REQUEST, times=TIMES),
            Rise("timeout_seconds", LONGEST_ATTEMPT, times=TIMES, default=ATTEMPT),
            Rise("max_seconds", LONGEST_STEP, times=TIMES),
        ),
    )
    button: ClassVar[str] = "Allow More Time"
    causes: ClassVar[frozenset[str]] = frozenset(
        {"timeout", "budget_exceeded", "network_error", "upstream_error", "unknown"}
    )

    type: Literal["timeout"] = "timeout"
    step: Id | None = None
    """Id of the step that needs more time; left out for `run`."""
    limit: Limit = "timeout_seconds"
    """`timeout_seconds`: of one attempt. `max_seconds`: of all attempts together, where the step
    has such a limit. `request`: of one request of an http_request; its attempt gets as much. `run`:
    of the whole run, where the workflow has such a limit."""
    seconds: Seconds
    """The new limit, higher than it is now."""

    @model_validator(mode="after")
    def _names_a_step_or_the_run(self) -> Self:
        if (self.step is None) != (self.limit == "run"):
            raise ValueError("give a `step`, or the limit `run` without one")
        return self

    @property
    def approver(self) -> Approver:
        return "owner" if self.seconds > EDITORS_MOST else super().approver

    @property
    def question(self) -> str:
        whose = "run" if self.step is None else "step"
        return f"Would you like me to give the {whose} {shown_number(self.seconds)} seconds?"

    def apply(self, snapshot: Snapshot) -> Snapshot:
        step = None if self.step is None else step_called(self, snapshot, self.step)
        whose = "the workflow" if step is None else f"step {self.step!r}"
        if step is not None and step.type not in WORKING:
            raise self.refuse(f"{whose} has no time limit of its own.")
        current = self._current(snapshot)
        if current is None:
            raise self.refuse(f"{whose} has no such limit.")
        if Decimal(str(self.seconds)) <= current:
            raise self.refuse(f"{whose} has {shown_number(current)} s already.")
        if step is None:
            old = snapshot.definition.get("timeout_seconds")
            return written(snapshot, ("timeout_seconds",), self._spelled(old))
        for way in self._ways(step):
            old = step.data.get(way[0]) if len(way) == 1 else step.parameters.get(way[1])
            snapshot = written(snapshot, (*step.pointer, *way), self._spelled(old))
        return snapshot

    def summary(self, snapshot: Snapshot) -> str:
        current = self._current(snapshot)
        was = "" if current is None else f" instead of {shown_number(current)}"
        what = {
            "timeout_seconds": "One attempt at step",
            "max_seconds": "All attempts at step",
            "request": "One request of step",
            "run": "A run, from its start or from where it is resumed,",
        }[self.limit]
        title = "" if self.step is None else f" {title_of(snapshot, self.step)!r}"
        return f"{what}{title} may take {shown_number(self.seconds)} s{was}."

    def _current(self, snapshot: Snapshot) -> Decimal | None:
        if self.step is None:
            return number_of(snapshot.definition.get("timeout_seconds"))
        return time_limit(step_called(self, snapshot, self.step), self.limit)

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
        case "request" | "run":
            return None


FIX = Timeout
