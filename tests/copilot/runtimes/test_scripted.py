"""A runtime that reads its answers from a file."""

import asyncio
import json

import pytest

from copilot.errors import InvalidInput
from copilot.runtimes import FailureKind, Model, ModelFailure, Request, Turn, Usage, scripted
from copilot.runtimes.scripted import ScriptedRuntime
from copilot.settings import load

MODEL = Model(id="m", runtime="scripted")


def request(text="Why?", model=MODEL, on_text=None):
    return Request(
        model=model,
        system="Explain.",
        turns=(Turn(role="user", text=text),),
        timeout_seconds=5,
        max_output_tokens=100,
        on_text=on_text,
    )


def ask(runtime, *args, **changed):
    return asyncio.run(runtime.complete(request(*args, **changed)))


def failure(runtime, *args, **changed):
    with pytest.raises(ModelFailure) as caught:
        ask(runtime, *args, **changed)
    return caught.value


def test_answers_come_in_their_order_and_once():
    runtime = ScriptedRuntime([{"text": "one"}, {"text": "two"}])
    assert [ask(runtime).text for _ in range(2)] == ["one", "two"]
    error = failure(runtime)
    assert (error.kind, "no answer" in str(error)) == (FailureKind.INVALID_REQUEST, True)


def test_one_that_repeats_is_never_used_up():
    runtime = ScriptedRuntime([{"text": "one"}, {"text": "more", "repeat": True}])
    assert [ask(runtime).text for _ in range(4)] == ["one", "more", "more", "more"]


def test_an_answer_can_be_for_some_questions_only():
    runtime = ScriptedRuntime(
        [
            {"when": {"contains": "weather"}, "text": "rain"},
            {"when": {"model": "large"}, "text": "long"},
            {"text": "else"},
        ]
    )
    assert ask(runtime, "What is the time?").text == "else"
    assert ask(runtime, model=Model(id="large", runtime="scripted")).text == "long"
    assert ask(runtime, "And the weather?").text == "rain"


def test_json_is_the_text_of_what_is_given():
    runtime = ScriptedRuntime([{"json": {"a": [1, None]}}, {"json": None}])
    assert json.loads(ask(runtime).text) == {"a": [1, None]}
    assert ask(runtime).text == "null"


def test_a_tool_is_called_with_what_is_given():
    answer = ask(ScriptedRuntime([{"tool": {"name": "look", "arguments": {"at": 1}}}]))
    (use,) = answer.uses
    assert (answer.text, use.name, use.arguments) == ("", "look", {"at": 1})


@pytest.mark.parametrize("kind", list(FailureKind), ids=str)
def test_every_failure_can_be_had(kind):
    fail = {"kind": kind.value, "retry_after": 3, "status": 418, "message": "no"}
    error = failure(ScriptedRuntime([{"fail": fail, "usage": {"input": 5}}]))
    assert (error.kind, error.retry_after, error.status) == (kind, 3, 418)
    assert error.usage == Usage(input=5)


def test_a_failure_used_what_nobody_knows_unless_it_is_said():
    assert failure(ScriptedRuntime([{"fail": {"kind": "server"}}])).usage is None


def test_tokens_are_those_given_or_counted():
    runtime = ScriptedRuntime(
        [{"text": "x", "usage": {"input": 7, "known": False}}, {"text": "x" * 25}]
    )
    assert ask(runtime).usage == Usage(input=7, known=False)
    counted = ask(runtime).usage
    assert (counted.output, counted.known) == (10, True)
    assert counted.input > 0


@pytest.mark.parametrize("text", ["because it is so", "x", ""], ids=["long", "short", "empty"])
@pytest.mark.parametrize("drip", [False, True], ids=["at_once", "dripping"])
def test_who_listens_hears_the_whole_text(text, drip):
    heard = []
    answer = ask(ScriptedRuntime([{"text": text, "drip": drip}]), on_text=heard.append)
    assert "".join(heard) == answer.text == text
    assert len(heard) == (min(len(text), 8) if drip else bool(text))


def test_a_delay_can_be_cancelled():
    async def hurried():
        runtime = ScriptedRuntime([{"text": "late", "seconds": 3_600}])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(runtime.complete(request()), 0.05)
        await runtime.aclose()
        return len(runtime.asked)

    assert asyncio.run(hurried()) == 1


BAD = {
    "no_json": ("{", "is not JSON"),
    "no_list": ('{"text": "x"}', "at the whole"),
    "unknown_field": ('[{"txt": "x"}]', "0.txt"),
    "two_answers": ('[{"text": "x", "json": 1}]', "at 0: one of"),
    "no_answer": ('[{"text": "x"}, {}]', "at 1: one of"),
    "unknown_kind": ('[{"fail": {"kind": "sulking"}}]', "0.fail.kind"),
    "negative": ('[{"text": "x", "seconds": -1}]', "0.seconds"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_told_with_its_place(tmp_path, name):
    content, words = BAD[name]
    file = tmp_path / "answers.json"
    file.write_text(content, encoding="utf-8")
    settings = load({}, scripted_answers=file)
    with pytest.raises(InvalidInput) as caught:
        scripted.make(settings)
    assert words in str(caught.value)
    assert "ASK_COPILOT_SCRIPTED_ANSWERS" in str(caught.value)
    assert scripted.missing(settings) == str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    settings = load({}, scripted_answers=tmp_path / "answers.json")
    assert "can't be read" in scripted.missing(settings)


def test_without_a_file_it_says_what_to_set():
    assert "ASK_COPILOT_SCRIPTED_ANSWERS" in scripted.missing(load({}))
    with pytest.raises(InvalidInput):
        scripted.make(load({}))


def test_a_good_file_answers(tmp_path):
    file = tmp_path / "answers.json"
    file.write_text('[{"text": "because"}]', encoding="utf-8")
    settings = load({}, scripted_answers=file)
    assert scripted.missing(settings) is None
    assert ask(scripted.make(settings)).text == "because"
