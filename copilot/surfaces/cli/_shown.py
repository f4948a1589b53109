"""What somebody outside may have written, made fit for a terminal at the moment it is printed.

Names and ids are cleaned when they come in as well. This is for rows from before, and for servers
that did not.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from rich.text import Text

from ...pipeline.sanitize import SHORTEST_LIMIT, one_line, sanitize

LONGEST = 200
#: Characters of a sentence of ours that quotes such text.
PROSE = 2_000
_LEAST = Decimal("0.0001")


def line(value: Any, *, limit: int = LONGEST) -> str:
    """*value* on one line, without what a terminal would carry out."""
    return one_line(str(value), limit=limit)


def block(text: str) -> str:
    """*text* whole, with its lines, without what a terminal would carry out."""
    shown = sanitize(text, limit=max(len(text), SHORTEST_LIMIT)).text
    return shown.replace("\t", "    ")


def cell(value: Any) -> Text:
    """`line` for a table, where nothing is read as markup."""
    return Text(line(value))


def moment(at: datetime) -> str:
    """'2026-01-31 14:02:11', in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def usd(amount: Decimal) -> str:
    """'$0.0123'; two places where they are enough."""
    if 0 < amount < _LEAST:
        return f"less than ${_LEAST}"
    return f"${amount:,.4f}".removesuffix("00")


def counted(number: int, noun: str) -> str:
    """'1 run', '1,240 runs'."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
