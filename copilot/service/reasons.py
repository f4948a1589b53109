"""Why somebody decided something, as they may write it."""

from ..errors import InvalidInput
from ..pipeline.sanitize import one_line

LONGEST_REASON = 500


def checked_reason(reason: str) -> str:
    """*reason* on one line, without what nobody sees. Raises InvalidInput for a longer one."""
    if len(reason) > LONGEST_REASON:
        problem = f"has {len(reason)} characters."
        raise InvalidInput("reason", problem, f"At most {LONGEST_REASON} fit.")
    return one_line(reason, limit=LONGEST_REASON)
