"""Gemini by ChatGoogleGenerativeAI: what is sent, and what comes of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from copilot.runtimes import FailureKind, Model, google
from copilot.settings import Settings
from tests.copilot.runtimes.gemini_contract import LOOK_UP, USED
from tests.copilot.runtimes.gemini_scripted import ScriptedContract
from tests.copilot.runtimes.gemini_server import GeminiServer, Reply, ask, refusal, said, tool_talk

pytestmark = [
    pytest.mark.xdist_group("google"),
    # what `make` has switched off, pytest switches on again for each test
    pytest.mark.filterwarnings("ignore:.* is not a valid FinishReason:UserWarning"),
]


def events(*bodies: Any) -> bytes:
    return "".join(f"data: {json.dumps(body)}\r\n\r\n" for body in bodies).encode()


class TestGoogle(ScriptedContract):
    name = "google"
    module = google

    def schema_sent(self, config: dict[str, Any]) -> dict[str, Any]:
        return config["responseJsonSchema"]

    def test_a_tool_is_asked_for_and_answered(self, account: Path, server: GeminiServer) -> None:
        server.say(said(parts=[{"functionCall": {"name": "look_up", "args": {"row": 3}}}]))
        request = ask("google", turns=tool_talk(), tools=(LOOK_UP,))
        answer = self.complete(account, server.url, request)
        assert [(use.name, use.arguments) for use in answer.uses] == [("look_up", {"row": 3})]
        _, called, given = server.asked[0].body["contents"]
        assert called["parts"] == [{"functionCall": {"name": "look_up", "args": {"row": 3}}}]
        result = {"name": "look_up", "response": {"output": '{"a": 1}'}}
        assert given["parts"] == [{"functionResponse": result}]

    def test_a_model_that_thinks_in_levels_is_told_its_level(
        self, account: Path, server: GeminiServer
    ) -> None:
        server.say(said())
        model = Model(id="gemini-4-argon", runtime="google", thinking_level="low")
        self.complete(account, server.url, ask("google", model=model))
        config = server.asked[0].body["generationConfig"]
        assert [str(value).lower() for value in config["thinkingConfig"].values()] == ["low"]
        assert "temperature" not in config

    def test_text_is_heard_as_it_comes(self, account: Path, server: GeminiServer) -> None:
        first = said("It ", finish=None) | {"usageMetadata": {}}
        server.answer(Reply(body=events(first, said("broke é"))))
        heard: list[str] = []
        answer = self.complete(account, server.url, ask("google", on_text=heard.append))
        assert heard == ["It ", "broke é"]
        assert (answer.text, answer.usage) == ("It broke é", USED)

    def test_a_stream_is_refused_like_a_call(self, account: Path, server: GeminiServer) -> None:
        server.answer(refusal(429, "Resource exhausted."))
        failure = self.failure(account, server.url, ask("google", on_text=[].append))
        assert failure.kind is FailureKind.RATE_LIMIT

    def test_a_stream_that_drips_is_cut(self, account: Path, server: GeminiServer) -> None:
        server.answer(Reply(body=b" " * 1_000, drip=True))
        request = ask("google", on_text=[].append, timeout_seconds=0.5)
        assert self.failure(account, server.url, request).kind is FailureKind.TIMEOUT


def test_what_is_missing_is_said() -> None:
    told = google.missing(Settings())
    assert told is not None
    assert "ASK_COPILOT_GOOGLE_PROJECT" in told
    assert google.missing(Settings(google_project="p")) is None
