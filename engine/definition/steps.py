"""The kinds of step a workflow can have: a closed set, told apart by `type`."""

from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from .budget import Budget
from .quality import MOST_PARTS, MOST_TOOLS, Fallback, Use

MOST_STEPS = 2000
MOST_BRANCHES = 100
_SECONDS = {"m": 60, "h": 3600, "d": 86_400}

STEP_ID = r"^[A-Za-z_][A-Za-z0-9_]{0,63}$"
WAIT = r"^[1-9][0-9]{0,4}[mhd]$"
StepId = Annotated[str, Field(pattern=STEP_ID)]


class RetryPolicy(BaseModel):
    """How often a step is tried again; only failures of a retryable class are.

    At most `1 + max_retries` attempts. The wait doubles from `backoff_seconds` up to a minute.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_retries: int = Field(default=2, ge=0, le=10)
    backoff_seconds: float = Field(default=1.0, ge=0, le=60)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class _Step(_Part):
    id: StepId = Field(description="How other steps refer to it: {{ id.field }}.")
    name: str | None = Field(default=None, max_length=200, description="What people read.")

    @property
    def title(self) -> str:
        return self.name or self.id


class _WorkingStep(_Step):
    """A step that does something itself. Its output goes through processors, validators, plugins."""

    retry: RetryPolicy = RetryPolicy()
    timeout_seconds: float = Field(default=60.0, gt=0, le=3600)
    documents: tuple[str, ...] = Field(
        default=(), description="Documents for this step alone, beside the workflow's."
    )
    repeatable: bool | None = Field(
        default=None,
        description="Whether doing it twice does no more than once; its action's word when absent.",
    )
    processors: tuple[Use, ...] = Field(default=(), max_length=MOST_PARTS)
    validators: tuple[Use, ...] = Field(default=(), max_length=MOST_PARTS)
    plugins: tuple[Use, ...] = Field(default=(), max_length=MOST_PARTS)
    strict: bool = Field(
        default=True,
        description="False passes an output on that a validator or plugin refuses, with a note.",
    )
    fallback: Fallback | None = Field(default=None, description="Done when the step has failed.")
    max_seconds: float | None = Field(
        default=None, gt=0, le=86_400, description="For all attempts and the waits between them."
    )


class ToolStep(_WorkingStep):
    """Calls one action of `engine/actions/` with parameters; expressions are resolved first."""

    type: Literal["tool"] = "tool"
    action: str = Field(min_length=1, max_length=100)
    parameters: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue], alias="with")


class AgentStep(_WorkingStep):
    """Asks a language model, with the workflow's instructions as its standing orders."""

    type: Literal["agent"] = "agent"
    prompt: str = Field(min_length=1, max_length=100_000)
    model: str | None = Field(default=None, description="Id in the model catalog.")
    runtime: str | None = Field(
        default=None,
        max_length=100,
        description="Where the model is asked, if not its usual place.",
    )
    tools: tuple[Use, ...] = Field(
        default=(),
        max_length=MOST_TOOLS,
        description="Actions the model may call; parameters given here are not the model's to choose.",
    )
    output: Literal["text", "json"] = "text"
    max_turns: int = Field(default=10, ge=1, le=100)
    budget: Budget = Field(default=Budget(), description="Of this step alone, over its attempts.")

    @property
    def action(self) -> str:
        return "agent"


class _Container(_Step):
    """A step made of steps. It costs nothing itself, and ends when they have."""

    @property
    def action(self) -> str:
        return str(getattr(self, "type", ""))


class Arm(_Part):
    """One way a branch step can go. Its output is its last step's."""

    id: StepId
    when: str | None = Field(
        default=None, description="A condition; the default of its step needs none."
    )
    steps: "Steps"


class BranchStep(_Container):
    """Goes the first way whose condition holds, else the default one; its output is that way's.

    Without a default, and with no condition that holds, nothing is done and the output is null.
    """

    type: Literal["branch"] = "branch"
    branches: tuple[Arm, ...] = Field(min_length=1, max_length=MOST_BRANCHES)
    default: StepId | None = Field(default=None, description="The id of one of its branches.")


