"""What could be better about a definition before it runs, and what says so."""

from decimal import Decimal
from enum import StrEnum
from typing import Literal, TypeAlias

from pydantic import AwareDatetime, Field, JsonValue

from .change import Preview
from .frozen import Frozen

Severity: TypeAlias = Literal["high", "medium", "low"]


class SuggestionKind(StrEnum):
    DOCUMENTS = "documents"
    BUDGET = "budget"
    RUNTIME = "runtime"
    PATTERN = "pattern"
    PROMPT = "prompt"


class SuggestionEvidence(Frozen):
    """One fact. `source`: where it is from; `samples`: how many it was counted from."""

    source: Literal["definition", "estimate", "runs", "failures"]
    text: str
    samples: int | None = None


class Suggestion(Frozen):
    """`fix_id` is of a stored workflow's and is approved and applied like any other.

    `changed` is for a definition that is not stored: what it would be.
    """

    suggestion_id: str
    kind: SuggestionKind
    code: str = Field(description="Stable: what exactly it is about, such as large_list.")
    severity: Severity
    title: str
    evidence: tuple[SuggestionEvidence, ...] = Field(min_length=1)
    steps: tuple[str, ...] = Field(default=(), description="Ids of the steps that it is about.")
    advice: str = Field(description="What a person does who does it by hand.")
    fix_type: str | None = Field(default=None, description="Null when there are only words.")
    fix_id: str | None = None
    preview: Preview | None = None
    summary: str | None = Field(default=None, description="What applying it changes.")
    changed: dict[str, JsonValue] | None = None


class StepBudget(Frozen):
    """What one step may cost against its limit. Costs are null where a price is unknown."""

    place: str
    title: str
    least_cost_usd: Decimal | None
    most_cost_usd: Decimal | None
    cap_usd: Decimal
    cap_set_by: str
    samples: int = Field(description="Earlier runs of the step; 0: by the definition alone.")


class BudgetForecast(Frozen):
    """Of one run, its steps, and of a step in runs of workflows with the same shape."""

    steps: tuple[StepBudget, ...]
    least_cost_usd: Decimal | None
    most_cost_usd: Decimal | None
    per_step_usd: Decimal | None = Field(description="Mean and one standard deviation.")
    mean_usd: Decimal | None
    deviation_usd: Decimal | None
    samples: int = Field(description="Steps whose cost is known.")


class Suggestions(Frozen):
    """`workflow_id` and `version` are null for a definition that is not stored."""

    workflow_id: str | None
    version: int | None
    suggestions: tuple[Suggestion, ...] = Field(description="The most pressing first.")
    dismissed: int = Field(description="How many were left out because somebody dismissed them.")
    budget: BudgetForecast | None = Field(description="Null when no step asks a model.")
    similar_runs: int = Field(description="Runs of workflows with the same shape.")
    runs_needed: int
    note: str | None = Field(description="Why runs say nothing yet.")


class SuggestionDismissal(Frozen):
    """It is not told again until what it is about has grown by a half."""

    workflow_id: str
    suggestion_id: str
    kind: SuggestionKind
    by_name: str
    at: AwareDatetime
    reason: str
