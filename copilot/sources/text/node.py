"""A JavaScript program that ended with a stack."""

import re

from . import _stacks
from ._found import Found

TITLE = "Node.js stack"

_FRAME = re.compile(r"^\s+at .{1,400}:\d+:\d+\)?(?: \{)?$", re.MULTILINE)


def recognise(text: str) -> int:
    return 55 if _FRAME.search(text) else 0


def read(text: str) -> list[Found]:
    return _stacks.read(text, _stacks.NODE)
