"""Lends the models of this installation to the engine's agent steps.

A step is answered by the model it names, or by that model's successor when it is gone; never by
another one in silence. How often it is tried is the step's own decision: here it is once.
"""

import logging
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from engine.errors import (
    AuthFailed,
    ContentFiltered,
    ContextTooLong,
    InvalidModelOutput,
    InvalidParameters,
    ModelUnavailable,
    NetworkFailed,
    QuotaExhausted,
    RateLimited,
    StepError,
    StepTimeout,
    UpstreamFailed,
)
from engine.ports import Completion, Message, Question, ToolCall

from ..routing import Attempt, Routed
from ..routing.models import Models
from ..runtimes import Answer, FailureKind, Model, Request, Tool, ToolOutcome, ToolUse, Turn
from .model_directory import ModelDirectory

#: So much earlier than the step's own time limit a question ends, so that what it used is known.
_EARLIER_SECONDS = 0.25
_LEAST_SHARE = 0.9
_log = logging.getLogger(__name__)
_Failed = tuple[type[StepError], str]
_FAILURES: Mapping[str, _Failed] = {
    FailureKind.AUTH: (AuthFailed, "{runtime} refused the key it was asked with."),
    FailureKind.RATE_LIMIT: (RateLimited, "{runtime}: too many requests for {model}."),
    FailureKind.QUOTA: (
        QuotaExhausted,
        "The quota or the credit of the account at {runtime} is used up.",
    ),
    FailureKind.OVERLOADED: (UpstreamFailed, "{runtime} is overloaded: {model} did not answer."),
    FailureKind.SERVER: (UpstreamFailed, "{runtime} failed: {model} did not answer."),
    FailureKind.CONTEXT_LENGTH: (
        ContextTooLong,
        "The prompt is longer than the context window of {model} at {runtime}.",
    ),
    FailureKind.MODEL_UNAVAILABLE: (
        ModelUnavailable,
        "The model {model} is not available at {runtime}: it is gone, or this account may not ask"
        " it.",
    ),
    FailureKind.REFUSAL: (ContentFiltered, "{model} at {runtime} declined to answer this prompt."),
    FailureKind.CONTENT_FILTER: (
        ContentFiltered,
        "The content filter of {runtime} stopped the prompt or the answer of {model}.",
    ),
    FailureKind.TRUNCATED: (
        InvalidModelOutput,
        "The answer of {model} broke off: it is longer than the tokens it may have.",
    ),
    FailureKind.INVALID_OUTPUT: (InvalidModelOutput, "The answer of {model} can't be used."),
    FailureKind.INVALID_REQUEST: (
        InvalidParameters,
        "{runtime} can't carry out what {model} was asked with.",
    ),
    FailureKind.NETWORK: (NetworkFailed, "{runtime} could not be reached."),
    FailureKind.NOT_READY: (InvalidParameters, "The runtime {runtime} can't be used: {problem}"),
}


class RoutedModel:
    """Implements the engine's `LanguageModel`."""

    def __init__(self, models: Models, directory: ModelDirectory) -> None:
        self._models = models
        self._directory = directory

    async def complete(self, question: Question) -> Completion:
        """May be called on any event loop; cancelling it cancels the call.

        Raises InvalidParameters for a runtime or model that is not there, with the close names, and
        else the step error that its failure is.
        """
        model = self._directory.choose(question.runtime, question.model)
        limit = question.timeout_seconds
        seconds = max(limit - _EARLIER_SECONDS, limit * _LEAST_SHARE)
        routed = await self._models.ask(
            _request(question, model, seconds),
            [model],
            seconds=seconds,
            accept=_as_it_is,
            most_tries=1,
        )
        if routed.answer is None:
            raise self._error(routed, model, limit)
        if routed.note is not None:
            _log.warning("agent step: %s", routed.note)
        return Completion(
            text=routed.answer.text,
            input_tokens=sum(attempt.usage.input for attempt in routed.attempts),
            output_tokens=sum(attempt.usage.output for attempt in routed.attempts),
            cost_usd=routed.cost_usd,
            model=routed.answer.model,
            calls=tuple(ToolCall(use.id, use.name, use.arguments) for use in routed.answer.uses),
        )

    def _error(self, routed: Routed[Any], model: Model, limit: float) -> StepError:
        """What the step failed of. A provider's own words may hold anything: they stay out."""
        last = routed.attempts[-1]
        details = _details(routed, last)
        if routed.reason == FailureKind.TIMEOUT:
            text = f"{last.model} at {last.runtime} gave no answer in {limit:g} s."
            return StepTimeout(text, **details, limit=limit)
        error, text = _FAILURES[routed.reason or FailureKind.SERVER]
        if error is InvalidParameters:
            details["parameter"] = "runtime"
        problem = self._models.pool.problem(model.runtime) or "it is not ready yet."
        names = {"model": last.model, "runtime": last.runtime, "problem": problem}
        return error(text.format_map(names), **details)


def _as_it_is(answer: Answer) -> Answer:
    return answer


def _details(routed: Routed[Any], last: Attempt) -> dict[str, Any]:
    """`tokens` and `cost_usd` are counted by the engine."""
    cost: Decimal | None = routed.cost_usd
    details: dict[str, Any] = {
        "runtime": last.runtime,
        "model": last.model,
        "reason": str(routed.reason),
        "tokens": sum(one.usage.input + one.usage.output for one in routed.attempts),
        "cost_usd": None if cost is None else str(cost),
    }
    if last.retry_after is not None:
        details["retry_after"] = last.retry_after
    return details


def _request(question: Question, model: Model, seconds: float) -> Request:
    return Request(
        model=model,
        system=question.system,
        turns=tuple(_turn(message) for message in question.messages),
        timeout_seconds=seconds,
        max_output_tokens=question.max_output_tokens or model.max_output_tokens,
        tools=tuple(Tool(one.name, one.description, one.parameters) for one in question.tools),
        on_text=question.on_text,
    )


def _turn(message: Message) -> Turn:
    return Turn(
        role=message.role,
        text=message.text,
        uses=tuple(ToolUse(call.id, call.name, call.arguments) for call in message.calls),
        outcomes=tuple(
            ToolOutcome(one.call_id, one.name, one.text, one.is_error) for one in message.results
        ),
    )
