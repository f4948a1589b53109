"""What our engine knows of a definition before it runs; implements `Outlooks`."""

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from engine.definition import Workflow, to_data
from engine.definition.shape import working_steps
from engine.definition.steps import AgentStep
from engine.engine import Engine
from engine.errors import NotFound as EngineNotFound
from engine.observe.stats import Hints, suggest
from engine.ports import Limits
from engine.run.budget import cost_cap, turn_cap
from engine.run.estimate import StepEstimate
from engine.schedule.warnings import prompt_risks
from engine.storage.run_facts import runtime_of

from ..errors import NotFound
from ..types.outlook import LimitWarning, Outlook, PlannedStep, PromptRisk

#: Names no stored workflow: there is no history of it.
_UNSTORED = ""


class EngineOutlooks:
    """Estimates with the limits that the engine asks for when a run starts."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._limits = engine.runs.estimates.limits

    def of(
        self,
        workspace_id: str,
        definition: str | Mapping[str, Any],
        *,
        workflow_id: str | None = None,
    ) -> Outlook:
        return self._of(workspace_id, self._engine.offer.read(definition), workflow_id)

    def of_stored(self, workspace_id: str, workflow_id: str) -> Outlook:
        try:
            stored = self._engine.workflow(workspace_id, workflow_id)
        except EngineNotFound as error:
            raise NotFound(*error.args) from None
        return self._of(workspace_id, stored.workflow, workflow_id)

    def shape(self, workspace_id: str, workflow_id: str) -> tuple[str, int] | None:
        try:
            stored = self._engine.workflow(workspace_id, workflow_id)
        except EngineNotFound:
            return None
        found = suggest(workflow_id, stored.workflow, ())
        return found.pattern, found.step_count

    def _of(self, workspace_id: str, workflow: Workflow, workflow_id: str | None) -> Outlook:
        estimate = self._engine.runs.estimates.of(workspace_id, workflow_id or _UNSTORED, workflow)
        estimated = {one.place: one for one in estimate.steps}
        limits = self._limits.limits(workspace_id)
        data: dict[str, JsonValue] = to_data(workflow)
        return Outlook(
            definition=data,
            name=workflow.name,
            instructions=workflow.instructions,
            documents=workflow.documents,
            steps=tuple(
                _planned(step, estimated[place], workflow, limits)
                for place, step in working_steps(workflow)
                if isinstance(step, AgentStep)
            ),
            hints=self._hints(workspace_id, workflow, workflow_id),
            risks=tuple(
                PromptRisk(
                    code=one.code,
                    severity=one.severity,
                    step=one.step,
                    found=one.found,
                    count=one.count,
                )
                for one in prompt_risks(workflow)
            ),
            over_limit=tuple(
                LimitWarning(place=one.place, text=one.text, certain=one.certain)
                for one in estimate.warnings
            ),
            least_tokens=estimate.least_tokens,
            most_tokens=estimate.most_tokens,
            least_cost_usd=estimate.least_cost_usd,
            most_cost_usd=estimate.most_cost_usd,
        )

    def _hints(self, workspace_id: str, workflow: Workflow, workflow_id: str | None) -> Hints:
        steps = sum(1 for _ in working_steps(workflow))
        learned = self._engine.learning.stats(workspace_id)
        alike = tuple(one for one in learned if one.step_count == steps)
        return suggest(workflow_id or _UNSTORED, workflow, alike)


def _planned(
    step: AgentStep, estimate: StepEstimate, workflow: Workflow, limits: Limits
) -> PlannedStep:
    cap = cost_cap(step.budget, workflow.budget, limits)
    return PlannedStep(
        id=step.id,
        place=estimate.place,
        title=step.title,
        text=step.prompt,
        runtime=runtime_of(step, workflow),
        names_runtime=bool(step.runtime or step.model),
        documents=step.documents,
        most_turns=turn_cap(step, workflow.budget, limits).limit if step.tools else 1,
        cap_usd=cap.limit,
        cap_set_by=cap.set_by,
        least_tokens=estimate.least_tokens,
        most_tokens=estimate.most_tokens,
        least_cost_usd=estimate.least_cost_usd,
        most_cost_usd=estimate.most_cost_usd,
        samples=estimate.samples,
    )
