"""What a step does with its output before others see it, and what is done when it fails.

Inside a step the order is: the action or the agent, processors, validators, plugins. Processors
change the output, validators look at it, plugins ask somebody outside. What is named here is a
file of `engine/processors/`, `engine/validators/`, `engine/plugins/` or `engine/actions/`, or what
the application gives under such a name.
"""

from collections.abc import Iterator
from typing import Any, Literal, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

MOST_PARTS = 20
MOST_TOOLS = 50


class Use(BaseModel):
    """A part by name, with its parameters; a bare name stands for one without any."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: str = Field(min_length=1, max_length=100)
    parameters: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue], alias="with")

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_serializer(mode="wrap")
    def _to_name(self, serialize: SerializerFunctionWrapHandler) -> Any:
        return serialize(self) if self.parameters else self.name


class Parts(BaseModel):
    """What happens to an output, in this order."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    processors: tuple[Use, ...] = Field(default=(), max_length=MOST_PARTS)
    validators: tuple[Use, ...] = Field(default=(), max_length=MOST_PARTS)
    plugins: tuple[Use, ...] = Field(default=(), max_length=MOST_PARTS)
    strict: bool = Field(
        default=True,
        description="False passes an output on that a validator or plugin refuses, with a note.",
    )


class Fallback(Parts):
    """What is done instead when a step has failed for good: an action, or a question to a model.

    With a model alone the step's own question goes to that model. Inside, the step's own id names
    the output that was refused, if there was one.
    """

    action: str | None = Field(default=None, min_length=1, max_length=100)
    parameters: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue], alias="with")
    prompt: str | None = Field(default=None, min_length=1, max_length=100_000)
    model: str | None = Field(default=None, description="Id in the model catalog.")
    output: Literal["text", "json"] | None = Field(default=None, description="As the step's own.")

    @model_validator(mode="after")
    def _one_way(self) -> "Fallback":
        asks = self.prompt is not None or self.model is not None
        if asks == (self.action is not None):
            raise ValueError("a fallback has either an action, or a prompt or model")
        return self

    @property
    def title(self) -> str:
        """How a person would name it."""
        return self.action or self.model or "another prompt"


def part_texts(step: BaseModel) -> Iterator[JsonValue]:
    """The parts of *step* beside its own parameters and prompt in which expressions are resolved."""
    for kind in ("processors", "validators", "plugins", "tools"):
        for use in cast("tuple[Use, ...]", getattr(step, kind, ())):
            yield use.parameters
    fallback = getattr(step, "fallback", None)
    if isinstance(fallback, Fallback):
        yield fallback.parameters
        yield fallback.prompt or ""
        yield from part_texts(fallback)
