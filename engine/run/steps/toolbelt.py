"""The actions an agent's model may call: only those its step lists, with what the step has fixed.

A model reads text that others wrote. So parameters that the step gives are not the model's to
choose, and a secret can be used only where the step itself has put it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from ...actions import Action, is_repeatable, pick
from ...definition.expressions import as_text, resolve
from ...definition.steps import AgentStep
from ...definition.suggestions import did_you_mean, near
from ...errors import AuthFailed, InvalidParameters
from ...ports import Secrets, ToolCall, ToolResult, ToolSpec
from ..foreign import awaited_result_of, describe
from ..reach import Site
from ..renewal import account_of, renewed, secrets_in
from ..retry import Intend, did_nothing
from .tool import action_context, read_parameters

LONGEST_RESULT = 20_000
LONGEST_DESCRIPTION = 1000


@dataclass(frozen=True, slots=True)
class _OnlySecrets:
    """The secrets that a step names itself."""

    all_secrets: Secrets
    names: frozenset[str]

    def get(self, workspace_id: str, name: str) -> str | None:
        return self.all_secrets.get(workspace_id, name) if name in self.names else None

    def all(self, workspace_id: str) -> Mapping[str, str]:
        known = self.all_secrets.all(workspace_id)
        return {name: value for name, value in known.items() if name in self.names}


@dataclass(frozen=True, slots=True)
class Tool:
    """An action with the parameters that the step has fixed."""

    name: str
    action: Action
    fixed: Mapping[str, Any]

    @property
    def spec(self) -> ToolSpec:
        """What the model is told: the action without what is fixed already."""
        schema = self.action.Parameters.model_json_schema(by_alias=True)
        properties = {
            name: value
            for name, value in schema.get("properties", {}).items()
            if name not in self.fixed
        }
        required = [name for name in schema.get("required", []) if name in properties]
        words = (self.action.__doc__ or self.name).strip().partition("\n\n")[0]
        return ToolSpec(
            name=self.name,
            description=" ".join(words.split())[:LONGEST_DESCRIPTION],
            parameters=schema | {"properties": properties, "required": required},
        )


@dataclass(slots=True)
class Toolbelt:
    """`effects` counts the calls so far that can't be repeated, over all attempts.

    `intend` is awaited before each of them, unless the step says that it can be repeated as a whole.
    """

    step: AgentStep
    site: Site
    tools: Mapping[str, Tool]
    intend: Intend
    effects: int = 0
    _renewed: set[str] = field(default_factory=set[str])

    def specs(self) -> tuple[ToolSpec, ...]:
        return tuple(tool.spec for tool in self.tools.values())

    async def use(self, call: ToolCall, *, limit: float) -> ToolResult:
        """What came of *call*. A failure is told to the model, which may go another way."""
        tool = self.tools.get(call.name)
        if tool is None:
            advice = did_you_mean(near(call.name, self.tools))
            return self._result(call, f"There is no tool {call.name[:100]!r}.{advice}", failed=True)
        output, error = await awaited_result_of(partial(self._run, tool, call), limit=limit)
        if error is None:
            return self._result(call, as_text(output))
        info = describe(error, self.site.outside.masker, trace=False)
        return self._result(call, f"{info.code}: {info.message}", failed=True)

    async def _run(self, tool: Tool, call: ToolCall) -> Any:
        given = {**call.arguments, **tool.fixed}
        parameters = read_parameters(tool.action, given, called=f"{tool.name} can't be called")
        is_effect = not is_repeatable(tool.action, parameters)
        if is_effect:
            if not self.step.repeatable:
                await self.intend()
            self.effects += 1
        allowed = frozenset(secrets_in(tool.fixed))
        context = action_context(
            self.site,
            self.step.documents,
            effect=f"#{self.effects}" if is_effect else "",
            secrets=_OnlySecrets(self.site.outside.secrets, allowed),
        )
        try:
            return await tool.action.run(parameters, context)
        except AuthFailed as error:
            account = account_of(parameters, self.site.resources)
            if account in self._renewed or (is_effect and not did_nothing(error)):
                raise
            if await renewed(self.site.reach.refresher, self.site.workspace_id, account) is None:
                raise
            self._renewed.add(cast("str", account))
        return await tool.action.run(parameters, context)

    def _result(self, call: ToolCall, text: str, *, failed: bool = False) -> ToolResult:
        if len(text) > LONGEST_RESULT:
            more = len(text) - LONGEST_RESULT
            text = f"{text[:LONGEST_RESULT]}\n… ({more} more characters)"
        return ToolResult(call.id, call.name, self.site.outside.masker.mask(text), is_error=failed)


def prepare_tools(step: AgentStep, site: Site, *, intend: Intend) -> Toolbelt:
    """Raises `InvalidParameters` for an unknown action or one named twice, `VariableNotFound`."""
    tools: dict[str, Tool] = {}
    for use in step.tools:
        if use.name in tools:
            raise InvalidParameters(
                f"Step {step.id!r} lists the tool {use.name!r} twice.", parameter="tools"
            )
        fixed = {name: resolve(value, site.scope) for name, value in use.parameters.items()}
        tools[use.name] = Tool(use.name, pick(use.name, site.outside.actions), fixed)
    return Toolbelt(step, site, tools, intend)
