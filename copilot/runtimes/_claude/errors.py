"""What an error of Anthropic's Messages API means."""

from collections.abc import Mapping
from typing import Any, cast

from .._base import Usage
from .._failures import FailureKind, ModelFailure, retry_after

__all__ = ["failure_in_stream", "failure_of_status"]

_BY_STATUS = {
    400: FailureKind.INVALID_REQUEST,
    401: FailureKind.AUTH,
    402: FailureKind.QUOTA,
    403: FailureKind.AUTH,
    408: FailureKind.TIMEOUT,
    413: FailureKind.CONTEXT_LENGTH,
    429: FailureKind.RATE_LIMIT,
    503: FailureKind.OVERLOADED,
    504: FailureKind.TIMEOUT,
    529: FailureKind.OVERLOADED,
}
#: For a stream that has begun well, and for what a gateway sends with a status of its own.
_BY_TYPE = {
    "api_error": FailureKind.SERVER,
    "authentication_error": FailureKind.AUTH,
    "billing_error": FailureKind.QUOTA,
    "invalid_request_error": FailureKind.INVALID_REQUEST,
    "not_found_error": FailureKind.MODEL_UNAVAILABLE,
    "overloaded_error": FailureKind.OVERLOADED,
    "permission_error": FailureKind.AUTH,
    "rate_limit_error": FailureKind.RATE_LIMIT,
    "request_too_large": FailureKind.CONTEXT_LENGTH,
    "timeout_error": FailureKind.TIMEOUT,
}
_BY_CODE = {
    "contract_spend_limit_reached": FailureKind.QUOTA,
    "enforced_spend_limit_reached": FailureKind.QUOTA,
    "linked_organization_billing_unavailable": FailureKind.QUOTA,
    "linked_organization_spend_limit_reached": FailureKind.QUOTA,
}
#: The API gives these no code of their own: only the words tell them from a wrong request.
_BY_WORDS = (
    ("prompt is too long", FailureKind.CONTEXT_LENGTH),
    ("exceed context limit", FailureKind.CONTEXT_LENGTH),
    ("credit balance is too low", FailureKind.QUOTA),
    ("content filtering policy", FailureKind.CONTENT_FILTER),
)


def failure_of_status(
    status: int, body: object, headers: Mapping[str, str], *, secret: str
) -> ModelFailure:
    """The failure that a response of *status* is, not a good one; *body* may be anything.

    *secret*, which a gateway may repeat, is not in the message.
    """
    error = _error(body)
    message = _text(error, "message") or f"HTTP {status} without a message"
    message = message.replace(secret, "***")
    return ModelFailure(
        _kind(error, status), message, retry_after=retry_after(headers), status=status
    )


def failure_in_stream(event: object, *, usage: Usage) -> ModelFailure:
    """The failure that ends a stream which had begun, with what was used till then."""
    error = _error(event)
    message = _text(error, "message") or "an error without a message"
    return ModelFailure(_kind(error, None), message, usage=usage)


def _kind(error: Mapping[str, Any], status: int | None) -> FailureKind:
    by_code = _BY_CODE.get(_text(_object(error.get("details")), "error_code"))
    if by_code:
        return by_code
    type_ = _text(error, "type")
    if status in (None, 400):
        message = _text(error, "message").lower()
        for words, kind in _BY_WORDS:
            if words in message:
                return kind
    if status is None:
        return _BY_TYPE.get(type_, FailureKind.INVALID_OUTPUT)
    if status == 404 and type_ != "not_found_error":
        return FailureKind.INVALID_REQUEST  # a wrong address, not a wrong model
    by_default = FailureKind.SERVER if status >= 500 else FailureKind.INVALID_REQUEST
    return _BY_STATUS.get(status) or _BY_TYPE.get(type_, by_default)


def _error(body: object) -> Mapping[str, Any]:
    return _object(_object(body).get("error"))


def _object(value: object) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], value) if isinstance(value, dict) else {}


def _text(parent: Mapping[str, Any], name: str) -> str:
    value = parent.get(name)
    return value if isinstance(value, str) else ""
