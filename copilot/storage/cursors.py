"""Where a page of a list ended, as text that its reader passes back unread."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from ..errors import InvalidInput

_LARGEST = 2**63 - 1


def write_number(form: str, number: int) -> str:
    """The cursor of a list called *form* that is ordered by a number."""
    return urlsafe_b64encode(f"{form}:{number}".encode()).decode().rstrip("=")


def read_number(form: str, cursor: str) -> int:
    """Raises InvalidInput for what `write_number` did not give for this list."""
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except ValueError:
        text = ""
    number = text.removeprefix(f"{form}:")
    plain = text.startswith(f"{form}:") and number.isdigit() and len(number) < 20
    # written back, since other texts decode to the same bytes
    if not plain or int(number) > _LARGEST or write_number(form, int(number)) != cursor:
        raise InvalidInput("cursor", "it is not one that a page gave.", "Start without a cursor.")
    return int(number)
