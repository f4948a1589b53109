"""Quoted text that is no value: error codes, errno names, and the sign a parser expected."""

import re

from copilot.pipeline.normalize.lexicon import MESSAGE_KEYS, is_code_key

_CODE_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]{0,60}$|-?\d{3,6}$")
_CODE_UNDER_MESSAGE = re.compile(
    r"(?:[a-z]{2,}(?:_[a-z]+)*|[A-Z]{2,}(?:_[A-Z]+)*|[A-Z][a-z]+(?:[A-Z][a-z]+)*)$"
)
_ERRNO = re.compile(r"E[A-Z]{3,14}$|EAI_[A-Z]{3,12}$")
_EXPECTING = re.compile(r"[Ee]xpect(?:ing|ed)\s$")
#: A limit a minute passes by itself, one a day does not: the period stays in the key.
_PERIOD = re.compile(r"[Pp]er[ _]?([Ss]econd|[Mm]inute|[Hh]our|[Dd]ay|[Ww]eek|[Mm]onth)")
_LONGEST_LIMIT = 120
_SIGNS = frozenset(":=")


def is_literal(content: str, key: str, before: str, after: str) -> bool:
    """Codes, errno names, 'NoneType' object, and the one character a parser expected."""
    if content == "NoneType":
        return after.startswith(" object")
    if content[:1] == "E" and _ERRNO.match(content) is not None:
        return True
    if len(content) == 1 and not content.isalnum():
        return _EXPECTING.search(before) is not None
    if not key:
        return False
    if is_code_key(key):
        return _CODE_WORD.match(content) is not None
    return key in MESSAGE_KEYS and _CODE_UNDER_MESSAGE.match(content) is not None


def period_of(content: str) -> str:
    """'day' of 'Read requests per day' or 'RequestsPerDayPerProject', '' where none is named."""
    if "er" not in content or len(content) > _LONGEST_LIMIT:
        return ""
    match = _PERIOD.search(content)
    return match[1].lower() if match is not None else ""


def name_at_end(text: str) -> str:
    """The lower-case name of `name=` or `name:` at the end of *text*, '' if there is none."""
    signed = text.rstrip()
    if signed[-1:] not in _SIGNS or len(text) - len(signed) > 1:
        return ""
    named = signed[:-1].rstrip()
    if len(signed) - len(named) > 2:
        return ""
    start = len(named)
    while start and (named[start - 1].isalnum() or named[start - 1] == "_"):
        start -= 1
    return named[start:].lower()
