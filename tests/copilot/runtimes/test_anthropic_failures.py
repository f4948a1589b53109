"""Every way in which Claude's API fails, and what the chain of models is told of it."""

import httpx2
import pytest

from copilot.runtimes import FailureKind, Usage
from copilot.runtimes._http import LONGEST_BODY
from tests.copilot.runtimes.claude_builders import Provider, failure, message

ALL_USED = Usage(input=214, output=30, cache_read=200, cache_write=4, reasoning=12)


def error(type_, text="No.", code=None):
    """The body of an error as the API writes it."""
    details = {"error_code": code} if code else None
    said = {"type": type_, "message": text, "details": details}
    return {"type": "error", "error": said, "request_id": "req_1"}


STATUSES = {
    "400": (400, error("invalid_request_error"), FailureKind.INVALID_REQUEST),
    "400-too-long": (
        400,
        error("invalid_request_error", "prompt is too long: 300000 tokens > 200000 maximum"),
        FailureKind.CONTEXT_LENGTH,
    ),
    "400-both-too-long": (
        400,
        error("invalid_request_error", "input length and `max_tokens` exceed context limit"),
        FailureKind.CONTEXT_LENGTH,
    ),
    "400-no-credit": (
        400,
        error("invalid_request_error", "Your credit balance is too low to use the API."),
        FailureKind.QUOTA,
    ),
    "400-filter": (
        400,
        error("invalid_request_error", "Output blocked by content filtering policy"),
        FailureKind.CONTENT_FILTER,
    ),
    "401": (401, error("authentication_error"), FailureKind.AUTH),
    "402": (402, error("billing_error"), FailureKind.QUOTA),
    "403": (403, error("permission_error"), FailureKind.AUTH),
    "404": (404, error("not_found_error", "model: claude-x"), FailureKind.MODEL_UNAVAILABLE),
    "404-wrong-address": (404, b"<html>nginx</html>", FailureKind.INVALID_REQUEST),
    "408": (408, error("timeout_error"), FailureKind.TIMEOUT),
    "413": (413, error("request_too_large"), FailureKind.CONTEXT_LENGTH),
    "422": (422, error("invalid_request_error"), FailureKind.INVALID_REQUEST),
    "429": (429, error("rate_limit_error"), FailureKind.RATE_LIMIT),
    "429-spend-limit": (
        429,
        error("rate_limit_error", code="enforced_spend_limit_reached"),
        FailureKind.QUOTA,
    ),
    "429-ramp": (
        429,
        error("rate_limit_error", code="ramp_limit_exceeded"),
        FailureKind.RATE_LIMIT,
    ),
    "500": (500, error("api_error"), FailureKind.SERVER),
    "502-no-json": (502, b"Bad Gateway", FailureKind.SERVER),
    "503": (503, error("overloaded_error"), FailureKind.OVERLOADED),
    "504": (504, error("timeout_error"), FailureKind.TIMEOUT),
    "529": (529, error("overloaded_error"), FailureKind.OVERLOADED),
    "418-overloaded": (418, error("overloaded_error"), FailureKind.OVERLOADED),
}


@pytest.mark.parametrize(("status", "body", "kind"), STATUSES.values(), ids=STATUSES)
def test_a_status_has_a_meaning(status, body, kind):
    failed = failure(Provider(status, body))
    assert failed.kind is kind
    assert failed.status == status
    assert failed.usage is None


def test_the_providers_message_is_kept_for_an_operator():
    failed = failure(Provider(404, error("not_found_error", "model: claude-x")))
    assert str(failed) == "model_unavailable: model: claude-x"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "7", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
    ids=["seconds", "milliseconds", "nonsense", "none"],
)
def test_how_long_to_wait_is_what_the_provider_says(headers, seconds):
    failed = failure(Provider(429, error("rate_limit_error"), headers=headers))
    assert failed.retry_after == seconds


