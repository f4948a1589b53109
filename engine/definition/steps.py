"""The kinds of step a workflow can have: a closed set, told apart by `type`."""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from .budget import Budget

StepId = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]


class RetryPolicy(BaseModel):
    """How often a step is tried again; only failures of a retryable class are.

    At most `1 + max_retries` attempts. The wait doubles from `backoff_seconds` up to a minute.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_retries: int = Field(default=2, ge=0, le=10)
    backoff_seconds: float = Field(default=1.0, ge=0, le=60)


class _Step(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    id: StepId = Field(description="How other steps refer to it: {{ id.field }}.")
    name: str | None = Field(default=None, max_length=200, description="What people read.")
    retry: RetryPolicy = RetryPolicy()
    timeout_seconds: float = Field(default=60.0, gt=0, le=3600)
    documents: tuple[str, ...] = Field(
        default=(), description="Documents for this step alone, beside the workflow's."
    )

    @property
    def title(self) -> str:
        return self.name or self.id


class ToolStep(_Step):
    """Calls one action of `engine/actions/` with parameters; expressions are resolved first."""

    type: Literal["tool"] = "tool"
    action: str = Field(min_length=1, max_length=100)
    parameters: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue], alias="with")


class AgentStep(_Step):
    """Asks a language model, with the workflow's instructions as its standing orders."""

    type: Literal["agent"] = "agent"
    prompt: str = Field(min_length=1, max_length=100_000)
    model: str | None = Field(default=None, description="Id in the model catalog.")
    output: Literal["text", "json"] = "text"
    max_turns: int = Field(default=10, ge=1, le=100)
    budget: Budget = Field(default=Budget(), description="Of this step alone, over its attempts.")

    @property
    def action(self) -> str:
        return "agent"


Step: TypeAlias = Annotated[ToolStep | AgentStep, Field(discriminator="type")]
STEP_TYPES = ("tool", "agent")
