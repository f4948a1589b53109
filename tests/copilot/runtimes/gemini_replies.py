"""How Google refuses, and what a server can say that is no answer at all."""

from copilot.runtimes import FailureKind
from tests.copilot.runtimes.gemini_server import Reply, refusal

RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7.5s"}
A_DAY = "Quota exceeded for quota metric 'Requests' and limit 'Requests per day'"
TOO_LONG = "The input token count (9) exceeds the maximum number of tokens allowed (3)."
NOT_FOR_YOU = "Publisher Model gemini-2.5-pro is not available to new projects."
GONE = "The model gemini-2.5-pro has been retired and is no longer supported."
PERMISSION = "Permission 'aiplatform.endpoints.predict' denied on resource (or it may not exist)."

REFUSALS: dict[str, tuple[Reply, FailureKind, float | None]] = {
    "401": (refusal(401, "Request had invalid credentials."), FailureKind.AUTH, None),
    "403": (refusal(403, PERMISSION), FailureKind.AUTH, None),
    "403-model": (refusal(403, NOT_FOR_YOU), FailureKind.MODEL_UNAVAILABLE, None),
    "400-model": (refusal(400, GONE), FailureKind.MODEL_UNAVAILABLE, None),
    "404": (refusal(404, "Not found."), FailureKind.MODEL_UNAVAILABLE, None),
    "400": (refusal(400, "Invalid value at 'contents'."), FailureKind.INVALID_REQUEST, None),
    "400-long": (refusal(400, TOO_LONG), FailureKind.CONTEXT_LENGTH, None),
    "429": (refusal(429, "Resource exhausted."), FailureKind.RATE_LIMIT, None),
    "429-info": (refusal(429, "Slow.", RETRY_INFO), FailureKind.RATE_LIMIT, 7.5),
    "429-header": (Reply(429, headers={"retry-after": "3"}), FailureKind.RATE_LIMIT, 3.0),
    "429-day": (refusal(429, A_DAY), FailureKind.QUOTA, None),
    "500": (refusal(500, "Internal."), FailureKind.SERVER, None),
    "503": (refusal(503, "The model is overloaded."), FailureKind.OVERLOADED, None),
    "504": (refusal(504, "Deadline exceeded."), FailureKind.TIMEOUT, None),
    "529": (refusal(529, "Overloaded."), FailureKind.OVERLOADED, None),
}
ODD_BODIES: dict[str, bytes] = {
    "nothing": b"",
    "null": b"null",
    "number": b"5",
    "text": b'"x"',
    "list": b"[]",
    "page": b"<html>Bad gateway</html>",
    "no-utf-8": b"\xff\xfe\x00",
    "half": b'{"candidates": [{"content": {"par',
    "deep": b"[" * 100_000,
    "candidates-number": b'{"candidates": 5}',
    "candidates-null": b'{"candidates": null}',
    "candidate-null": b'{"candidates": [null]}',
    "candidate-empty": b'{"candidates": [{}]}',
    "parts-text": b'{"candidates": [{"content": {"parts": "x"}}]}',
    "part-number": b'{"candidates": [{"content": {"parts": [7]}}]}',
    "text-number": b'{"candidates": [{"content": {"parts": [{"text": 7}]}}]}',
    "call-empty": b'{"candidates": [{"content": {"parts": [{"functionCall": {}}]}}]}',
    "call-args": b'{"candidates": [{"content": {"parts": [{"functionCall": {"name": [], "args": 1}}]}}]}',
    "reason-new": b'{"candidates": [{"finishReason": "SOMETHING_NEW"}]}',
    "reason-number": b'{"candidates": [{"finishReason": 99}]}',
    "usage-text": b'{"candidates": [{}], "usageMetadata": {"promptTokenCount": "x"}}',
    "usage-huge": b'{"candidates": [{}], "usageMetadata": {"promptTokenCount": 1e99}}',
    "error-text": b'{"error": "x"}',
    "error-list": b'[{"error": {"code": 429, "message": "q"}}]',
    "error-odd": b'{"error": {"code": "x", "message": {}, "details": [5], "status": []}}',
    "not-a-number": b'{"candidates": [{"avgLogprobs": NaN, "content": {"parts": []}}]}',
}
