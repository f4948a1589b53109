"""An agent step: a conversation with a language model, under the workflow's standing instructions.

A turn is one call of the model. It answers, or wants tools used and is asked again with what they
gave. Each turn is counted when it ends, and the limits are checked before the next.
"""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from ...catalogs import find
from ...definition.steps import AgentStep
from ...documents.binding import DocumentText
from ...errors import InvalidModelOutput, InvalidParameters, StepError
from ...ports import Completion, LanguageModel, Message, ModelFacts, Question, ToolCall, ToolResult
from ..models import facts_of, model_of, runtime_of
from ..partial_text import PartialText
from ..pricing import most_needed
from ..quality import Quality
from ..reach import Site
from ..retry import Intend, did_nothing
from ..spending import Usage
from .prompts import question_text, read_documents, system_text, with_documents, with_feedback
from .toolbelt import Toolbelt, prepare_tools

MOST_CALLS_A_TURN = 20
_EXCERPT = 500


@dataclass(slots=True)
class PreparedAgent:
    """The same for all attempts; `usage` counts over all of them."""

    step: AgentStep
    model: LanguageModel
    site: Site
    system: str
    prompt: str
    toolbelt: Toolbelt
    quality: Quality
    usage: Usage
    facts: ModelFacts | None
    _documents: tuple[DocumentText, ...] | None = field(default=None)

    @property
    def repeatable(self) -> bool:
        """Unless the step says otherwise: its tools announce their effects themselves."""
        return self.step.repeatable is not False

    def may_repeat(self, error: BaseException) -> bool:
        """Not once a tool has had an effect that can't be repeated."""
        if self.step.repeatable:
            return True
        unsure = self.step.repeatable is False and not did_nothing(error)
        return self.toolbelt.effects == 0 and not unsure

    async def renew(self) -> str | None:
        """The model's own key is nobody's account; tools renew theirs themselves."""
        return None

    async def attempt(self, feedback: tuple[str, ...]) -> Any:
        """The tokens of a failed attempt count too, once the model has answered.

        Raises `TurnLimitReached`, `BudgetExceeded`, `InvalidModelOutput`, and what the model does.
        """
        prompt = with_documents(self.prompt, await self._read_documents())
        messages = [Message("user", with_feedback(prompt, feedback))]
        while True:
            answer = await self._turn(messages)
            if not answer.calls:
                return _parsed(answer.text) if self.step.output == "json" else answer.text
            breach = await self.site.run.governor.breach(self.step, self.usage)
            if breach is not None:
                raise breach
            messages.append(Message("assistant", answer.text, calls=answer.calls))
            messages.append(Message("tool", results=await self._use(answer.calls)))

    async def _turn(self, messages: list[Message]) -> Completion:
        """One call of the model, reserved before and counted after."""
        governor = self.site.run.governor
        turn = self.usage.calls + 1
        partial = PartialText(self.site.events, self.site.outside.masker, self.site.path, turn=turn)
        question = Question(
            system=self.system,
            messages=tuple(messages),
            model=model_of(self.step, self.site.workflow, governor.workspace),
            runtime=runtime_of(self.step, self.site.workflow, governor.workspace),
            timeout_seconds=self.step.timeout_seconds,
            tools=self.toolbelt.specs(),
            max_output_tokens=None if self.facts is None else self.facts.max_output_tokens,
            on_text=partial.take,
        )
        hold = await governor.admit(self.step, self.usage, most_needed(question, self.facts))
        try:
            answer = await self.model.complete(question)
            tokens = answer.input_tokens + answer.output_tokens
            self.usage.add(tokens=tokens, cost_usd=answer.cost_usd)
        except StepError as error:
            self.usage.add_failed(error.details)
            raise
        finally:
            governor.settle(hold, self.usage)
        partial.tell()
        self._note("turn_completed", turn=turn, tokens=self.usage.tokens, cost=self.usage.cost_usd)
        return answer

    async def _use(self, calls: tuple[ToolCall, ...]) -> tuple[ToolResult, ...]:
        """One after the other, in the model's order."""
        if not self.toolbelt.tools:
            raise InvalidModelOutput(
                f"The model called {calls[0].name[:100]!r}, and this step has no tools.",
                kind="tools",
            )
        if len(calls) > MOST_CALLS_A_TURN:
            raise InvalidModelOutput(
                f"The model called {len(calls)} tools at once, at most {MOST_CALLS_A_TURN} may be.",
                kind="tools",
            )
        results: list[ToolResult] = []
        for call in calls:
            self._note("tool_started", tool=call.name[:100], turn=self.usage.calls)
            result = await self.toolbelt.use(call, limit=self.step.timeout_seconds)
            self._note(
                "tool_completed",
                tool=call.name[:100],
                turn=self.usage.calls,
                failed=result.is_error,
            )
            results.append(result)
        return tuple(results)

    def _note(self, kind: str, **facts: Any) -> None:
        self.site.events.note(kind, self.site.path, **facts)

    async def _read_documents(self) -> tuple[DocumentText, ...]:
        """Once for all attempts; reading blocks."""
        if self._documents is None:
            run, facts = self.site.run, self.facts
            self._documents = await asyncio.to_thread(
                read_documents,
                self.step,
                run.workflow,
                run.resources,
                run.folder,
                context_tokens=None if facts is None else facts.context_tokens,
                most_output_tokens=(facts.max_output_tokens or 0) if facts else 0,
            )
        return self._documents


def prepare(step: AgentStep, site: Site, usage: Usage, *, intend: Intend) -> PreparedAgent:
    """*intend* is awaited before a tool has an effect that can't be repeated.

    Raises `InvalidParameters` without a model or runtime, or `VariableNotFound`.
    """
    model = site.outside.model
    if model is None:
        raise InvalidParameters(
            f"Step {step.id!r} asks a language model, and none is configured.",
            kind="model",
            parameter="model",
        )
    catalog = site.reach.catalog
    runtimes = None if catalog is None else catalog.runtimes()
    workspace = site.run.governor.workspace
    runtime = runtime_of(step, site.workflow, workspace)
    if runtime is not None and runtimes is not None:
        find("runtime", runtime, dict.fromkeys(runtimes))
    return PreparedAgent(
        step=step,
        model=model,
        site=site,
        system=system_text(site.workflow, step),
        prompt=question_text(step, site.scope),
        toolbelt=prepare_tools(step, site, intend=intend),
        quality=site.quality(step),
        usage=usage,
        facts=facts_of(step, site.workflow, workspace, catalog),
    )


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        place = f"{error.msg} at character {error.pos}" if isinstance(error, ValueError) else error
        raise InvalidModelOutput(
            f"The model's answer is not JSON: {place}.", kind="json", excerpt=text[:_EXCERPT]
        ) from error
