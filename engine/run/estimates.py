"""Estimates of runs that are about to start, with what is known about their workspace."""

from dataclasses import dataclass

from ..definition.shape import working_steps
from ..definition.steps import AgentStep
from ..definition.workflow import Workflow
from ..ports import ModelCatalog, WorkspaceLimits
from ..storage.step_history import StepHistory
from .estimate import Estimate, Known, estimate


@dataclass(frozen=True, slots=True)
class Estimates:
    """Asks the catalog, the workspace's limits and the runs before. Documents are not opened."""

    history: StepHistory
    limits: WorkspaceLimits
    catalog: ModelCatalog | None = None

    def of(self, workspace_id: str, workflow_id: str, workflow: Workflow) -> Estimate:
        """What one run of *workflow* will use."""
        may_ask_a_model = any(
            isinstance(step, AgentStep) or step.fallback is not None
            for _, step in working_steps(workflow)
        )
        if not may_ask_a_model:
            return estimate(workflow, Known())
        known = Known(
            catalog=self.catalog,
            limits=self.limits.limits(workspace_id),
            history=self.history.past_use(workspace_id, workflow_id),
        )
        return estimate(workflow, known)
