"""A Go program that panicked."""

import re
from collections.abc import Sequence

from ._found import Found

TITLE = "Go panic"

_HEAD = re.compile(r"^(?:panic|fatal error): (.+)$")
_ROUTINE = re.compile(r"^goroutine \d+ \[")
#: What stands below the first of them: calls, places, registers, and other routines.
_GOES_ON = re.compile(
    r"^(?:$|\t|goroutine |created by |exit status \d|\[signal |\.\.\.|runtime[.: ]|\w{2,6} +0x|\S+\(.*\)$)"
)
_CLOSE = 12
_MOST_LINES = 200
_RECOVERED = re.compile(r" \[recovered\].*$")


def recognise(text: str) -> int:
    return 62 if "\ngoroutine " in text and ("panic: " in text or "fatal error: " in text) else 0


def read(text: str) -> list[Found]:
    lines = text.split("\n")
    heads = [at for at, line in enumerate(lines) if _HEAD.match(line)]
    found: list[Found] = []
    for at, end in zip(heads, [*heads, len(lines)][1:], strict=True):
        close = range(at, min(len(lines), at + _CLOSE))
        first = next((one for one in close if _ROUTINE.match(lines[one])), None)
        if first is None:
            continue
        place = range(at, _end(lines, first, end))
        message = _RECOVERED.sub("", lines[at].partition(": ")[2])
        trace = "\n".join(lines[at : min(place.stop, at + _MOST_LINES)])
        found.append(Found(message=message, error_type="panic", traceback=trace, lines=place))
    return found


def _end(lines: Sequence[str], first: int, end: int) -> int:
    """The line after the last one of its routines."""
    last = next((at for at in range(first, end) if not _GOES_ON.match(lines[at])), end)
    while not lines[last - 1]:
        last -= 1
    return last
