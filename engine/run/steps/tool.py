"""A tool step: one action, called with parameters whose expressions are resolved."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from ...actions import Action, ActionContext, is_repeatable, pick
from ...definition.expressions import resolve
from ...definition.steps import ToolStep
from ...errors import InvalidParameters
from ..context import Outside, Run


@dataclass(frozen=True, slots=True)
class PreparedTool:
    action: Action
    parameters: BaseModel
    context: ActionContext

    @property
    def repeatable(self) -> bool:
        return is_repeatable(self.action, self.parameters)

    async def attempt(self, feedback: tuple[str, ...]) -> Any:
        return await self.action.run(self.parameters, self.context)


def prepare(step: ToolStep, run: Run, outside: Outside, path: str) -> PreparedTool:
    """Raises the `StepError` that says what is wrong with the step's own settings."""
    action = pick(step.action, outside.actions)
    given: Any = {name: resolve(value, run.scope) for name, value in step.parameters.items()}
    try:
        parameters = action.Parameters.model_validate(given)
    except ValidationError as error:
        raise _invalid(step, error) from error
    context = ActionContext(
        workspace_id=run.begun.workspace_id,
        execution_id=run.ticket.execution_id,
        path=path,
        effect_key=run.effect_key(path),
        resources=run.resources,
        files=run.folder,
        documents=run.workflow.documents + step.documents,
        secrets=outside.secrets,
        mail=outside.mail,
        network=outside.network,
    )
    return PreparedTool(action, parameters, context)


def _invalid(step: ToolStep, error: ValidationError) -> InvalidParameters:
    problems = [
        f"{'.'.join(map(str, item['loc'])) or 'parameters'}: "
        + item["msg"].removeprefix("Value error, ")
        for item in error.errors(include_url=False, include_context=False)
    ]
    first = error.errors()[0]["loc"]
    return InvalidParameters(
        f"Step {step.id!r} can't call {step.action}: {'; '.join(problems)}",
        parameter=str(first[0]) if first else None,
        problems=problems,
    )
