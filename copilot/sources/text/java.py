"""A program of the Java machine that ended with a stack trace."""

from . import _stacks
from ._found import Found

TITLE = "Java stack trace"

_FILES = (".java:", ".kt:", ".scala:", "(Native Method)", "(Unknown Source)")


def recognise(text: str) -> int:
    return (
        58
        if "\tat " in text.replace("    at ", "\tat ") and any(map(text.__contains__, _FILES))
        else 0
    )


def read(text: str) -> list[Found]:
    return _stacks.read(text, _stacks.JAVA)
