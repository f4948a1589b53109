"""Numbers that a fix may raise: how far each may go up, whatever the fix says."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from pydantic import JsonValue

from ..definitions import Pointer


@dataclass(frozen=True, slots=True)
class Rise:
    """A number that may go up to *most*, and at once to no more than *times* what it was.

    path: the last parts of the way to it, such as `retry/max_retries`. default: what counts while
    nothing is written there; without one it has to be written already.
    """

    path: str
    most: float
    times: float | None = None
    default: float | None = None

    def is_at(self, pointer: Pointer) -> bool:
        """Whether *pointer* leads to such a number."""
        parts = tuple(self.path.split("/"))
        return pointer[-len(parts) :] == parts

    def allows(self, old: JsonValue, new: JsonValue) -> bool:
        """Whether a fix may write *new* where *old* stands; None: nothing does."""
        before = number_of(self.default if old is None else old)
        after = number_of(new)
        if before is None or after is None or not before < after <= Decimal(str(self.most)):
            return False
        return self.times is None or before == 0 or after <= before * Decimal(str(self.times))


def number_of(value: object) -> Decimal | None:
    """A number, which may be money written as text; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(value if isinstance(value, int) else str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def spelled_like(old: JsonValue, number: Decimal) -> JsonValue:
    """*number* as *old* is written: text for text, a whole number for one where it is whole."""
    if isinstance(old, str):
        return f"{number.normalize():f}"
    return int(number) if isinstance(old, int) and number == int(number) else float(number)


def shown_number(number: float | Decimal) -> str:
    """As a sentence shows it: 1,500 and 2.5, without zeros that say nothing."""
    return f"{Decimal(str(number)).normalize():,f}"
