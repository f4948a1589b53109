"""Ask another model, or ask it in another place: of those that this installation has."""

from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from ..definitions import Pointer, steps
from ..snapshot import Snapshot
from ._base import Change
from ._reach import STEP, Reach
from ._steps import Id, step_called, title_of, written

Model: TypeAlias = Annotated[
    str, Field(max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,199}$")
]
Runtime: TypeAlias = Annotated[str, Field(max_length=100, pattern=r"^[a-z][a-z0-9_-]{0,99}$")]


class SwitchRuntime(Change):
    """Let an agent step ask another model, or the workflow ask in another place.

    Only what this installation has been set up for is accepted. What the workflow reads goes to
    whoever answers, so an owner approves.
    """

    reach: ClassVar[Reach] = Reach(
        writes=(
            ("add", f"/definition/{STEP}/model"),
            ("change", f"/definition/{STEP}/model"),
            ("add", f"/definition/{STEP}/runtime"),
            ("change", f"/definition/{STEP}/runtime"),
            ("add", "/definition/runtime"),
            ("change", "/definition/runtime"),
        ),
        approver="owner",
    )
    button: ClassVar[str] = "Switch Model"

    type: Literal["switch_runtime"] = "switch_runtime"
    step: Id | None = None
    """Id of the agent step; left out for the runtime of the whole workflow."""
    model: Model | None = None
    """Id of the model to ask; only of a step."""
    runtime: Runtime | None = None
    """Where to ask it, if not where it is asked now."""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.model is None and self.runtime is None:
            raise ValueError("give a `model`, a `runtime` or both")
        if self.step is None and self.model is not None:
            raise ValueError("a model belongs to a step: give its id in `step`")
        return self

    @property
    def question(self) -> str:
        return f"Would you like me to switch to {self._named}?"

    def apply(self, snapshot: Snapshot) -> Snapshot:
        above = self._place(snapshot)
        wanted = {"model": self.model, "runtime": self.runtime}
        changed = snapshot
        for key, value in wanted.items():
            if value is not None:
                changed = written(changed, (*above, key), value)
        if changed.digest == snapshot.digest:
            raise self.refuse(f"it asks {self._named} already.")
        return changed

    def summary(self, snapshot: Snapshot) -> str:
        if self.step is None:
            return f"Agent steps that name no place of their own ask at {self._named}."
        return f"Step {title_of(snapshot, self.step)!r} asks {self._named}; it gets what the step reads."

    @property
    def _named(self) -> str:
        names = [repr(name) for name in (self.model, self.runtime) if name is not None]
        return " at ".join(names)

    def _place(self, snapshot: Snapshot) -> Pointer:
        if self.step is None:
            if not any(step.type == "agent" for step in steps(snapshot.definition)):
                raise self.refuse("no step of this workflow asks a model.")
            return ()
        step = step_called(self, snapshot, self.step)
        if step.type != "agent":
            raise self.refuse(f"step {self.step!r} asks no model.")
        return step.pointer


FIX = SwitchRuntime
