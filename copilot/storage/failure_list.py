"""Failed runs as a list that is read page by page, the newest first."""

import base64
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, exists, select, tuple_

from ..characters import HIDDEN_RUN, SURROGATE
from ..errors import InvalidInput
from ..types.insight import FailureSummary
from ..types.page import Page
from .tables import FAILURE

MOST = 200
_LONGEST_ERROR = 300
_LONGEST_CURSOR = 200
_WHOLE = re.compile(r"[0-9]{1,10}")
_LARGEST_ID = 2**31 - 1

_LATER = FAILURE.alias()
#: A run that failed again after a resume is shown with its newest failure only.
_NEWEST_OF_RUN = ~exists().where(
    _LATER.c.workspace_id == FAILURE.c.workspace_id,
    _LATER.c.execution_id == FAILURE.c.execution_id,
    tuple_(_LATER.c.occurred_at, _LATER.c.id) > tuple_(FAILURE.c.occurred_at, FAILURE.c.id),
)


def read_page(
    connection: Connection,
    workspace_id: str,
    *,
    workflow_id: str | None,
    cursor: str | None,
    limit: int,
) -> Page[FailureSummary]:
    """*limit*: from 1 to 200. Raises InvalidInput for another one, and for a bad cursor."""
    if not 1 <= limit <= MOST:
        raise InvalidInput("limit", f"{limit} is not from 1 to {MOST}.", "")
    wanted = (
        select(FAILURE)
        .where(FAILURE.c.workspace_id == workspace_id, _NEWEST_OF_RUN)
        .order_by(FAILURE.c.occurred_at.desc(), FAILURE.c.id.desc())
        .limit(limit + 1)
    )
    if workflow_id is not None:
        wanted = wanted.where(FAILURE.c.workflow_id == workflow_id)
    if cursor is not None:
        moment, failure_id = _place(cursor)
        # said twice: the first is what an index can be entered with
        wanted = wanted.where(
            FAILURE.c.occurred_at <= moment,
            (FAILURE.c.occurred_at < moment) | (FAILURE.c.id < failure_id),
        )
    rows = connection.execute(wanted).all()
    more = len(rows) > limit
    shown: Sequence[Row[Any]] = rows[:limit]
    return Page[FailureSummary](
        items=tuple(map(_summary, shown)), next_cursor=_cursor(shown[-1]) if more else None
    )


def _summary(row: Row[Any]) -> FailureSummary:
    return FailureSummary(
        execution_id=row.execution_id,
        workflow_id=row.workflow_id,
        workflow_version=row.workflow_version,
        step_number=row.step_number,
        action=row.action,
        label=row.label,
        signature=row.signature,
        error=_one_line(json.loads(row.error)["message"]),
        occurred_at=row.occurred_at,
        test_mode=row.test_mode,
    )


def _one_line(message: str) -> str:
    shown = HIDDEN_RUN.sub(" ", SURROGATE.sub("\ufffd", message))
    line = " ".join(shown.split())
    return line if len(line) <= _LONGEST_ERROR else f"{line[: _LONGEST_ERROR - 1]}…"


def _cursor(row: Row[Any]) -> str:
    place = f"{row.occurred_at.astimezone(UTC).isoformat()} {row.id}"
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _place(cursor: str) -> tuple[datetime, int]:
    try:
        if len(cursor) > _LONGEST_CURSOR:
            raise ValueError
        padded = (cursor + "=" * (-len(cursor) % 4)).encode("ascii")
        moment, _, number = (
            base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii").partition(" ")
        )
        written = datetime.fromisoformat(moment)
        if written.tzinfo is None or _WHOLE.fullmatch(number) is None:
            raise ValueError
        if int(number) > _LARGEST_ID:
            raise ValueError
        occurred_at = written.astimezone(UTC)
    except (ValueError, OverflowError):
        problem = "it is not the cursor of a page."
        raise InvalidInput("cursor", problem, "Give next_cursor of the page before.") from None
    return occurred_at, int(number)
