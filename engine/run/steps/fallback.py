"""What is done instead of a step that has failed, as a step of its own."""

from typing import Any

from ...definition.quality import Fallback
from ...definition.steps import AgentStep, ToolStep, WorkStep
from ...errors import InvalidParameters

_PARTS = ("processors", "validators", "plugins", "strict")
_SHARED = ("id", "name", "retry", "timeout_seconds", "documents", "max_seconds")


def fallback_step(step: WorkStep) -> WorkStep:
    """The fallback as the step it stands for. Raises `InvalidParameters` if it says too little."""
    fallback = step.fallback or Fallback(model="none")
    parts = {name: getattr(fallback, name) for name in _PARTS}
    shared = {name: getattr(step, name) for name in _SHARED}
    if fallback.action is not None:
        done = {"action": fallback.action, "with": fallback.parameters}
        return ToolStep.model_validate(shared | parts | done)
    if isinstance(step, AgentStep):
        return _other_question(step, fallback, parts)
    if fallback.prompt is None:
        raise InvalidParameters(
            f"The fallback of step {step.id!r} names a model and asks nothing: give a prompt.",
            parameter="fallback",
        )
    asked = {"prompt": fallback.prompt, "model": fallback.model}
    output = {"output": fallback.output or "text"}
    return AgentStep.model_validate(shared | parts | asked | output)


def _other_question(step: AgentStep, fallback: Fallback, parts: dict[str, Any]) -> AgentStep:
    """The same agent asked something else, or asked of another model."""
    changes: dict[str, Any] = {"fallback": None, "output": fallback.output or step.output}
    if fallback.prompt is not None:
        changes |= parts | {"prompt": fallback.prompt}
    if fallback.model is not None:
        changes |= {"model": fallback.model, "runtime": None}
    return step.model_copy(update=changes)
