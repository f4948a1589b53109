"""What would have to be seen to tell more, named so that a person can go and get it."""

import re
from collections.abc import Iterator
from datetime import datetime

from ...wrappers import is_empty

MOST_COLLECTED = 4
#: Characters of a message that are looked at for what it lacks.
MOST_READ = 1_000
SAMPLE = 600

_STATUS = re.compile(
    r"\b(?:status(?: code)?|http(?:/\d(?:\.\d)?)?|code|error)\D{0,12}([45]\d\d)\b|\b([45]\d\d)\s(?:[A-Z][a-z]|client|server)",
    re.I,
)
_EXIT = re.compile(
    r"\b(?:return|exit) (?:code|status)\b|\bsigkill\b|\bkilled\b|\bcrashed\b|exited", re.I
)
_BODY = re.compile(r"[{\[]\s*\\?[\"']|<html|response|body", re.I)
_CUT = re.compile(r"(?:…|\.\.\.)\s*$|\[truncated|characters left out|truncated")


def to_collect(
    message: str,
    error_type: str | None,
    traceback: str | None,
    *,
    step: str | None,
    occurred_at: datetime | None,
) -> tuple[str, ...]:
    """What is missing in an error that could not be told, or not surely; the most telling first."""
    at = f" of {step}" if step else ""
    found = list(_wanted(message, error_type, traceback, at, occurred_at))
    return tuple(dict.fromkeys(found))[:MOST_COLLECTED]


def _wanted(
    message: str, error_type: str | None, traceback: str | None, at: str, moment: datetime | None
) -> Iterator[str]:
    head = message[:MOST_READ]
    yield from _of_the_text(head, message[-200:], at)
    if traceback is None or not traceback.strip():
        yield f"the traceback{at}"
    if not error_type:
        yield f"the class of the exception{at}"
    if is_empty(message):
        when = f" around {moment:%H:%M} UTC" if moment else " from the time of the failure"
        yield f"the worker's log{when}"


def _of_the_text(head: str, tail: str, at: str) -> Iterator[str]:
    """What its text lacks, and where the rest of it is to be had."""
    if not head.strip():
        yield f"the error text{at}: there is none"
    elif _is_unreadable(head):
        yield f"the error text{at} as text: this is binary, or one character over and over"
    elif _is_foreign(head):
        yield f"the error{at} in English, or its code: numbers mean the same in every language"
    if (status := _STATUS.search(head)) and not _BODY.search(head):
        yield f"the response body of the {status[1] or status[2]}{at}"
    if _EXIT.search(head):
        yield f"the last 50 lines that the process{at} wrote before it ended"
    if _CUT.search(tail):
        yield f"the whole error text{at}: it was cut"


def _is_unreadable(text: str) -> bool:
    sample = text[:SAMPLE]
    odd = sum(1 for letter in sample if not letter.isprintable() and letter not in "\n\r\t")
    return odd * 10 > len(sample) or (len(text) > 20 and len(set(text)) < 3)


def _is_foreign(text: str) -> bool:
    """Whether more than a twentieth of its letters are none that English has."""
    if text.isascii():
        return False
    letters = [letter for letter in text[:SAMPLE] if letter.isalpha()]
    return len(letters) > 5 and sum(1 for one in letters if not one.isascii()) * 20 > len(letters)
