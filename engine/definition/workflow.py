"""What a workflow is: who it acts for, what starts it, what it may spend, and its steps."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from .budget import Budget
from .steps import MOST_STEPS, Step, StepId


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Trigger(_Part):
    """What starts a run."""

    type: Literal["manual", "schedule", "webhook", "event"] = "manual"
    schedule: str | None = Field(default=None, description="Cron line, when type is schedule.")
    event: str | None = Field(default=None, description="Event name, when type is event.")


class Input(_Part):
    """A value a run is started with; `default` makes it optional."""

    description: str | None = None
    default: JsonValue = None
    required: bool = False


class Stage(_Part):
    """A part of the workflow that people know by name. A stage without a weight counts evenly."""

    name: str = Field(min_length=1, max_length=100)
    steps: tuple[StepId, ...] = Field(min_length=1, max_length=MOST_STEPS)
    weight: float | None = Field(default=None, gt=0, le=1000)


class Workflow(_Part):
    """One version of a workflow, as a person wrote it. Users also say "agent"."""

    name: str = Field(min_length=1, max_length=200)
    description: str = ""
    instructions: str = Field(default="", max_length=100_000)
    restrictions: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    memory: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    runtime: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="Where the model of agent steps is asked that name none themselves.",
    )
    trigger: Trigger = Trigger()
    inputs: dict[StepId, Input] = Field(default_factory=dict[str, Input])
    documents: tuple[str, ...] = Field(default=(), description="Documents every step sees.")
    budget: Budget = Budget()
    timeout_seconds: float | None = Field(default=None, gt=0, le=86_400)
    on_quota: Literal["park", "fail"] | None = Field(
        default=None,
        description="What a run does that a quota has stopped: park waits until it resets and then "
        "goes on by itself; null parks for up to 24 hours.",
    )
    estimate: Literal["advise", "enforce"] = Field(
        default="advise",
        description="enforce: a run that is sure to break a limit of cost or size does not start.",
    )
    stages: tuple[Stage, ...] = Field(
        default=(), max_length=100, description="In order; each names top-level steps."
    )
    steps: tuple[Step, ...] = Field(min_length=1, max_length=MOST_STEPS)
