"""A tool step: one action, called with parameters whose expressions are resolved."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from ...actions import Action, ActionContext, is_repeatable, pick
from ...definition.expressions import resolve
from ...definition.steps import ToolStep
from ...errors import InvalidParameters
from ...ports import Secrets
from ..quality import Quality
from ..reach import Site
from ..renewal import account_of, renewed
from ..retry import did_nothing


@dataclass(frozen=True, slots=True)
class PreparedTool:
    action: Action
    parameters: BaseModel
    context: ActionContext
    quality: Quality
    site: Site
    declared: bool | None = None

    @property
    def repeatable(self) -> bool:
        """What the step says, else what its action says."""
        if self.declared is not None:
            return self.declared
        return is_repeatable(self.action, self.parameters)

    async def attempt(self, feedback: tuple[str, ...]) -> Any:
        return await self.action.run(self.parameters, self.context)

    def may_repeat(self, error: BaseException) -> bool:
        """What can't be repeated is tried again only if it says itself that it did nothing."""
        return self.repeatable or did_nothing(error)

    async def renew(self) -> str | None:
        account = account_of(self.parameters, self.site.resources)
        return await renewed(self.site.reach.refresher, self.site.workspace_id, account)


def prepare(step: ToolStep, site: Site) -> PreparedTool:
    """Raises the `StepError` that says what is wrong with the step's own settings."""
    quality = site.quality(step)
    action = pick(step.action, site.outside.actions)
    given: Any = {name: resolve(value, site.scope) for name, value in step.parameters.items()}
    parameters = read_parameters(action, given, called=f"Step {step.id!r} can't call {step.action}")
    context = action_context(site, step.documents)
    return PreparedTool(action, parameters, context, quality, site, declared=step.repeatable)


def action_context(
    site: Site, documents: tuple[str, ...], *, effect: str = "", secrets: Secrets | None = None
) -> ActionContext:
    """What an action of the step may use; *effect* tells several effects of one step apart.

    Without *secrets* it may use all that there are.
    """
    run, outside = site.run, site.outside
    return ActionContext(
        workspace_id=site.workspace_id,
        execution_id=run.ticket.execution_id,
        path=site.path,
        effect_key=site.effect_key + effect,
        resources=run.resources,
        files=run.folder,
        documents=run.workflow.documents + documents,
        mail=outside.mail,
        secrets=outside.secrets if secrets is None else secrets,
        network=outside.network,
    )


def read_parameters(action: Action, given: Any, *, called: str) -> BaseModel:
    """*given* as the parameters of *action*. Raises `InvalidParameters`, beginning with *called*."""
    try:
        return action.Parameters.model_validate(given)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, item['loc'])) or 'parameters'}: "
            + item["msg"].removeprefix("Value error, ")
            for item in error.errors(include_url=False, include_context=False)
        ]
        first = error.errors()[0]["loc"]
        raise InvalidParameters(
            f"{called}: {'; '.join(problems)}",
            parameter=str(first[0]) if first else None,
            problems=problems,
        ) from error
