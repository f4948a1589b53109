"""What an HTTP answer means for a step."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ..errors import (
    AuthFailed,
    Conflict,
    InvalidData,
    InvalidParameters,
    PermissionDenied,
    QuotaExhausted,
    RateLimited,
    ResourceNotFound,
    StepError,
    UpstreamFailed,
)

LONGEST_EXCERPT = 500
LONGEST_WAIT = 86_400.0

_MEANINGS: Mapping[int, tuple[type[StepError], str]] = {
    401: (AuthFailed, "refused the credentials"),
    402: (QuotaExhausted, "says the plan is used up"),
    403: (PermissionDenied, "does not allow this"),
    404: (ResourceNotFound, "was not found"),
    407: (AuthFailed, "refused the credentials"),
    408: (UpstreamFailed, "waited too long for the request"),
    409: (Conflict, "says this is in conflict with what is there"),
    410: (ResourceNotFound, "is gone"),
    412: (Conflict, "has changed meanwhile"),
    423: (Conflict, "is locked"),
    425: (UpstreamFailed, "is not ready yet"),
    429: (RateLimited, "received too many requests"),
}
_TOO_LARGE = 413
_NOTHING_DONE = frozenset({501, 503, 529})


def failure(
    address: str, status: int, *, headers: Mapping[str, str], excerpt: str
) -> StepError | None:
    """The error that an answer with *status* stands for; None for 2xx.

    `details` has `status`, `name`, and `body`, the beginning of what the other side said. `sent` is
    true where the request may have been carried out all the same.
    """
    if 200 <= status < 300:
        return None
    details: dict[str, str | int | float] = {
        "status": status,
        "name": address,
        "body": excerpt[:LONGEST_EXCERPT],
    }
    if 300 <= status < 400:
        return _moved(address, status, headers.get("location", ""))
    kind, meaning = _MEANINGS.get(status, (InvalidData, "did not accept the request"))
    if status >= 500:
        kind, meaning = UpstreamFailed, "failed"
        details["sent"] = status not in _NOTHING_DONE
    if kind is ResourceNotFound:
        details["kind"] = "address"
    if status == _TOO_LARGE:
        details["kind"] = "payload"
    wait = retry_after(headers.get("retry-after"))
    if wait is not None:
        details["retry_after"] = wait
    return kind(f"{address} {meaning} ({status})", **details)


def _moved(address: str, status: int, location: str) -> StepError:
    target = f" to {location[:200]}" if location else ""
    return InvalidParameters(
        f"{address} has moved{target} ({status}). Redirects are not followed: use that address",
        parameter="url",
        status=status,
        location=location[:1000],
    )


def retry_after(value: str | None) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110, 10.2.3), at most a day; None if unclear."""
    if value is None:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return min(float(value[:20]), LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((aware - datetime.now(UTC)).total_seconds(), 0.0), LONGEST_WAIT)
