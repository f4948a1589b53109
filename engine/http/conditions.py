"""ETags: which version somebody has seen, and whether it is still the newest (RFC 9110)."""

import re

from ..definition import WorkflowRecord
from ..errors import InvalidParameters, PreconditionRequired

_SEEN = re.compile(r'"(\d{1,9})(?:-\d{1,12})?"')


def workflow_etag(record: WorkflowRecord) -> str:
    """The version, and when it was paused if it is: If-Match reads only the version."""
    if record.paused is None:
        return etag(record.version)
    return f'"{record.version}-{int(record.paused.at.timestamp())}"'


def etag(version: int) -> str:
    return f'"{version}"'


def expected_version(if_match: str | None, *, newest: int | None) -> int | None:
    """The version that If-Match asks for; `*` is *newest*, whatever that is.

    None without the header. Raises `InvalidParameters` for anything but one ETag of ours.
    """
    if if_match is None:
        return None
    if if_match.strip() == "*":
        return newest
    seen = _SEEN.fullmatch(if_match.strip())
    if seen is None:
        raise InvalidParameters('If-Match is not one ETag, like "3".', parameter="If-Match")
    return int(seen[1])


def required_version(if_match: str | None, *, newest: int, method: str) -> int:
    """The same where the header must be there. Raises `PreconditionRequired` too."""
    version = expected_version(if_match, newest=newest)
    if version is None:
        raise PreconditionRequired(method)
    return version


def is_known(if_none_match: str | None, current: str) -> bool:
    """Whether the caller has this representation already."""
    if if_none_match is None:
        return False
    seen = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return current in seen or seen == ["*"]
