"""OpenAI's two APIs as handlers of our own, and requests to them."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import httpx2
import pytest
from pydantic import BaseModel

from copilot.runtimes import Answer, Model, ModelFailure, Request, Turn, compatible, openai
from copilot.runtimes._http import http_client
from copilot.settings import Settings

KEY = "sk-test-0123456789abcdef"
MODEL = Model(id="some-model", runtime="openai")
SEEN = "some-model-2026"


class Cause(BaseModel):
    cause: str
    step: str | None


CAUSE_SCHEMA = {
    "type": "object",
    "properties": {
        "cause": {"type": "string"},
        "step": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["cause", "step"],
    "additionalProperties": False,
}


def settings(**changes: Any) -> Settings:
    values = {
        "openai_api_key": KEY,
        "openai_base_url": "http://openai.test/v1",
        "compatible_api_key": KEY,
        "compatible_base_url": "http://compatible.test/v1",
        "compatible_model": "some-model",
    }
    return Settings(**(values | changes))


def request(*turns: Turn, **changes: Any) -> Request:
    values = {
        "model": MODEL,
        "system": "You explain failed runs.",
        "turns": turns or (Turn(role="user", text="Why?"),),
        "timeout_seconds": 30.0,
        "max_output_tokens": 512,
    }
    return Request(**(values | changes))


def response_body(text: str = "Because.", **changes: Any) -> dict[str, Any]:
    """A good answer of the Responses API."""
    part = {"type": "output_text", "text": text, "annotations": []}
    values = {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "model": SEEN,
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "message", "id": "msg_1", "role": "assistant", "content": [part]},
        ],
        "usage": {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 7},
            "output_tokens": 30,
            "output_tokens_details": {"reasoning_tokens": 12},
            "total_tokens": 130,
        },
    }
    return values | changes


def chat_body(text: str | None = "Because.", **changes: Any) -> dict[str, Any]:
    """A good answer of Chat Completions."""
    message = {"role": "assistant", "content": text}
    values = {
        "id": "chatcmpl_1",
        "object": "chat.completion",
        "model": SEEN,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 100,
            "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 7},
            "completion_tokens": 30,
            "completion_tokens_details": {"reasoning_tokens": 12},
            "total_tokens": 130,
        },
    }
    return values | changes


def response_events(*pieces: str) -> list[Any]:
    return [
        {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}},
        *(
            {"type": "response.output_text.delta", "item_id": "msg_1", "delta": piece}
            for piece in pieces
        ),
        {"type": "response.completed", "response": response_body("".join(pieces))},
    ]


def chunk(*, end: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"model": SEEN, "choices": [{"index": 0, "delta": delta, "finish_reason": end}]}


def chat_events(*pieces: str) -> list[Any]:
    usage = {"model": SEEN, "choices": [], "usage": chat_body()["usage"]}
    return [*(chunk(content=piece) for piece in pieces), chunk(end="stop"), usage]


def stream(events: list[Any], *, done: bool = True) -> httpx2.Response:
    lines = [f"data: {json.dumps(event)}\n\n" for event in events]
    lines += ["data: [DONE]\n\n"] if done else []
    return httpx2.Response(
        200, headers={"content-type": "text/event-stream"}, content="".join(lines).encode()
    )


@dataclass(frozen=True)
class Api:
    module: ModuleType
    body: Callable[..., dict[str, Any]]
    events: Callable[..., list[Any]]

    def runtime(self, handler: Callable[[httpx2.Request], httpx2.Response], **changes: Any) -> Any:
        client = http_client(transport=httpx2.MockTransport(handler))
        return self.module.make(settings(**changes), http_client=client)

    def ask(self, reply: httpx2.Response, **changes: Any) -> Answer:
        """What *reply* is read as; it is asked for once."""
        asked: list[httpx2.Request] = []

        def handler(each: httpx2.Request) -> httpx2.Response:
            asked.append(each)
            return reply

        try:
            return asyncio.run(self.runtime(handler).complete(request(**changes)))
        finally:
            assert len(asked) == 1

    def failure(self, reply: httpx2.Response, **changes: Any) -> ModelFailure:
        with pytest.raises(ModelFailure) as caught:
            self.ask(reply, **changes)
        return caught.value

    def sent(self, *turns: Turn, **changes: Any) -> dict[str, Any]:
        """The body of the request for *turns*."""
        asked: list[httpx2.Request] = []

        def handler(each: httpx2.Request) -> httpx2.Response:
            asked.append(each)
            return httpx2.Response(200, json=self.body())

        asyncio.run(self.runtime(handler).complete(request(*turns, **changes)))
        return json.loads(asked[0].content)


RESPONSES = Api(openai, response_body, response_events)
CHAT = Api(compatible, chat_body, chat_events)
both_apis = pytest.mark.parametrize("api", [RESPONSES, CHAT], ids=["responses", "chat"])
