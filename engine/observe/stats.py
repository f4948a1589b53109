"""What earlier runs suggest for a workflow: a budget, how to bind documents, where to ask models."""

from decimal import Decimal
from typing import Literal

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field

from ..definition.shape import Shape, shape
from ..definition.workflow import Workflow
from ..storage.definitions import DefinitionStore
from ..storage.stats import StatsStore, WorkflowStats, usd

#: Fewer runs, priced steps or tries of a runtime say nothing yet.
FEWEST = 3
#: With more documents a step than this, each step should be given its own.
MANY_DOCUMENTS = 3
#: How many times better another pattern must be to be worth a word.
CLEARLY_BETTER = 1.2
_LARGEST_BUDGET = Decimal(50)  # of what a definition may name


class _Hint(BaseModel):
    model_config = ConfigDict(frozen=True)


class BudgetHint(_Hint):
    """A limit for one step that asks a model: what such a step cost, and one standard deviation."""

    per_step_usd: Decimal
    mean_usd: Decimal
    deviation_usd: Decimal
    samples: int = Field(description="Steps whose cost is known.")


class DocumentHint(_Hint):
    """`per-step`: name documents at the steps that need them, not at the workflow."""

    strategy: Literal["per-step", "keep"]
    average_documents: float = Field(description="Given to each step that asked a model.")


class RuntimeHint(_Hint):
    """The runtime whose steps succeeded most often; `default` is where steps go that name none."""

    runtime: str
    success_rate: float
    samples: int = Field(description="Steps on it.")


class PatternHint(_Hint):
    """A pattern that fares clearly better, in workflows with as many steps."""

    pattern: str
    success_rate: float
    samples: int = Field(description="Runs of it.")
    own_success_rate: float


class Hints(_Hint):
    """What runs of workflows of the same shape suggest; null where too little is known."""

    workflow_id: str
    pattern: str
    step_count: int = Field(description="Steps that do something themselves.")
    runs: int
    runs_needed: int = FEWEST
    note: str | None = Field(description="Why there are no hints yet, if there are none.")
    budget: BudgetHint | None = None
    documents: DocumentHint | None = None
    runtime: RuntimeHint | None = None
    pattern_comparison: PatternHint | None = None
    stats: WorkflowStats | None = Field(default=None, description="What it is all taken from.")


class Learning:
    """Reads what was learned. Every method is one transaction."""

    def __init__(self, engine: sa.Engine, definitions: DefinitionStore) -> None:
        self._store = StatsStore(engine, definitions)

    def stats(self, workspace_id: str) -> tuple[WorkflowStats, ...]:
        """Of every shape of workflow that has run."""
        return self._store.stats(workspace_id)

    def hints(self, workspace_id: str, workflow_id: str) -> Hints:
        """For the newest version of a workflow. Raises `NotFound`."""
        workflow, stats = self._store.of_workflow(workspace_id, workflow_id)
        return suggest(workflow_id, workflow, stats)


def suggest(workflow_id: str, workflow: Workflow, stats: tuple[WorkflowStats, ...]) -> Hints:
    """The hints for *workflow*; *stats* are those of every pattern with as many steps."""
    this = shape(workflow)
    own = next((one for one in stats if one.pattern == this.pattern), None)
    if own is None or own.sample_count < FEWEST:
        return _too_few(workflow_id, this, own)
    return Hints(
        workflow_id=workflow_id,
        pattern=this.pattern,
        step_count=this.step_count,
        runs=own.sample_count,
        note=None,
        budget=_budget(own),
        documents=_documents(own, workflow),
        runtime=_runtime(own),
        pattern_comparison=_pattern(own, stats),
        stats=own,
    )


def _too_few(workflow_id: str, this: Shape, own: WorkflowStats | None) -> Hints:
    runs = 0 if own is None else own.sample_count
    return Hints(
        workflow_id=workflow_id,
        pattern=this.pattern,
        step_count=this.step_count,
        runs=runs,
        note=f"Not enough runs yet ({runs} of {FEWEST}).",
        stats=own,
    )


def _budget(own: WorkflowStats) -> BudgetHint | None:
    mean, spread = own.avg_cost_per_step_micros, own.cost_deviation_micros
    if mean is None or spread is None or own.priced_steps < FEWEST or mean <= 0:
        return None
    return BudgetHint(
        per_step_usd=min(usd(mean + spread), _LARGEST_BUDGET),
        mean_usd=usd(mean),
        deviation_usd=usd(spread),
        samples=own.priced_steps,
    )


def _documents(own: WorkflowStats, workflow: Workflow) -> DocumentHint | None:
    average = own.avg_docs_per_step
    if average is None:
        return None
    too_many = average > MANY_DOCUMENTS and bool(workflow.documents)
    return DocumentHint(strategy="per-step" if too_many else "keep", average_documents=average)


def _runtime(own: WorkflowStats) -> RuntimeHint | None:
    tried = [
        RuntimeHint(runtime=name, success_rate=one.rate, samples=one.samples)
        for name, one in own.runtime_breakdown.items()
        if one.samples >= FEWEST
    ]
    return max(tried, key=lambda one: (one.success_rate, one.samples, one.runtime), default=None)


def _pattern(own: WorkflowStats, stats: tuple[WorkflowStats, ...]) -> PatternHint | None:
    better = [
        PatternHint(
            pattern=one.pattern,
            success_rate=one.success_rate,
            samples=one.sample_count,
            own_success_rate=own.success_rate,
        )
        for one in stats
        if one.pattern != own.pattern
        and one.sample_count >= FEWEST
        and one.success_rate > own.success_rate * CLEARLY_BETTER
    ]
    return max(better, key=lambda one: (one.success_rate, one.samples), default=None)
