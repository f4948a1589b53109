"""What has to hold for every runtime that asks Gemini, against a scripted provider of others."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.aimock import ScriptedProvider, needs_aimock, scripted_provider
from tests.copilot.runtimes.gemini_contract import LOOK_UP, Cause, GeminiContract
from tests.copilot.runtimes.gemini_server import ask


class ScriptedContract(GeminiContract):
    @pytest.fixture(scope="class")
    @classmethod
    def aimock(cls) -> Iterator[ScriptedProvider]:
        with scripted_provider() as provider:
            yield provider

    @needs_aimock
    def test_a_scripted_provider_of_others_is_understood(
        self, account: Path, aimock: ScriptedProvider
    ) -> None:
        aimock.reset()
        aimock.answer({}, {"content": '{"cause": "a", "step": null}'})
        answer = self.complete(account, aimock.url, ask(self.name, schema=Cause))
        assert Cause.model_validate_json(answer.text).cause == "a"

    @needs_aimock
    def test_a_scripted_provider_of_others_asks_for_a_tool(
        self, account: Path, aimock: ScriptedProvider
    ) -> None:
        aimock.reset()
        aimock.answer({}, {"toolCalls": [{"name": "look_up", "arguments": '{"row": 3}'}]})
        answer = self.complete(account, aimock.url, ask(self.name, tools=(LOOK_UP,)))
        (use,) = answer.uses
        assert (use.name, use.arguments) == ("look_up", {"row": 3})

    @needs_aimock
    @pytest.mark.parametrize(
        ("response", "kind"),
        [
            ({"error": {"message": "slow"}, "status": 429, "retryAfter": 4}, "rate_limit"),
            ({"error": {"message": "broken"}, "status": 500}, "server"),
            ({"error": {"message": "busy"}, "status": 503}, "overloaded"),
            ({"content": "It br", "finishReason": "length"}, "truncated"),
            ({"content": "No.", "finishReason": "content_filter"}, "content_filter"),
        ],
        ids=["429", "500", "503", "truncated", "filtered"],
    )
    def test_a_scripted_provider_of_others_fails_in_every_way(
        self, account: Path, aimock: ScriptedProvider, response: dict[str, Any], kind: str
    ) -> None:
        aimock.reset()
        aimock.answer({}, response)
        failure = self.failure(account, aimock.url, ask(self.name))
        assert failure.kind == kind
        assert failure.retry_after == response.get("retryAfter")

    @needs_aimock
    @pytest.mark.parametrize(
        ("trouble", "kind"),
        [
            ({"disconnectRate": 1.0}, "network"),
            ({"malformedRate": 1.0}, "invalid_output"),
            ({"latencyMs": 20_000}, "timeout"),
        ],
        ids=["disconnects", "malformed", "slow"],
    )
    def test_a_scripted_provider_of_others_in_trouble(
        self, account: Path, aimock: ScriptedProvider, trouble: dict[str, float], kind: str
    ) -> None:
        aimock.reset()
        aimock.answer({}, {"content": "hello"})
        aimock.trouble(**trouble)
        failure = self.failure(account, aimock.url, ask(self.name, timeout_seconds=1.0))
        assert failure.kind == kind
