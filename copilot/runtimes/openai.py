"""Models of OpenAI, over its Responses API. Nothing is stored there."""

import importlib.util
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from ..settings import Settings
from ._base import Answer, Request, Runtime, Tool, Turn
from ._failures import FailureKind, ModelFailure
from ._openai.calls import Calls, as_json, bare, outcome_text, schema_name, wire_model
from ._openai.responses import Event, Reply, answer, reply_of
from ._wire_schema import is_strict, wire_schema

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

CAPABILITIES = ("structured", "tools", "stream", "thinking")
_ADDRESS = "https://api.openai.com/v1"
PACKAGE_MISSING = "Install its package: pip install 'ask-copilot[openai]'."


def missing(settings: Settings) -> str | None:
    if importlib.util.find_spec("openai") is None:
        return PACKAGE_MISSING
    if not settings.openai_api_key:
        return "Set ASK_COPILOT_OPENAI_API_KEY, or OPENAI_API_KEY."
    return None


def make(settings: Settings, *, http_client: "httpx2.AsyncClient | None" = None) -> Runtime:
    """*http_client* is used as it is, instead of one that is bounded, and stays open.

    Raises ModelFailure (NOT_READY) if something is missing.
    """
    lacking = missing(settings)
    key = settings.openai_api_key
    if lacking is not None or key is None:
        raise ModelFailure(FailureKind.NOT_READY, lacking or "no key")
    client, close = connect(
        key.get_secret_value(),
        settings.openai_base_url or _ADDRESS,
        connections=settings.model_concurrency,
        http_client=http_client,
    )
    return _Responses(client, key, close)


def connect(
    key: str, address: str, *, connections: int, http_client: "httpx2.AsyncClient | None"
) -> "tuple[AsyncOpenAI, Any]":
    """The SDK's client, which never asks twice, and what ends the connections that are ours."""
    from openai import AsyncOpenAI

    from ._http import http_client as bounded

    sender = http_client or bounded(connections=connections)
    if http_client is None:
        sender.event_hooks = {"request": [bare]}
    client = AsyncOpenAI(
        api_key=key,
        base_url=address,
        http_client=sender,
        max_retries=0,
        default_headers={"Authorization": f"Bearer {key}"},  # the environment may have another
    )
    client.organization = client.project = None
    return client, (sender.aclose if http_client is None else _nothing)


async def _nothing() -> None:
    pass


class _Responses(Calls):
    def __init__(self, client: "AsyncOpenAI", key: SecretStr, close: Any) -> None:
        super().__init__(key, close)
        # the SDK imports this part when it is first looked at: now, not in a call
        self._create: Any = client.responses.with_raw_response.create

    async def _ask(self, request: Request) -> Answer:
        streams = {"stream": True} if request.on_text else {}
        with self._failures.during(FailureKind.INVALID_REQUEST):
            body = _body(request) | streams
            raw = await self._create(**body, timeout=request.timeout_seconds)
        if request.on_text:
            reply = await self._streamed(raw.http_response, request)
        else:
            with self._failures.during(FailureKind.INVALID_OUTPUT):
                reply: Reply = wire_model(Reply, raw.content)
        return answer(reply, self._failures, request.model.id)

    async def _streamed(self, response: "httpx2.Response", request: Request) -> Reply:
        asides: set[str] = set()
        try:
            async for data in self._events(response):
                with self._failures.during(FailureKind.INVALID_OUTPUT):
                    event: Event = wire_model(Event, data)
                    if event.is_end:
                        return reply_of(event.response)
                if event.type == "error":
                    raise self._failures.told(event.error or event.model_dump())
                if event.commentary is not None:
                    asides.add(event.commentary)
                if _is_piece(event, asides) and request.on_text:
                    request.on_text(event.delta)
        finally:
            await self._end(response)
        raise self._failures.failure(FailureKind.NETWORK, "the stream ended before the answer")


def _is_piece(event: Event, asides: set[str]) -> bool:
    is_text = event.type == "response.output_text.delta" and isinstance(event.delta, str)
    is_aside = isinstance(event.item_id, str) and event.item_id in asides
    return is_text and not is_aside


def _body(request: Request) -> dict[str, Any]:
    model = request.model
    body: dict[str, Any] = {
        "model": model.id,
        "input": [item for turn in request.turns for item in _items(turn)],
        "max_output_tokens": request.max_output_tokens,
        "store": False,
    }
    if request.system:
        body["instructions"] = request.system
    if model.temperature is not None:
        body["temperature"] = model.temperature
    if model.effort:
        body["reasoning"] = {"effort": model.effort}
    if request.schema is not None:
        body["text"] = {"format": _format(request.schema)}
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        body |= {"tool_choice": "auto", "parallel_tool_calls": True}
    return body


def _items(turn: Turn) -> Iterator[dict[str, Any]]:
    """In the order of a turn. A user's untrusted text has no lower place here than a message."""
    if turn.text:
        role = "assistant" if turn.role == "assistant" else "user"
        yield {"role": role, "content": turn.text}
    for use in turn.uses:
        arguments = as_json(dict(use.arguments))
        yield {
            "type": "function_call",
            "call_id": use.id,
            "name": use.name,
            "arguments": arguments,
        }
    for outcome in turn.outcomes:
        output = outcome_text(outcome)
        yield {"type": "function_call_output", "call_id": outcome.id, "output": output}


def _format(schema: type[Any]) -> dict[str, Any]:
    return {
        "type": "json_schema",
        "name": schema_name(schema),
        "strict": True,
        "schema": wire_schema(schema, "strict"),
    }


def _tool(tool: Tool) -> dict[str, Any]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
        "strict": is_strict(tool.parameters),
    }
