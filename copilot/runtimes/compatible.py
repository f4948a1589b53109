"""Any server that speaks OpenAI's Chat Completions: Ollama, vLLM, llama.cpp, LM Studio, OpenRouter.

They differ in what they know. What one refuses is left out from then on, and the call that found
out fails: one call is one request. What it thinks aloud stays in the text.
"""

import importlib.util
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from ..settings import Settings
from ._base import Answer, Request, Runtime, Tool, Turn
from ._catalog import Model
from ._failures import FailureKind, ModelFailure
from ._openai.calls import Calls, as_json, outcome_text, schema_name, wire_model
from ._openai.chat import Assembly, Chunk, Reply, answer
from ._wire_schema import wire_schema
from .openai import PACKAGE_MISSING, connect

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

CAPABILITIES = ("structured", "tools", "stream")
#: The SDK insists on a key; servers that want none look at none.
_NO_KEY = "none"
#: What can be left out, and the words of a refusal that mean it.
_LEFT_OUT = {
    "response_format": ("response_format", "json_schema"),
    "stream_options": ("stream_options",),
    "max_tokens": ("max_completion_tokens",),
}
_SHAPE = "Answer with one JSON object of this JSON Schema and nothing else:"


def missing(settings: Settings) -> str | None:
    if importlib.util.find_spec("openai") is None:
        return PACKAGE_MISSING
    if not settings.compatible_base_url:
        return (
            "Set ASK_COPILOT_COMPATIBLE_BASE_URL to the server's address:"
            " http://localhost:11434/v1 for Ollama."
        )
    if not settings.compatible_model:
        return "Set ASK_COPILOT_COMPATIBLE_MODEL to the model to ask there."
    return None


def make(settings: Settings, *, http_client: "httpx2.AsyncClient | None" = None) -> Runtime:
    """*http_client* is used as it is, instead of one that is bounded, and stays open.

    Raises ModelFailure (NOT_READY) if something is missing.
    """
    lacking = missing(settings)
    if lacking is not None:
        raise ModelFailure(FailureKind.NOT_READY, lacking)
    key = settings.compatible_api_key or None
    client, close = connect(
        key.get_secret_value() if key else _NO_KEY,
        settings.compatible_base_url or "",
        connections=settings.model_concurrency,
        http_client=http_client,
    )
    return _ChatCompletions(client, key, close)


class _ChatCompletions(Calls):
    def __init__(self, client: "AsyncOpenAI", key: SecretStr | None, close: Any) -> None:
        super().__init__(key, close)
        # the SDK imports this part when it is first looked at: now, not in a call
        self._create: Any = client.chat.completions.with_raw_response.create
        self._refused: set[tuple[str, str]] = set()

    async def _ask(self, request: Request) -> Answer:
        without = frozenset(name for model, name in self._refused if model == request.model.id)
        with self._failures.during(FailureKind.INVALID_REQUEST):
            body = _body(request, without)
        try:
            with self._failures.during(FailureKind.INVALID_REQUEST):
                raw = await self._create(**body, timeout=request.timeout_seconds)
        except ModelFailure as failure:
            raise self._learnt(failure, body, request.model) from None
        if request.on_text:
            reply = await self._streamed(raw.http_response, request)
        else:
            with self._failures.during(FailureKind.INVALID_OUTPUT):
                reply: Reply = wire_model(Reply, raw.content)
        return answer(reply, self._failures, request.model.id)

    def _learnt(self, failure: ModelFailure, body: dict[str, Any], model: Model) -> ModelFailure:
        """*failure*, or what it means for the calls to come."""
        if failure.kind is not FailureKind.INVALID_REQUEST or failure.status is None:
            return failure
        for name, words in _LEFT_OUT.items():
            if name in body and any(word in str(failure) for word in words):
                self._refused.add((model.id, name))
                text = f"{model.id} does not take {name}; it is left out from now on: {failure}"
                return self._failures.failure(failure.kind, text, status=failure.status)
        return failure

    async def _streamed(self, response: "httpx2.Response", request: Request) -> Reply:
        assembly = Assembly()
        try:
            if "json" in response.headers.get("content-type", ""):
                return await self._unstreamed(response, request)
            async for data in self._events(response):
                with self._failures.during(FailureKind.INVALID_OUTPUT):
                    piece = assembly.add(wire_model(Chunk, data))
                if piece and request.on_text:
                    request.on_text(piece)
        finally:
            await self._end(response)
        if not assembly.is_whole:
            raise self._failures.failure(FailureKind.NETWORK, "the stream ended before the answer")
        return assembly.reply()

    async def _unstreamed(self, response: "httpx2.Response", request: Request) -> Reply:
        """Of a server that can't stream, and answers all the same."""
        with self._failures.during(FailureKind.INVALID_OUTPUT):
            reply: Reply = wire_model(Reply, await response.aread())
        text = reply.choices[0].message.text if reply.choices else ""
        if text and request.on_text:
            request.on_text(text)
        return reply


def _body(request: Request, without: frozenset[str]) -> dict[str, Any]:
    model = request.model
    limit = "max_completion_tokens" if "max_tokens" in without else "max_tokens"
    body: dict[str, Any] = {
        "model": model.id,
        "messages": list(_messages(request, without)),
        limit: request.max_output_tokens,
    }
    if model.temperature is not None:
        body["temperature"] = model.temperature
    if model.effort:
        body["reasoning_effort"] = model.effort
    if request.schema is not None and "response_format" not in without:
        body["response_format"] = {"type": "json_schema", "json_schema": _format(request)}
    if request.tools:
        body |= {"tools": [_tool(tool) for tool in request.tools], "tool_choice": "auto"}
    if request.on_text:
        body["stream"] = True
        if "stream_options" not in without:
            body["stream_options"] = {"include_usage": True}
    return body


def _messages(request: Request, without: frozenset[str]) -> Iterator[dict[str, Any]]:
    system = request.system
    if request.schema is not None and "response_format" in without:
        system = f"{system}\n\n{_SHAPE}\n{as_json(_format(request)['schema'])}".lstrip()
    if system:
        yield {"role": "system", "content": system}
    for turn in request.turns:
        yield from _of_turn(turn)


def _of_turn(turn: Turn) -> Iterator[dict[str, Any]]:
    if turn.role == "assistant" and turn.uses:
        calls = [
            {
                "id": use.id,
                "type": "function",
                "function": {"name": use.name, "arguments": as_json(dict(use.arguments))},
            }
            for use in turn.uses
        ]
        yield {"role": "assistant", "content": turn.text or None, "tool_calls": calls}
    elif turn.text:
        yield {"role": "assistant" if turn.role == "assistant" else "user", "content": turn.text}
    for outcome in turn.outcomes:
        yield {"role": "tool", "tool_call_id": outcome.id, "content": outcome_text(outcome)}


def _format(request: Request) -> dict[str, Any]:
    schema, dialect = request.schema, request.model.structured
    assert schema is not None  # noqa: S101 - both callers have looked
    return {
        "name": schema_name(schema),
        "strict": dialect == "strict",
        "schema": wire_schema(schema, dialect),
    }


def _tool(tool: Tool) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": dict(tool.parameters),
        },
    }
