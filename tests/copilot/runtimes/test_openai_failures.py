"""Every way in which a call of OpenAI's APIs fails, and what it is called."""

import asyncio
import traceback

import httpx2
import pytest

from copilot.runtimes import FailureKind, ModelFailure, Usage
from tests.copilot.runtimes.openai_builders import (
    CHAT,
    KEY,
    RESPONSES,
    both_apis,
    chat_body,
    request,
    response_body,
)

USED = Usage(input=100, output=30, cache_read=60, cache_write=7, reasoning=12)
K = FailureKind


def error(message="no", **more):
    return {"error": {"message": message, **more}}


@both_apis
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, error(code="invalid_api_key"), K.AUTH),
        (403, error(), K.AUTH),
        (402, error(), K.QUOTA),
        (429, error(code="insufficient_quota"), K.QUOTA),
        (429, error("You exceeded your current quota"), K.QUOTA),
        (429, error(code="rate_limit_exceeded"), K.RATE_LIMIT),
        (429, error("maximum context length of a minute"), K.RATE_LIMIT),
        (404, error(code="model_not_found"), K.MODEL_UNAVAILABLE),
        (404, {"error": "model 'x' not found, try pulling it first"}, K.MODEL_UNAVAILABLE),
        (403, error(code="model_not_found"), K.MODEL_UNAVAILABLE),
        (400, error("The model `x` has been deprecated"), K.MODEL_UNAVAILABLE),
        (410, error(), K.MODEL_UNAVAILABLE),
        (408, error(), K.TIMEOUT),
        (504, error(), K.TIMEOUT),
        (409, error(), K.SERVER),
        (500, error(type="server_error"), K.SERVER),
        (502, "<html>Bad gateway</html>", K.SERVER),
        (503, error(type="server_error"), K.OVERLOADED),
        (529, error(), K.OVERLOADED),
        (400, error(code="context_length_exceeded"), K.CONTEXT_LENGTH),
        (400, error("This model's maximum context length is 8192"), K.CONTEXT_LENGTH),
        (400, error("exceeds the available context size", code=400), K.CONTEXT_LENGTH),
        (413, error(), K.CONTEXT_LENGTH),
        (400, error(code="content_filter"), K.CONTENT_FILTER),
        (400, error(type="invalid_request_error", param="input"), K.INVALID_REQUEST),
        (422, {"detail": [{"loc": ["body", "x"]}]}, K.INVALID_REQUEST),
        (400, [1, None], K.INVALID_REQUEST),
        (418, "", K.INVALID_REQUEST),
        (302, "", K.NETWORK),
    ],
    ids=lambda value: value if isinstance(value, int | K) else str(value)[:60],
)
def test_a_status_is_the_failure_that_it_means(api, status, body, kind):
    reply = httpx2.Response(status, json=body, headers={"location": "http://elsewhere.test/"})
    failure = api.failure(reply)
    assert (failure.kind, failure.status) == (kind, status)


@both_apis
def test_how_long_to_wait_is_passed_on(api):
    reply = httpx2.Response(429, json=error(), headers={"retry-after": "7"})
    assert api.failure(reply).retry_after == 7
    reply = httpx2.Response(529, json=error(), headers={"retry-after-ms": "1500"})
    assert api.failure(reply).retry_after == 1.5


@both_apis
def test_a_failure_says_what_the_provider_said(api):
    reply = httpx2.Response(400, json=error("too cold", code="bad_value", param="temperature"))
    expected = "invalid_request: bad_value: temperature: too cold"
    assert str(api.failure(reply)) == expected
    assert "no such page" in str(api.failure(httpx2.Response(404, text="no such page")))


def part(**values):
    return [{"type": "message", "content": [values]}]


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"output": part(type="refusal", refusal="I will not.")}, K.REFUSAL),
        ({"status": "incomplete", "incomplete_details": None}, K.TRUNCATED),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            K.TRUNCATED,
        ),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            K.CONTENT_FILTER,
        ),
        ({"status": "failed", "error": {"code": "rate_limit_exceeded"}}, K.RATE_LIMIT),
        ({"status": "failed", "error": {"code": "server_error", "message": "x"}}, K.SERVER),
        ({"status": "failed", "error": {"code": "invalid_prompt"}}, K.CONTENT_FILTER),
        ({"status": "failed", "error": {"code": "bio_policy"}}, K.CONTENT_FILTER),
        ({"status": "failed", "error": {"code": "insufficient_quota"}}, K.QUOTA),
        ({"status": "failed", "error": None}, K.SERVER),
        ({"status": "cancelled"}, K.INVALID_OUTPUT),
        ({"status": "in_progress"}, K.INVALID_OUTPUT),
        ({"output": []}, K.INVALID_OUTPUT),
        ({"output": part(type="output_text", text="")}, K.INVALID_OUTPUT),
        (
            {"output": [{"type": "function_call", "call_id": "c", "name": "n", "arguments": "{"}]},
            K.INVALID_OUTPUT,
        ),
    ],
    ids=[
        "refusal",
        "incomplete",
        "truncated",
        "filtered",
        "rate",
        "server",
        "prompt",
        "policy",
        "quota",
        "no reason",
        "cancelled",
        "under way",
        "nothing",
        "empty",
        "arguments",
    ],
)
def test_a_response_of_status_200_can_be_a_failure_and_its_tokens_are_counted(changes, kind):
    failure = RESPONSES.failure(httpx2.Response(200, json=response_body(**changes)))
    assert (failure.kind, failure.usage) == (kind, USED)


