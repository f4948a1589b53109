"""Which numbers stay in the key because they change the remedy: HTTP and SMTP status, error codes."""

import re

from copilot.pipeline.normalize import marks
from copilot.pipeline.normalize.lexicon import (
    CLIENT_OR_SERVER,
    CODE_LEADS,
    STATUS_LEADS,
    WEAK_STATUS_LEADS,
    is_code_key,
    words,
)

_STATUS = re.compile(r"[1-5]\d\d$")
_FAILING = re.compile(r"[345]\d\d$")
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}$")
_PROVIDER_CODE = re.compile(r"\d{3,6}$")
_RPC_CODE = re.compile(r"-32\d{3}$")
_EXIT = words(
    """
    exit exited exitcode exit_code returncode return_code rc signal status:exit
    """
)
_CODE_VALUE = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]{1,60}$|-?\d{3,6}$")
_WORD_EDGE = "()[]{}<>\"',.;:#" + marks.JSON_KEY


_NAMES_ASIDE = frozenset(
    marks.ASIDE + mark for mark in (marks.URL, marks.HOST, marks.PATH, marks.NAME, marks.ID)
)


def may_keep_number(core: str, before: str) -> bool:
    """Whether *core* behind the word *before* may stay, whatever else stands around it."""
    if len(core) == 3 and "1" <= core[0] <= "5":
        return True
    if "." in core and _ENHANCED.match(core) is not None:
        return True
    return before.strip(_WORD_EDGE).lower() in _LEADS


def keeps_number(core: str, out: list[str], following: list[str], has_status: bool) -> str:
    """'status' or 'code' when the number stays, 'exit' for an exit code, '' for any other.

    The first status in a text decides: behind it, numbers called a code are numbers.
    """
    last = out[-1] if out else ""
    before = last.strip(_WORD_EDGE).lower()
    if (before in _EXIT or before in _EXIT_SECOND) and _is_exit(before, out):
        return "exit"
    first = not has_status or marks.JSON_KEY in last
    if first and len(core) == 3 and _is_status(core, before, out, following):
        return "status"
    return "code" if _is_code(core, before, first=first) else ""


def _is_code(core: str, before: str, *, first: bool) -> bool:
    if before in CODE_LEADS:
        if core.startswith("-32"):
            return _RPC_CODE.match(core) is not None
        return before == "errno" or (first and _PROVIDER_CODE.match(core) is not None)
    if before in _NAMING_LEADS:
        return True
    return "." in core and _ENHANCED.match(core) is not None and _STATUS.match(before) is not None


_EXIT_SECOND = frozenset({"code", "status", "value"})
_NAMING_LEADS = frozenset({"winerror", "sqlstate"})
_LEADS = _EXIT | _EXIT_SECOND | _NAMING_LEADS | CODE_LEADS | STATUS_LEADS


def _is_exit(before: str, out: list[str]) -> bool:
    if before in _EXIT:
        return True
    return any(word.strip(_WORD_EDGE).lower() in _EXIT for word in out[-4:-1])


def _is_status(core: str, before: str, out: list[str], following: list[str]) -> bool:
    if before in STATUS_LEADS:
        return _STATUS.match(core) is not None
    if _FAILING.match(core) is None:
        return False
    after = following[0] if following else ""
    reason = after.strip(_WORD_EDGE).lower()
    if _ENHANCED.match(reason) is not None:
        return True
    if not out:
        return after[:1].isalpha() or after[:1] in "{(-" or after[:2] in _NAMES_ASIDE
    if after[:1].isupper() and reason in CLIENT_OR_SERVER:
        return True
    if before in {"got", "received", "returned"} and reason in {"from", "response", "error"}:
        return True
    strong = not after or not after[0].islower()
    return before in WEAK_STATUS_LEADS and (strong or reason in CLIENT_OR_SERVER)


def keeps_pair(name: str, value: str) -> str:
    """'code' when `name=value` stays because the value is a code, 'exit' for an exit code."""
    key = name.strip("-= ").lower()
    if key in _EXIT:
        return "exit"
    if is_code_key(key) and _CODE_VALUE.match(value) is not None:
        return "code"
    return ""
