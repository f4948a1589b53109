"""Give a step a fallback: what is done when it has failed for good."""

from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, JsonValue, model_validator

from ..definitions import PlacedStep, put, steps
from ..snapshot import Snapshot
from ._base import Change
from ._reach import STEP, Approver, Reach, is_destination, is_protected
from ._steps import Id, step_called, title_of
from ._text import Name, placeholders, problem_with

#: Actions that can be done again with another value: they read or fill in, and reach nobody.
REPEATED = frozenset({"read_sheet", "render_template"})
#: What says a fixed text: as `render_template` gives a message, its body is taken.
WORDS = "render_template"


def _check_words(text: str) -> str:
    if problem := problem_with(text):
        raise ValueError(problem)
    if placeholders(text) or not text.strip():
        raise ValueError("it is blank or has a placeholder; give plain words")
    return text


Model: TypeAlias = Annotated[
    str, Field(max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,99}$")
]
Words: TypeAlias = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_check_words)]


class AddFallback(Change):
    """Do something else when a step has failed: one of three ways.

    The same action with one other value: a template, a range, a file. The same question to a model
    that another step of this workflow asks. Or fixed words in place of an agent's answer.
    """

    reach: ClassVar[Reach] = Reach(
        writes=(("add", f"/definition/{STEP}/fallback"),),
        fallbacks=REPEATED,
        opens=frozenset({"header"}),  # of a sheet, as its step has it
    )
    button: ClassVar[str] = "Add Fallback"

    type: Literal["add_fallback"] = "add_fallback"
    step: Id
    """Id of the step that fails. It has no fallback yet."""
    parameter: Name | None = None
    """The parameter that gets another value in the fallback, such as `template` or `range`."""
    value: Name | None = None
    """The value that it gets there: the name of something that exists."""
    model: Model | None = None
    """Id of a model that another step of this workflow names already, for an agent step."""
    words: Words | None = None
    """What later steps read in place of an agent's answer."""

    @model_validator(mode="after")
    def _is_one_of_three(self) -> Self:
        half = (self.parameter is None) != (self.value is None)
        given = (self.value is not None, self.model is not None, self.words is not None)
        if half or sum(given) != 1:
            raise ValueError("give either `parameter` and `value`, or `model`, or `words`")
        return self

    @property
    def approver(self) -> Approver:
        """An owner where what the step reads goes to another model."""
        return super().approver if self.model is None else "owner"

    @property
    def question(self) -> str:
        return "Would you like me to add the fallback for you?"

    def apply(self, snapshot: Snapshot) -> Snapshot:
        step = step_called(self, snapshot, self.step)
        if "fallback" in step.data:
            raise self.refuse(f"step {self.step!r} has a fallback already.")
        changed: JsonValue = {**step.data, "fallback": self._fallback(snapshot, step)}
        return snapshot.evolve(definition=put(snapshot.definition, step.pointer, changed))

    def summary(self, snapshot: Snapshot) -> str:
        start = f"When step {title_of(snapshot, self.step)!r} has failed, "
        if self.model is not None:
            return f"{start}the model {self.model!r} is asked instead."
        if self.words is not None:
            return f"{start}the run goes on with {self.words!r} in place of its answer."
        return f"{start}it is done with the {self.parameter} {self.value!r} instead."

    def _fallback(self, snapshot: Snapshot, step: PlacedStep) -> dict[str, JsonValue]:
        if self.parameter is not None:
            return self._with_another_value(step)
        if step.type != "agent":
            raise self.refuse(f"step {self.step!r} is no agent.")
        if self.model is not None:
            return self._of_another_model(snapshot, step)
        if step.data.get("output", "text") != "text":
            raise self.refuse(f"step {self.step!r} gives data, for which words can't stand in.")
        return {
            "action": WORDS,
            "with": {"body": self.words},
            "processors": [{"name": "take", "with": {"path": "body"}}],
        }

    def _with_another_value(self, step: PlacedStep) -> dict[str, JsonValue]:
        name = str(self.parameter)
        if step.type != "tool" or step.action not in REPEATED:
            raise self.refuse(f"what step {self.step!r} does is not for a fix to do again.")
        if is_protected((name,)) or is_destination((name,)):
            raise self.refuse(f"{name!r} is not for a fix to change.")
        current = step.parameters.get(name)
        if not isinstance(current, str):
            raise self.refuse(f"step {self.step!r} has no name for {name!r}.")
        if current == self.value:
            raise self.refuse("the step has this value itself.")
        return {"action": step.action, "with": {**step.parameters, name: self.value}}

    def _of_another_model(self, snapshot: Snapshot, step: PlacedStep) -> dict[str, JsonValue]:
        if step.data.get("model") == self.model:
            raise self.refuse("the step asks this model itself.")
        if self.model not in models_named(snapshot):
            raise self.refuse(f"no other step of this workflow asks the model {self.model!r}.")
        return {"model": self.model}


def models_named(snapshot: Snapshot) -> tuple[str, ...]:
    """The models that steps of this workflow ask by name, each once."""
    named = (step.data.get("model") for step in steps(snapshot.definition) if step.type == "agent")
    return tuple(dict.fromkeys(model for model in named if isinstance(model, str)))


FIX = AddFallback
