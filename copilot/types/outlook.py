"""What is known of a definition before it runs: its agent steps, their limits, and runs like it."""

from decimal import Decimal
from typing import Literal

from pydantic import Field, JsonValue

from .engine import Hints
from .frozen import Frozen


class PlannedStep(Frozen):
    """A step that asks a model. Costs are of one time that it runs; null where a price is unknown.

    runtime: the name under which its success is counted. text: its prompt.
    """

    id: str
    place: str
    title: str
    text: str
    runtime: str
    names_runtime: bool = Field(description="The step itself names its runtime or model.")
    documents: tuple[str, ...] = Field(description="Of its own, beside the workflow's.")
    most_turns: int
    cap_usd: Decimal
    cap_set_by: str
    least_tokens: int
    most_tokens: int
    least_cost_usd: Decimal | None
    most_cost_usd: Decimal | None
    samples: int = Field(description="Earlier runs of the step that the range is from.")


class PromptRisk(Frozen):
    """found: the words; count: items of a list, or turns."""

    code: Literal["loop_pattern", "large_list", "many_turns"]
    severity: Literal["high", "medium"]
    step: str | None = Field(description="Id; null for the instructions, which all steps read.")
    found: str | None = None
    count: int | None = None


class LimitWarning(Frozen):
    """The estimate is over a limit. `certain`: even the least is. `place`: null for the run."""

    place: str | None
    text: str
    certain: bool


class Outlook(Frozen):
    """*hints* are from runs of every workflow of the workspace with the same shape."""

    definition: dict[str, JsonValue]
    name: str
    instructions: str
    documents: tuple[str, ...] = Field(description="Those that every step is given.")
    steps: tuple[PlannedStep, ...]
    hints: Hints
    risks: tuple[PromptRisk, ...]
    over_limit: tuple[LimitWarning, ...]
    least_tokens: int
    most_tokens: int
    least_cost_usd: Decimal | None
    most_cost_usd: Decimal | None
