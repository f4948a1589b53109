"""What went wrong in a call of OpenAI's API, or of a server that speaks it, in our own kinds."""

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, cast

import httpx2
from pydantic import SecretStr

from .._base import Usage
from .._failures import FailureKind, ModelFailure, retry_after
from .._http import TooLong

if TYPE_CHECKING:
    from openai import APIConnectionError, APIError

__all__ = ["FailureReader"]

#: What the SDK raises for bodies it was not made for, beside its own errors.
_ODD = (ArithmeticError, AssertionError, AttributeError, LookupError, OSError)
_ODD_TOO = (RuntimeError, TypeError, ValueError)
_LOOKED_AT = 4_000

#: What is sure whatever the status.
_BY_CODE = {
    "insufficient_quota": FailureKind.QUOTA,
    "billing_hard_limit_reached": FailureKind.QUOTA,
    "billing_not_active": FailureKind.QUOTA,
    "credits_exhausted": FailureKind.QUOTA,
    "context_length_exceeded": FailureKind.CONTEXT_LENGTH,
    "string_above_max_length": FailureKind.CONTEXT_LENGTH,
    "exceed_context_size_error": FailureKind.CONTEXT_LENGTH,
    "content_filter": FailureKind.CONTENT_FILTER,
    "content_policy_violation": FailureKind.CONTENT_FILTER,
    "invalid_prompt": FailureKind.CONTENT_FILTER,
    "bio_policy": FailureKind.CONTENT_FILTER,
    "cyber_policy": FailureKind.CONTENT_FILTER,
    "misalignment_policy_violation": FailureKind.CONTENT_FILTER,
    "model_not_found": FailureKind.MODEL_UNAVAILABLE,
    "model_not_available": FailureKind.MODEL_UNAVAILABLE,
    "model_deprecated": FailureKind.MODEL_UNAVAILABLE,
    "deploymentnotfound": FailureKind.MODEL_UNAVAILABLE,
    "invalid_api_key": FailureKind.AUTH,
    "server_is_overloaded": FailureKind.OVERLOADED,
    "overloaded_error": FailureKind.OVERLOADED,
    "slow_down": FailureKind.OVERLOADED,
}
#: What is only looked at when an answer of status 200 carries it.
_BY_CODE_ALONE = {
    "rate_limit_exceeded": FailureKind.RATE_LIMIT,
    "rate_limit_error": FailureKind.RATE_LIMIT,
    "authentication_error": FailureKind.AUTH,
    "permission_error": FailureKind.AUTH,
    "invalid_request_error": FailureKind.INVALID_REQUEST,
    "data_residency_mismatch": FailureKind.INVALID_REQUEST,
}
_BY_STATUS = {
    401: FailureKind.AUTH,
    402: FailureKind.QUOTA,
    403: FailureKind.AUTH,
    404: FailureKind.MODEL_UNAVAILABLE,
    408: FailureKind.TIMEOUT,
    409: FailureKind.SERVER,
    410: FailureKind.MODEL_UNAVAILABLE,
    413: FailureKind.CONTEXT_LENGTH,
    429: FailureKind.RATE_LIMIT,
    503: FailureKind.OVERLOADED,
    504: FailureKind.TIMEOUT,
    529: FailureKind.OVERLOADED,
}
#: Servers without codes say it in words. A rate limit in words would be any limit: not here.
_BY_WORDS = (
    (
        frozenset({400, 413, 422, 500}),
        re.compile(r"maximum context length|context (?:window|size)|prompt is too long"),
        FailureKind.CONTEXT_LENGTH,
    ),
    (
        frozenset({400, 403, 422, 500}),
        re.compile(
            r"\bmodel\b.{0,200}(?:not found|not exist|deprecated|decommissioned|retired"
            r"|no longer (?:available|supported))"
        ),
        FailureKind.MODEL_UNAVAILABLE,
    ),
    (
        frozenset({400, 403, 429}),
        re.compile(r"current quota|insufficient (?:quota|credit|balance|funds)"),
        FailureKind.QUOTA,
    ),
)


class _Said(NamedTuple):
    """An error as a server words it: its text, its codes in lower case, a status if it has one."""

    text: str
    codes: tuple[str, ...]
    status: int | None


