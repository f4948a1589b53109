"""Gemini by ChatVertexAI: what is sent, what comes of it, and that no thread is waited for."""

import asyncio
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest

from copilot.runtimes import FailureKind, ModelFailure, vertex
from copilot.runtimes._gemini.threads import Threads
from copilot.settings import Settings
from tests.copilot.runtimes.gemini_contract import LOOK_UP, USED, Cause
from tests.copilot.runtimes.gemini_scripted import ScriptedContract
from tests.copilot.runtimes.gemini_server import (
    GeminiServer,
    Reply,
    ask,
    said,
    settings_for,
    tool_talk,
)

pytestmark = [
    pytest.mark.xdist_group("vertex"),
    # what `make` has switched off, pytest switches on again for each test
    pytest.mark.filterwarnings("ignore:Unrecognized FinishReason enum value:UserWarning"),
]


class TestVertex(ScriptedContract):
    name = "vertex"
    module = vertex

    def schema_sent(self, config: dict[str, Any]) -> dict[str, Any]:
        return config["responseSchema"]

    def test_what_may_be_null_is_told_so(self, account: Path, server: GeminiServer) -> None:
        server.say(said("{}"))
        self.complete(account, server.url, ask("vertex", schema=Cause))
        schema = server.asked[0].body["generationConfig"]["responseSchema"]
        assert schema["properties"]["step"]["nullable"] is True

    def test_a_tool_is_asked_for_and_answered(self, account: Path, server: GeminiServer) -> None:
        server.say(said(parts=[{"functionCall": {"name": "look_up", "args": {"row": 3}}}]))
        request = ask("vertex", turns=tool_talk(), tools=(LOOK_UP,))
        answer = self.complete(account, server.url, request)
        assert [(use.name, use.arguments) for use in answer.uses] == [("look_up", {"row": 3})]
        assert isinstance(answer.uses[0].arguments["row"], int)
        _, called, given = server.asked[0].body["contents"]
        assert called["parts"] == [{"functionCall": {"name": "look_up", "args": {"row": 3}}}]
        result = {"name": "look_up", "response": {"output": '{"a": 1}'}}
        assert given["parts"] == [{"functionResponse": result}]

    def test_text_is_heard_as_it_comes(self, account: Path, server: GeminiServer) -> None:
        first = said('It "{[\\', finish=None) | {"usageMetadata": {}}
        server.say([first, said(" broke é")])
        heard: list[str] = []
        answer = self.complete(account, server.url, ask("vertex", on_text=heard.append))
        assert heard == ['It "{[\\', " broke é"]
        assert (answer.text, answer.usage) == ('It "{[\\ broke é', USED)
        assert ":streamGenerateContent" in server.asked[0].path

    def test_a_stream_that_drips_is_cut(self, account: Path, server: GeminiServer) -> None:
        server.answer(Reply(body=b"[" + b" " * 1_000, drip=True))
        request = ask("vertex", on_text=[].append, timeout_seconds=0.5)
        assert self.failure(account, server.url, request).kind is FailureKind.TIMEOUT

    def test_closing_ends_what_is_under_way(self, account: Path, server: GeminiServer) -> None:
        server.answer(Reply(body=None))

        async def closed() -> FailureKind:
            runtime = vertex.make(settings_for(account, server.url))
            call = asyncio.create_task(runtime.complete(ask("vertex", timeout_seconds=60.0)))
            while not server.asked:
                await asyncio.sleep(0.01)
            await runtime.aclose()
            with pytest.raises(ModelFailure) as caught:
                await asyncio.wait_for(call, 5)
            return caught.value.kind

        assert asyncio.run(closed()) is FailureKind.TIMEOUT

    def test_nobody_hears_that_the_class_is_deprecated(
        self, account: Path, server: GeminiServer
    ) -> None:
        server.say(said())
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            self.complete(account, server.url, ask("vertex"))
        assert [str(warning.message) for warning in heard] == []

    def test_a_process_ends_while_a_call_hangs(self, account: Path, server: GeminiServer) -> None:
        server.answer(Reply(body=None))
        program = f"""
import asyncio
from pathlib import Path
from copilot.runtimes import vertex
from tests.copilot.runtimes.gemini_server import ask, settings_for
async def leave():
    runtime = vertex.make(settings_for(Path({str(account)!r}), {server.url!r}))
    call = asyncio.create_task(runtime.complete(ask("vertex", timeout_seconds=600.0)))
    await asyncio.sleep(1)
    raise SystemExit(7)
asyncio.run(leave())
"""
        command = [sys.executable, "-W", "always", "-c", program]
        ended = subprocess.run(command, timeout=60, capture_output=True, check=False, text=True)
        assert ended.returncode == 7
        assert "ResourceWarning" not in ended.stderr


def test_threads_that_hang_are_counted_and_come_to_an_end_of_patience() -> None:
    hold = threading.Event()

    async def used_up() -> FailureKind:
        threads = Threads("hanging", most_stuck=2)
        for _ in range(2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await threads.run(lambda: hold.wait(30), passes=())
        assert threads.stuck == 2
        with pytest.raises(ModelFailure) as caught:
            await threads.run(lambda: 5, passes=())
        hold.set()
        while threads.stuck:
            await asyncio.sleep(0.01)
        assert await threads.run(lambda: 5, passes=()) == 5
        return caught.value.kind

    assert asyncio.run(used_up()) is FailureKind.NOT_READY


def test_what_a_call_may_raise_is_raised() -> None:
    async def raised() -> None:
        await Threads("failing").run(lambda: int("x"), passes=(ValueError,))

    with pytest.raises(ValueError, match="invalid literal"):
        asyncio.run(raised())


def test_what_is_missing_is_said() -> None:
    told = vertex.missing(Settings())
    assert told is not None
    assert "ASK_COPILOT_GOOGLE_PROJECT" in told
    assert vertex.missing(Settings(google_project="p")) is None
    lost = vertex.missing(Settings(google_project="p", google_credentials=Path("/no/such.json")))
    assert lost is not None
    assert "ASK_COPILOT_GOOGLE_CREDENTIALS" in lost
