"""Where a page ended, as opaque text: the last row's place in the order, and nothing secret."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

from ..errors import InvalidCursor

_LONGEST = 500


def write(created_at: datetime, identifier: str) -> str:
    """The cursor after the row with this time and id."""
    text = json.dumps([created_at.astimezone(UTC).isoformat(), identifier])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(cursor: str) -> tuple[datetime, str]:
    """What `write` was given. Raises `InvalidCursor`."""
    if len(cursor) > _LONGEST or not cursor.isascii():
        raise InvalidCursor
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        parts: Any = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        moment, identifier = parts
        local = datetime.fromisoformat(moment)
        created_at = local.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise InvalidCursor from None
    if local.tzinfo is None or not _is_storable(identifier):
        raise InvalidCursor
    return created_at, identifier


def _is_storable(identifier: Any) -> bool:
    return isinstance(identifier, str) and identifier.isascii() and identifier.isprintable()
