"""An agent step: one question to a language model, under the workflow's standing instructions."""

import json
from dataclasses import dataclass
from typing import Any

from ...definition.expressions import resolve
from ...definition.steps import AgentStep
from ...definition.workflow import Workflow
from ...errors import InvalidModelOutput, InvalidParameters
from ...ports import LanguageModel
from ..budget import Governor
from ..context import Outside, Run
from ..spending import Usage

_EXCERPT = 500


@dataclass(frozen=True, slots=True)
class PreparedAgent:
    step: AgentStep
    model: LanguageModel
    system: str
    prompt: str
    usage: Usage
    governor: Governor

    @property
    def repeatable(self) -> bool:
        return True

    async def attempt(self, feedback: tuple[str, ...]) -> Any:
        """The tokens of a failed attempt count too, once the model has answered."""
        await self.governor.admit(self.step, self.usage)
        answer = await self.model.complete(
            system=self.system,
            prompt=_with_feedback(self.prompt, feedback),
            model=self.step.model or self.governor.workspace.model,
            timeout_seconds=self.step.timeout_seconds,
        )
        self.usage.add(tokens=answer.input_tokens + answer.output_tokens, cost_usd=answer.cost_usd)
        return _parsed(answer.text) if self.step.output == "json" else answer.text


def prepare(step: AgentStep, run: Run, outside: Outside, usage: Usage) -> PreparedAgent:
    """Raises `InvalidParameters` without a model, or `VariableNotFound`."""
    if outside.model is None:
        raise InvalidParameters(
            f"Step {step.id!r} asks a language model, and none is configured. Name one in the "
            "setting `model`, with its provider's key.",
            parameter="model",
        )
    prompt = resolve(step.prompt, run.scope)
    text = prompt if isinstance(prompt, str) else json.dumps(prompt, default=str)
    system = _system(run.workflow, step)
    return PreparedAgent(step, outside.model, system, text, usage, run.governor)


def _system(workflow: Workflow, step: AgentStep) -> str:
    parts = [workflow.instructions.strip()]
    if workflow.restrictions:
        lines = (
            f"- {name}: {value if isinstance(value, str) else json.dumps(value)}"
            for name, value in workflow.restrictions.items()
        )
        parts.append("Restrictions:\n" + "\n".join(lines))
    if step.output == "json":
        parts.append("Answer with one JSON value and nothing else.")
    return "\n\n".join(part for part in parts if part)


def _with_feedback(prompt: str, feedback: tuple[str, ...]) -> str:
    return "\n\n".join([prompt, "\n".join(feedback)]) if feedback else prompt


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidModelOutput(
            f"The model's answer is not JSON: {error.msg} at character {error.pos}.",
            excerpt=text[:_EXCERPT],
        ) from error
