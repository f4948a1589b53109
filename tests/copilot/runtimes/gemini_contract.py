"""What has to hold for every runtime that asks Gemini, against a server of ours."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel

from copilot.runtimes import (
    Answer,
    FailureKind,
    Model,
    ModelFailure,
    Request,
    Runtime,
    Tool,
    Usage,
)
from tests.copilot.runtimes.gemini_replies import ODD_BODIES, REFUSALS
from tests.copilot.runtimes.gemini_server import (
    GeminiServer,
    Reply,
    ask,
    gemini_server,
    refusal,
    said,
    settings_for,
    write_account,
)

USED = Usage(input=120, output=80, cache_read=20, reasoning=50)
LOOK_UP = Tool(
    "look_up",
    "Looks a thing up.",
    {"type": "object", "properties": {"row": {"type": "integer"}}, "required": ["row"]},
)


class Cause(BaseModel):
    cause: str
    step: str | None


class GeminiContract:
    """Each subclass says which runtime it is for."""

    name: str
    module: ModuleType
    runner: asyncio.Runner
    made: dict[tuple[Path, str], Runtime]

    @pytest.fixture(autouse=True)
    def without_region_lookups(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # google-auth asks the internet in the background where an account may be used
        looks_up = "google.auth.credentials.CredentialsWithRegionalAccessBoundary"
        monkeypatch.setattr(
            f"{looks_up}._maybe_start_regional_access_boundary_refresh", lambda *_: None
        )

    @pytest.fixture(scope="class")
    @classmethod
    def account(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return write_account(tmp_path_factory.mktemp("account"))

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls) -> Iterator[GeminiServer]:
        with gemini_server() as server:
            yield server

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def runtimes(cls) -> Iterator[None]:
        """One event loop and one runtime for each server: making one is what takes time."""
        cls.made = {}
        with asyncio.Runner() as cls.runner:
            yield
            for runtime in cls.made.values():
                cls.runner.run(runtime.aclose())

    def complete(self, account: Path, url: str, request: Request) -> Answer:
        if (account, url) not in self.made:
            self.made[account, url] = self.module.make(settings_for(account, url))
        return self.runner.run(self.made[account, url].complete(request))

    def failure(self, account: Path, url: str, request: Request) -> ModelFailure:
        with pytest.raises(ModelFailure) as caught:
            self.complete(account, url, request)
        return caught.value

    def test_an_answer_counts_every_token_that_is_paid(
        self, account: Path, server: GeminiServer
    ) -> None:
        server.say(said("It broke."))
        answer = self.complete(account, server.url, ask(self.name))
        assert answer == Answer(text="It broke.", usage=USED, model="gemini-2.5-pro")

    def test_a_call_is_asked_of_the_project_with_what_the_model_takes(
        self, account: Path, server: GeminiServer
    ) -> None:
        server.say(said())
        self.complete(account, server.url, ask(self.name))
        (asked,) = server.asked
        place = "/v1/projects/some-project/locations/europe-west4/publishers/google"
        assert asked.path.startswith(f"{place}/models/gemini-2.5-pro:generateContent")
        assert asked.headers["authorization"].startswith("Bearer eyJ")
        assert asked.headers["accept-encoding"] == "identity"
        config = asked.body["generationConfig"]
        assert (config["temperature"], config["maxOutputTokens"]) == (0.4, 512)
        assert list(config["thinkingConfig"].values()) == [1024]
        assert asked.body["systemInstruction"]["parts"] == [{"text": "Explain."}]
        assert asked.body["contents"] == [{"role": "user", "parts": [{"text": "why?"}]}]

    def test_what_a_model_does_not_take_is_not_sent(
        self, account: Path, server: GeminiServer
    ) -> None:
        server.say(said())
        plain = Model(id="gemini-2.5-flash", runtime=self.name)
        self.complete(account, server.url, ask(self.name, model=plain))
        sent = set(server.asked[0].body["generationConfig"])
        assert sent == {"candidateCount", "maxOutputTokens"}

    def test_an_answer_in_a_schema_is_asked_for_as_json(
        self, account: Path, server: GeminiServer
    ) -> None:
        server.say(said('{"cause": "a", "step": null}'))
        answer = self.complete(account, server.url, ask(self.name, schema=Cause))
        assert answer.text == '{"cause": "a", "step": null}'
        config = server.asked[0].body["generationConfig"]
        assert config["responseMimeType"] == "application/json"
        assert self.schema_sent(config)["required"] == ["cause", "step"]

    def schema_sent(self, config: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    @pytest.mark.parametrize("reply", REFUSALS, ids=str)
    def test_a_refusal_has_its_kind_and_is_not_asked_again(
        self, account: Path, server: GeminiServer, reply: str
    ) -> None:
        refused, kind, wait = REFUSALS[reply]
        server.answer(refused)
        failure = self.failure(account, server.url, ask(self.name))
        assert (failure.kind, failure.retry_after, failure.status) == (kind, wait, refused.status)
        assert len(server.asked) == 1

    @pytest.mark.parametrize(
        ("reason", "kind"),
        [
            ("MAX_TOKENS", FailureKind.TRUNCATED),
            ("SAFETY", FailureKind.CONTENT_FILTER),
            ("RECITATION", FailureKind.CONTENT_FILTER),
        ],
    )
    def test_an_answer_that_ends_early_tells_what_it_used(
        self, account: Path, server: GeminiServer, reason: str, kind: FailureKind
    ) -> None:
        server.say(said("It br", finish=reason))
        failure = self.failure(account, server.url, ask(self.name))
        assert (failure.kind, failure.usage) == (kind, USED)

    def test_an_empty_answer_is_not_an_answer(self, account: Path, server: GeminiServer) -> None:
        server.say(said(parts=[], finish="MALFORMED_FUNCTION_CALL"))
        failure = self.failure(account, server.url, ask(self.name))
        assert (failure.kind, failure.usage) == (FailureKind.INVALID_OUTPUT, USED)

    def test_a_prompt_that_is_blocked_is_filtered(
        self, account: Path, server: GeminiServer
    ) -> None:
        used = {"promptTokenCount": 5, "totalTokenCount": 5}
        server.say({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": used})
        failure = self.failure(account, server.url, ask(self.name))
        assert failure.kind is FailureKind.CONTENT_FILTER

    @pytest.mark.parametrize("status", [200, 302, 429, 502])
    @pytest.mark.parametrize("body", ODD_BODIES, ids=str)
    def test_an_odd_body_is_a_failure_of_ours(
        self, account: Path, server: GeminiServer, body: str, status: int
    ) -> None:
        headers = {"location": f"{server.url}/elsewhere"}
        server.answer(Reply(status, ODD_BODIES[body], headers))
        failure = self.failure(account, server.url, ask(self.name))
        expected = {429: FailureKind.RATE_LIMIT, 502: FailureKind.SERVER}.get(status)
        assert expected in (None, failure.kind)
        assert len(server.asked) == 1  # no redirect is followed

    @pytest.mark.parametrize(
        "reply", [Reply(body=None), Reply(body=b" " * 1_000, drip=True)], ids=["silent", "dripping"]
    )
    def test_a_server_that_does_not_come_to_an_end_costs_the_time_there_is_and_no_thread(
        self, account: Path, server: GeminiServer, reply: Reply
    ) -> None:
        server.answer(reply)
        before = set(threading.enumerate())
        started = time.monotonic()
        failure = self.failure(account, server.url, ask(self.name, timeout_seconds=0.5))
        assert failure.kind is FailureKind.TIMEOUT
        assert time.monotonic() - started < 5
        for thread in set(threading.enumerate()) - before:
            if thread.name.startswith(self.name):
                thread.join(5)
                assert not thread.is_alive()

    def test_a_call_that_is_cancelled_ends_at_once(
        self, account: Path, server: GeminiServer
    ) -> None:
        server.answer(Reply(body=None))

        async def cancelled() -> float:
            runtime = self.module.make(settings_for(account, server.url))
            call = asyncio.create_task(runtime.complete(ask(self.name, timeout_seconds=60.0)))
            while not server.asked:
                await asyncio.sleep(0.01)
            started = time.monotonic()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await runtime.aclose()
            return time.monotonic() - started

        assert asyncio.run(cancelled()) < 5

    def test_a_body_that_is_cut_off_is_a_matter_of_the_network(
        self, account: Path, server: GeminiServer
    ) -> None:
        server.answer(Reply(body=b'{"candidates": []}', cut=True))
        failure = self.failure(account, server.url, ask(self.name))
        assert failure.kind is FailureKind.NETWORK

    def test_a_server_that_is_not_there_is_a_matter_of_the_network(self, account: Path) -> None:
        failure = self.failure(account, "http://127.0.0.1:9", ask(self.name))
        assert failure.kind is FailureKind.NETWORK

    def test_an_answer_longer_than_any_is_not_read_to_its_end(
        self, account: Path, server: GeminiServer
    ) -> None:
        server.answer(Reply(body=b" " * 9_000_000))
        failure = self.failure(account, server.url, ask(self.name))
        assert failure.kind is FailureKind.NETWORK

    @pytest.mark.parametrize(
        "file", ["", "{}", "[5]", '{"private_key": "sk-secret"}', '{"type": "authorized_user"}']
    )
    def test_a_file_without_credentials_is_refused_without_quoting_it(
        self, tmp_path: Path, server: GeminiServer, file: str
    ) -> None:
        account = tmp_path / "account.json"
        account.write_text(file, encoding="utf-8")
        failure = self.failure(account, server.url, ask(self.name))
        assert failure.kind is FailureKind.AUTH
        assert "sk-secret" not in str(failure)

    def test_a_token_that_an_error_quotes_is_not_passed_on(
        self, account: Path, server: GeminiServer
    ) -> None:
        server.answer(refusal(401, "Bearer ya29.abc-def is no good, nor is eyJhbGciOi.J9.x"))
        message = str(self.failure(account, server.url, ask(self.name)))
        assert "ya29" not in message
        assert "eyJ" not in message

    def test_text_with_half_a_character_can_be_sent(
        self, account: Path, server: GeminiServer
    ) -> None:
        server.say(said())
        self.complete(account, server.url, ask(self.name, text="a\ud800b"))
        assert server.asked[0].body["contents"][0]["parts"] == [{"text": "a?b"}]

    def test_what_is_asked_is_not_for_the_tracing_of_others(
        self, account: Path, server: GeminiServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from langchain_core.tracers.langchain import LangChainTracer
        from langsmith import tracing_context

        traced: list[object] = []
        monkeypatch.setattr(LangChainTracer, "_start_trace", lambda _, run: traced.append(run))
        server.say(said())
        with tracing_context(enabled=True):
            self.complete(account, server.url, ask(self.name))
        assert traced == []

    def test_many_calls_at_once_are_answered(self, account: Path, server: GeminiServer) -> None:
        server.say(said())

        async def many() -> list[Answer]:
            runtime = self.module.make(settings_for(account, server.url))
            answers = await asyncio.gather(*(runtime.complete(ask(self.name)) for _ in range(40)))
            await runtime.aclose()
            return answers

        assert {answer.text for answer in asyncio.run(many())} == {"hello"}
