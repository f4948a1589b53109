"""Which model an agent step asks, and where.

A step's own word counts before its workflow's, that before the workspace's; what nobody names is
left to the installation. A step that names a model leaves where to ask it open. The workspace's
model is that of the workspace's runtime: a step or workflow that goes elsewhere gets the default
there.
"""

from ..definition.steps import AgentStep
from ..definition.workflow import Workflow
from ..ports import Limits, ModelCatalog, ModelFacts


def runtime_of(step: AgentStep, workflow: Workflow, workspace: Limits) -> str | None:
    if step.runtime is not None or step.model is not None:
        return step.runtime
    return workflow.runtime or workspace.runtime


def model_of(step: AgentStep, workflow: Workflow, workspace: Limits) -> str | None:
    if step.model is not None:
        return step.model
    runtime = runtime_of(step, workflow, workspace)
    is_elsewhere = workspace.runtime is not None and runtime != workspace.runtime
    return None if is_elsewhere else workspace.model


def facts_of(
    step: AgentStep, workflow: Workflow, workspace: Limits, catalog: ModelCatalog | None
) -> ModelFacts | None:
    """What is known about it."""
    if catalog is None:
        return None
    model = model_of(step, workflow, workspace)
    return catalog.find(model, runtime=runtime_of(step, workflow, workspace))
