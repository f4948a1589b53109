"""How a call of a model can fail, the same for every provider."""

import email.utils
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._base import Usage

_LONGEST_MESSAGE = 500


class FailureKind(StrEnum):
    """The closed set; `transient` ones may go away when the same is asked again."""

    AUTH = "auth"
    RATE_LIMIT = "rate_limit"
    QUOTA = "quota"
    OVERLOADED = "overloaded"
    SERVER = "server"
    CONTEXT_LENGTH = "context_length"
    MODEL_UNAVAILABLE = "model_unavailable"
    REFUSAL = "refusal"
    CONTENT_FILTER = "content_filter"
    TRUNCATED = "truncated"
    INVALID_OUTPUT = "invalid_output"
    INVALID_REQUEST = "invalid_request"
    TIMEOUT = "timeout"
    NETWORK = "network"
    NOT_READY = "not_ready"

    @property
    def transient(self) -> bool:
        return self in _TRANSIENT


_TRANSIENT = frozenset(
    {FailureKind.RATE_LIMIT, FailureKind.OVERLOADED, FailureKind.SERVER, FailureKind.NETWORK}
)


class ModelFailure(Exception):
    """One call that gave no usable answer, with what it used all the same.

    `retry_after` is in seconds from now, as the provider asked for. `status` is the HTTP status.
    The message is a provider's: for the log of an operator, never for a report.
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        retry_after: float | None = None,
        status: int | None = None,
        usage: "Usage | None" = None,
    ) -> None:
        super().__init__(f"{kind}: {message[:_LONGEST_MESSAGE]}")
        self.kind = kind
        self.retry_after = retry_after
        self.status = status
        self.usage = usage


def retry_after(headers: Mapping[str, str] | None) -> float | None:
    """Seconds to wait by `retry-after-ms` or `Retry-After` (RFC 9110: seconds or a date)."""
    if headers is None:
        return None
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is not None or text is None:
        return seconds
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _number(text: str | None) -> float | None:
    """A number from 0 to a day, as providers mean it; None for anything else."""
    try:
        value = float(text) if text else -1.0
    except ValueError:
        return None
    return value if 0 <= value <= 86_400_000 else None
