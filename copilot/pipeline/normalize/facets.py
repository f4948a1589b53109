"""Facts beside the key that a template still shows: status, provider code, errno, SQLSTATE."""

import re

from copilot.pipeline.normalize.lexicon import ERRNO_NAMES, words

_STATUS = re.compile(
    r"(?:(?:status|statuscode|status_code|http|https|code|error|failed|returned|api error)\W{1,4}"
    r"(?:code\W{1,3})?|^|\(|\[|\b(?:HTTP/[\d.]+ ))([1-5]\d\d)(?![\w.])",
    re.IGNORECASE,
)
_CODE_IN_JSON = re.compile(
    r"(?:[{,\[(] ?|^)(?:code|type|reason|status|error): ?([A-Za-z][A-Za-z0-9_.]{3,60})(?=[,}\])])"
    r"|\b(?:code|reason)=([A-Za-z][A-Za-z0-9_.]{3,60})"
)
_CODE_IN_TEXT = re.compile(
    r"An error occurred \(([A-Za-z0-9.]{2,60})\)|\b(ER_[A-Z_]+|E11\d{3}|ORA-\d{5}|AADSTS\d{4,7}|P[12]\d{3})\b"
    r"|^([A-Z][A-Z0-9]*_[A-Z0-9_]+):|(?:error|code):? (-32\d{3}|\d{4,6})\b",
    re.IGNORECASE,
)
_SQLSTATE = re.compile(
    r"SQLSTATE[\[=: (]{1,2}([0-9A-Z]{5})\b|\((\d\d[0-9A-Z]\d\d)\)|\b(?:ERROR|Error) \d{4} \(([0-9A-Z]{5})\)"
)
_ERRNO = re.compile(
    r"\b(E(?:ACCES|PERM|NOENT|IO|EXIST|NOTDIR|ISDIR|INVAL|MFILE|NFILE|NOSPC|ROFS|PIPE|AGAIN|NOMEM|BUSY"
    r"|CONN[A-Z]+|TIMEDOUT|SOCKETTIMEDOUT|HOSTUNREACH|NETUNREACH|NOTFOUND|AI_[A-Z]+|ADDRINUSE|ADDRNOTAVAIL|PROTO|DQUOT))\b"
)
_PLAIN_CODES = words("false failed unknown null true none error")


def read_facets(exception: str, exemplar: str) -> dict[str, str]:
    """The facets of a template; a facet that is not there has no entry."""
    found = {
        "status": _first(_STATUS, exemplar),
        "code": _code(exemplar),
        "errno": _first(_ERRNO, exemplar) or _spoken_errno(exemplar),
        "sqlstate": _first(_SQLSTATE, exemplar),
        "exception": exception,
    }
    return {name: value for name, value in found.items() if value}


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return next((group for group in match.groups() if group), "") if match is not None else ""


def _code(text: str) -> str:
    found = [first or second for first, second in _CODE_IN_JSON.findall(text)]
    codes = [code for code in found if code.lower() not in _PLAIN_CODES]
    specific = [code for code in codes if "_" in code or not code.islower()]
    return _first(_CODE_IN_TEXT, text) or (specific or codes or [""])[-1]


def _spoken_errno(text: str) -> str:
    lowered = text.lower()
    if "errno" not in lowered and "winerror" not in lowered:
        return ""
    return next((name for words, name in ERRNO_NAMES.items() if words in lowered), "")