def ending(reason, **message):
    return {"choices": [{"message": {"content": "x"} | message, "finish_reason": reason}]}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        (ending("stop", refusal="I will not."), K.REFUSAL),
        (ending("length"), K.TRUNCATED),
        (ending("content_filter"), K.CONTENT_FILTER),
        (ending("error"), K.SERVER),
        (ending("stop", content=""), K.INVALID_OUTPUT),
        (ending("stop", content=None), K.INVALID_OUTPUT),
        (
            ending("stop", tool_calls=[{"function": {"name": "n", "arguments": "[]"}}]),
            K.INVALID_OUTPUT,
        ),
        (ending("stop", tool_calls=[{"function": {"arguments": "{}"}}]), K.INVALID_OUTPUT),
        ({"choices": []}, K.INVALID_OUTPUT),
        ({"choices": None}, K.INVALID_OUTPUT),
        ({"error": {"code": 429, "message": "slow"}}, K.RATE_LIMIT),
        ({"error": {"code": 502, "message": "upstream"}}, K.SERVER),
        ({"error": "maximum context length"}, K.CONTEXT_LENGTH),
    ],
    ids=[
        "refusal",
        "truncated",
        "filtered",
        "error",
        "empty",
        "null",
        "arguments",
        "no name",
        "no choices",
        "null choices",
        "rate in body",
        "server in body",
        "words in body",
    ],
)
def test_a_completion_of_status_200_can_be_a_failure_and_its_tokens_are_counted(changes, kind):
    failure = CHAT.failure(httpx2.Response(200, json=chat_body(**changes)))
    assert (failure.kind, failure.usage) == (kind, USED)


@both_apis
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>hello</html>",
        b"null",
        b"[]",
        b"{}",
        b'{"output": 1, "choices": 1}',
        b"\xff{",
        b"[" * 5000,
        b'{"output": ' + b"9" * 9000 + b"}",
        b'{"model": "\\ud800"}',
    ],
    ids=["empty", "page", "null", "list", "nothing", "number", "bytes", "deep", "huge", "half"],
)
def test_a_body_that_the_api_does_not_describe_is_no_answer(api, content):
    reply = httpx2.Response(200, content=content, headers={"content-type": "text/html"})
    assert api.failure(reply).kind is K.INVALID_OUTPUT


@both_apis
@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("charset", ["hex", "zlib", "undefined", "utf-16", "no-such"])
def test_a_character_set_that_is_none_does_no_harm(api, charset, status):
    headers = {"content-type": f"application/json; charset={charset}"}
    reply = httpx2.Response(status, content=b"\x00zz{", headers=headers)
    assert api.failure(reply)


@both_apis
@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (httpx2.ConnectError("refused"), K.NETWORK),
        (httpx2.ReadError("reset"), K.NETWORK),
        (httpx2.RemoteProtocolError("ended early"), K.NETWORK),
        (httpx2.ReadTimeout("slow"), K.TIMEOUT),
        (httpx2.PoolTimeout("busy"), K.TIMEOUT),
        (httpx2.InvalidURL("odd"), K.INVALID_REQUEST),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_a_connection_that_fails_is_told_from_one_that_is_slow(api, raised, kind):
    def handler(_):
        raise raised

    with pytest.raises(ModelFailure) as caught:
        asyncio.run(api.runtime(handler).complete(request()))
    assert caught.value.kind is kind


@both_apis
def test_a_server_that_echoes_the_key_does_not_get_it_into_a_failure(api):
    for reply in (
        httpx2.Response(401, json=error(f"Incorrect API key: {KEY}")),
        httpx2.Response(400, text=f"Bearer {KEY}"),
        httpx2.Response(200, json=api.body(error={"message": KEY}, status="failed")),
    ):
        failure = api.failure(reply)
        assert "[key]" in str(failure)
        assert KEY not in "".join(traceback.format_exception(failure))


@both_apis
def test_what_can_t_be_sent_is_an_invalid_request(api):
    with pytest.raises(ModelFailure) as caught:
        api.sent(system="half a character: \ud800")
    assert caught.value.kind is K.INVALID_REQUEST


@both_apis
def test_no_time_left_is_a_timeout(api):
    with pytest.raises(ModelFailure) as caught:
        api.sent(timeout_seconds=0.0)
    assert caught.value.kind is K.TIMEOUT


@both_apis
def test_a_closed_runtime_is_not_ready(api):
    async def scene():
        runtime = api.runtime(lambda _: httpx2.Response(200, json=api.body()))
        await runtime.aclose()
        await runtime.complete(request())

    with pytest.raises(ModelFailure) as caught:
        asyncio.run(scene())
    assert caught.value.kind is K.NOT_READY
