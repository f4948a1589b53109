"""Times to come, as people type them."""

import re
from datetime import UTC, datetime, timedelta

from ...errors import InvalidInput

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"(\d{1,6})([mhdw])")


def moment_of(text: str, now: datetime) -> datetime:
    """When '90d' from *now* is, or the start of a date in UTC. Raises InvalidInput."""
    duration = _DURATION.fullmatch(text.strip())
    try:
        if duration is not None:
            return now + timedelta(**{_UNITS[duration[2]]: int(duration[1])})
        moment = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        advice = "Write 90d, 12h, or a date such as 2027-01-31."
        raise InvalidInput("--expires", f"{text!r} is no time that is known.", advice) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