class Lane(_Part):
    """Steps that run beside those of other branches. Its output is its last step's."""

    id: StepId
    steps: "Steps"


class ParallelStep(_Container):
    """Runs its branches at the same time, each seeing the steps before and its own.

    What they give is merged: `namespaced` keeps each under its branch's id; `last_wins` and
    `error_on_conflict` put the fields of all into one object; `append` makes one list. A branch
    that gives null adds nothing to these three.
    """

    type: Literal["parallel"] = "parallel"
    branches: tuple[Lane, ...] = Field(min_length=1, max_length=MOST_BRANCHES)
    merge: Literal["namespaced", "last_wins", "append", "error_on_conflict"] = "namespaced"
    on_failure: Literal["finish", "cancel"] = Field(
        default="finish", description="What the other branches do when one has failed."
    )


class LoopStep(_Container):
    """Does its steps again and again: for each item, while a condition holds, or until one does.

    Inside, {{ loop.item }}, {{ loop.number }} (from 1), {{ loop.previous }} (the output of the
    iteration before, or null) and {{ loop.state.… }} are there; `as` gives another name than loop.
    `while` is asked before an iteration, `until` after one and sees its steps. After each, `update`
    puts new values into the state, which the next iteration sees.
    """

    type: Literal["loop"] = "loop"
    for_each: JsonValue = Field(default=None, description="A list, or an expression for one.")
    while_: str | None = Field(default=None, alias="while", description="A condition.")
    until: str | None = Field(default=None, description="A condition.")
    max_iterations: int = Field(ge=1, le=10_000)
    variable: StepId = Field(default="loop", alias="as")
    state: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    update: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    output: Literal["all", "last", "state"] = Field(
        default="all", description="A list of what each iteration gave, the last, or the state."
    )
    steps: "Steps"


class ApprovalStep(_Container):
    """Pauses the run until a person has decided. Its output tells who decided what, and when.

    Rejected, it fails, unless `on_reject` says what to do then.
    """

    type: Literal["approval"] = "approval"
    message: str = Field(min_length=1, max_length=10_000, description="What is to be approved.")
    role: str | None = Field(
        default=None, min_length=1, max_length=100, description="The role that may decide."
    )
    expires_after: str | None = Field(default=None, pattern=WAIT, description="Like 30m, 4h or 2d.")
    on_reject: "tuple[Step, ...]" = Field(default=(), max_length=MOST_STEPS)

    @property
    def expires_seconds(self) -> int | None:
        if self.expires_after is None:
            return None
        return int(self.expires_after[:-1]) * _SECONDS[self.expires_after[-1]]


WorkStep: TypeAlias = ToolStep | AgentStep
Step: TypeAlias = Annotated[
    ToolStep | AgentStep | BranchStep | ParallelStep | LoopStep | ApprovalStep,
    Field(discriminator="type"),
]
Steps: TypeAlias = Annotated[tuple[Step, ...], Field(min_length=1, max_length=MOST_STEPS)]
STEP_TYPES = ("tool", "agent", "branch", "parallel", "loop", "approval")
REJECTED = "reject"  # the branch of an approval in which on_reject runs
EACH = "*"  # any iteration of a loop

for _model in (Arm, BranchStep, Lane, ParallelStep, LoopStep, ApprovalStep):
    _model.model_rebuild()


def branches(step: Step) -> Iterator[tuple[str, tuple[Step, ...]]]:
    """The lists of steps inside *step*, each under the name that it has in paths."""
    match step:
        case ToolStep() | AgentStep():
            return
        case BranchStep() | ParallelStep():
            yield from ((one.id, one.steps) for one in step.branches)
        case LoopStep():
            yield EACH, step.steps
        case ApprovalStep():
            if step.on_reject:
                yield REJECTED, step.on_reject
