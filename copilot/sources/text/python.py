"""A Python program that ended with a traceback."""

from . import _python_traces
from ._found import Found

TITLE = "Python traceback"


def recognise(text: str) -> int:
    return 60 if "Traceback (most recent call last)" in text else 0


def read(text: str) -> list[Found]:
    return _python_traces.read(text)