class FailureReader:
    """Reads failures; a server that echoes the *key* does not get it into a message."""

    def __init__(self, key: SecretStr | None) -> None:
        self._key = key.get_secret_value() if key else ""

    def failure(
        self,
        kind: FailureKind,
        text: str,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        usage: Usage | None = None,
    ) -> ModelFailure:
        text = text.replace(self._key, "[key]") if self._key else text
        wait = retry_after(headers)
        return ModelFailure(kind, text, retry_after=wait, status=status, usage=usage)

    def told(self, error: object, *, usage: Usage | None = None) -> ModelFailure:
        """Of an error that stands in an answer although its status was 200."""
        said = _said(error, "no reason was given")
        return self.failure(_kind(said, said.status), said.text, status=said.status, usage=usage)

    @contextmanager
    def during(self, odd: FailureKind) -> Generator[None]:
        """Whatever is raised inside becomes a ModelFailure, of kind *odd* if nothing is known."""
        from openai import APIConnectionError, APIError, OpenAIError

        try:
            yield
        # `from None`: what the causes hold may hold the key
        except APIConnectionError as error:
            raise self._of_connection(error) from None
        except APIError as error:
            raise self._of_api(error) from None
        except httpx2.HTTPError as error:
            raise self._of_transport(error) from None
        except (OpenAIError, httpx2.InvalidURL, *_ODD, *_ODD_TOO) as error:
            raise self.failure(odd, f"{type(error).__name__}: {error}") from None

    def _of_connection(self, error: "APIConnectionError") -> ModelFailure:
        from openai import APITimeoutError

        if isinstance(error, APITimeoutError):
            return self.failure(FailureKind.TIMEOUT, "no answer in time")
        cause = error.__cause__
        if isinstance(cause, httpx2.HTTPError):
            return self._of_transport(cause)
        return self.failure(FailureKind.NETWORK, f"{error} {type(cause).__name__}")

    def _of_transport(self, error: httpx2.HTTPError) -> ModelFailure:
        match error:
            case httpx2.TimeoutException():
                kind = FailureKind.TIMEOUT
            case TooLong() | httpx2.DecodingError():
                kind = FailureKind.INVALID_OUTPUT
            case _:
                kind = FailureKind.NETWORK
        return self.failure(kind, f"{type(error).__name__}: {error}")

    def _of_api(self, error: "APIError") -> ModelFailure:
        from openai import APIStatusError

        if not isinstance(error, APIStatusError):
            return self.told(error.body)
        status, response = error.status_code, error.response
        raw = response.content[:_LOOKED_AT].decode("utf-8", "replace")
        said = _said(error.body, raw or f"status {status}")
        return self.failure(_kind(said, status), said.text, status=status, headers=response.headers)


def _said(error: object, otherwise: str) -> _Said:
    if isinstance(error, str):
        return _Said(error or otherwise, (), None)
    if not isinstance(error, Mapping):
        return _Said(otherwise, (), None)
    body = cast("Mapping[str, object]", error)
    named = [body.get(name) for name in ("code", "type", "param")]
    words = [value for value in (*named, body.get("message")) if isinstance(value, str) and value]
    has_message = isinstance(body.get("message"), str)
    codes = tuple(value.lower() for value in named[:2] if isinstance(value, str))
    number = named[0]
    is_status = isinstance(number, int) and 400 <= number <= 599
    text = ": ".join(words) if has_message else otherwise
    return _Said(text, codes, cast("int", number) if is_status else None)


def _kind(said: _Said, status: int | None) -> FailureKind:
    known = _BY_CODE if status is not None else _BY_CODE | _BY_CODE_ALONE
    for code in said.codes:
        if code in known:
            return known[code]
    text = said.text[:_LOOKED_AT].lower()
    for statuses, words, kind in _BY_WORDS:
        if (status is None or status in statuses) and words.search(text):
            return kind
    return FailureKind.SERVER if status is None else _by_status(status)


def _by_status(status: int) -> FailureKind:
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status < 400:  # a redirect, which is not followed, or nothing that HTTP knows
        return FailureKind.NETWORK
    return FailureKind.SERVER if status >= 500 else FailureKind.INVALID_REQUEST
