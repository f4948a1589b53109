"""A .NET program that ended with a stack trace."""

import re

from . import _stacks
from ._found import Found

TITLE = ".NET stack trace"

_SIGN = re.compile(r"^\s+at (?:[A-Z]\w{0,80}\.){1,10}[\w<>`$]{1,100}\(.{0,300}\)", re.MULTILINE)


def recognise(text: str) -> int:
    return 52 if "Exception" in text and "   at " in text and _SIGN.search(text) else 0


def read(text: str) -> list[Found]:
    return _stacks.read(text, _stacks.DOTNET)
