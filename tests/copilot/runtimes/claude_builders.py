"""Claude's API as a handler of our own, and requests to it, for tests of the runtime anthropic."""

import asyncio
import json

import httpx2
from pydantic import BaseModel

from copilot.runtimes import Model, ModelFailure, Request, Turn
from copilot.runtimes._http import http_client
from copilot.runtimes.anthropic import make
from copilot.settings import Settings

KEY = "sk-ant-test-0123456789"
MODEL = Model(id="claude-haiku-5-5", runtime="anthropic", effort="low")
USAGE = {
    "input_tokens": 10,
    "output_tokens": 30,
    "cache_read_input_tokens": 200,
    "cache_creation_input_tokens": 4,
    "output_tokens_details": {"thinking_tokens": 12},
}


class Cause(BaseModel):
    cause: str
    step: str | None


def request(*turns, **changes):
    values = {
        "model": MODEL,
        "system": "You explain failed runs.",
        "turns": turns or (Turn(role="user", text="Why?"),),
        "timeout_seconds": 20.0,
        "max_output_tokens": 512,
    }
    return Request(**(values | changes))


def message(*blocks, **changes):
    """A good answer of the API with *blocks*, or with one text."""
    values = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-5-5-20261001",
        "content": list(blocks) or [{"type": "text", "text": "Because."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": USAGE,
    }
    return values | changes


def events(*written):
    """The body of a stream of *written* events."""
    lines = [f"event: {event.get('type')}\ndata: {json.dumps(event)}\n\n" for event in written]
    return "".join(lines).encode()


def settings(**changes):
    return Settings(anthropic_api_key=KEY, **changes)


class Provider:
    """Answers every request with one response and remembers what it was sent."""

    def __init__(self, status=200, body=None, **options):
        self.requests = []
        content = body if isinstance(body, bytes) else json.dumps(body or message()).encode()
        self._response = {"status_code": status, "content": content, **options}

    def __call__(self, received):
        self.requests.append(received)
        return httpx2.Response(**self._response)

    @property
    def body(self):
        return json.loads(self.requests[-1].content)


def runtime(handler, **changes):
    """The runtime with *handler*, or a whole transport, in the place of the network."""
    is_transport = isinstance(handler, httpx2.AsyncBaseTransport)
    transport = handler if is_transport else httpx2.MockTransport(handler)
    return make(settings(**changes), http_client=http_client(transport=transport))


def ask(handler, asked=None, **changes):
    """The answer of the runtime when *handler* stands for the provider."""

    async def complete():
        claude = runtime(handler, **changes)
        try:
            return await claude.complete(asked or request())
        finally:
            await claude.aclose()

    return asyncio.run(complete())


def failure(handler, asked=None):
    """The ModelFailure that asking ends with."""
    try:
        answer = ask(handler, asked)
    except ModelFailure as failed:
        return failed
    raise AssertionError(f"no failure: {answer}")