STOPS = {
    "max_tokens": FailureKind.TRUNCATED,
    "refusal": FailureKind.REFUSAL,
    "model_context_window_exceeded": FailureKind.CONTEXT_LENGTH,
    "pause_turn": FailureKind.INVALID_OUTPUT,
    "a_new_reason": FailureKind.INVALID_OUTPUT,
    "tool_use": FailureKind.INVALID_OUTPUT,
}


@pytest.mark.parametrize(("reason", "kind"), STOPS.items(), ids=STOPS)
def test_an_answer_that_stopped_early_is_a_failure_with_what_it_used(reason, kind):
    failed = failure(Provider(body=message(stop_reason=reason)))
    assert failed.kind is kind
    assert failed.usage == ALL_USED


def test_a_refusal_may_be_empty():
    failed = failure(Provider(body=message(content=[], stop_reason="refusal")))
    assert failed.kind is FailureKind.REFUSAL


TEXT = {"type": "text", "text": "a"}
CALL = {"type": "tool_use", "id": "1", "name": "a", "input": {}}
ODD = {
    "empty-body": b"",
    "html": b"<html></html>",
    "bytes": b"\xff\xfe\x00",
    "not-a-number": b'{"content": [NaN]}',
    "deep": b"[" * 100_000,
    "long-number": b'{"usage": ' + b"9" * 5_000 + b"}",
    "null": b"null",
    "list": b"[]",
    "no-fields": b"{}",
    "no-content": message(content=None),
    "empty-content": message(content=[]),
    "blank-text": message({"type": "text", "text": " \n"}),
    "content-of-texts": message(content=["a"]),
    "text-without-text": message({"type": "text"}),
    "text-of-null": message({"type": "text", "text": None}),
    "lone-surrogate": message({"type": "text", "text": "\ud800"}),
    "only-thoughts": message({"type": "thinking", "thinking": "Hm.", "signature": "x"}),
    "no-stop-reason": message(stop_reason=None),
    "stop-reason-of-objects": message(stop_reason={}),
    "call-without-stop-reason": message(TEXT, CALL),
    "input-of-text": message({**CALL, "input": "{}"}, stop_reason="tool_use"),
    "call-without-id": message({**CALL, "id": None}, stop_reason="tool_use"),
    "call-without-name": message({**CALL, "name": 7}, stop_reason="tool_use"),
    "infinite-input": message({**CALL, "input": {"x": 1e999}}, stop_reason="tool_use"),
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
def test_an_answer_that_is_not_what_the_api_promises_is_invalid(body):
    assert failure(Provider(body=body)).kind is FailureKind.INVALID_OUTPUT


def raising(error):
    def handle(received):
        raise error

    return handle


BROKEN = {
    "connect": (httpx2.ConnectError("refused"), FailureKind.NETWORK),
    "connect-timeout": (httpx2.ConnectTimeout("slow"), FailureKind.TIMEOUT),
    "read-timeout": (httpx2.ReadTimeout("slow"), FailureKind.TIMEOUT),
    "pool-timeout": (httpx2.PoolTimeout("slow"), FailureKind.TIMEOUT),
    "read": (httpx2.ReadError("reset"), FailureKind.NETWORK),
    "protocol": (httpx2.RemoteProtocolError("what?"), FailureKind.NETWORK),
    "operating-system": (OSError("no route"), FailureKind.NETWORK),
    "program": (RuntimeError("closed"), FailureKind.NETWORK),
}


@pytest.mark.parametrize(("error", "kind"), BROKEN.values(), ids=BROKEN)
def test_a_connection_that_breaks_is_a_failure(error, kind):
    assert failure(raising(error)).kind is kind


@pytest.mark.parametrize("status", [200, 500])
def test_a_body_beyond_all_bounds_is_not_read(status):
    failed = failure(Provider(status, b" " * (LONGEST_BODY + 1)))
    assert failed.kind is FailureKind.INVALID_OUTPUT
    assert "longer than" in str(failed)


def test_a_compressed_body_is_not_unpacked():
    headers = {"content-encoding": "gzip"}
    assert failure(Provider(200, b"\x1f\x8b\x08", headers=headers)).kind is (
        FailureKind.INVALID_OUTPUT
    )
