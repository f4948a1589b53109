"""Names that a whole template gives away: its first word, a type that came instead, '[name]'."""

import re
from collections.abc import Callable

from copilot.pipeline.normalize import marks
from copilot.pipeline.normalize.lexicon import is_code_key, words
from copilot.pipeline.normalize.walk import Walk

_FIRST_WORD = re.compile(
    r"^([A-Za-z_$][\w$]{0,80}) (?=is not (?:defined|a function|iterable|a constructor)\b"
    r"|cannot be resolved to )",
    re.ASCII,
)
_COMMAND = re.compile(r"(?:^|: )([\w.\-]{1,60}): (?=(?:command )?not found\b)", re.ASCII)
_SYSCALL = re.compile(
    r"\b((?:getaddrinfo|connect|querya?|lookup) (?:E[A-Z_]{4,14}) )([A-Za-z_][\w.\-]{0,120})(?=$|[ ,;)])",
    re.ASCII,
)
_TYPES = words(
    """
    str int float bool bytes dict list tuple set object None NoneType string number integer array
    boolean null function method type module class Decimal datetime date bytearray complex
    generator coroutine Series DataFrame ndarray frozenset iterator callable Timestamp
    float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 complex64 complex128
    """
)
_HUMPS = re.compile(r"[A-Z][a-z0-9]+[A-Z]\w*$|[A-Z]{2,}[a-z]\w*$", re.ASCII)
_TYPE_WORD = re.compile(
    r"((?<=[ ,])[Gg]ot |[Ff]ound |[Rr]eceived |(?<=, )not (?:an? )?|(?<= but )not (?:an? )?|[Oo]f type )"
    r"([A-Za-z_][\w.]{0,60})(?=\.?$| is not JSON| is not iterable| instead\b| type\.?$)",
    re.ASCII,
)
_TYPE_AFTER = re.compile(
    r"\b((?:[Oo]f )?d?type |[Cc]lass |[Ii]nstance of |[Ss]ubclass of )"
    r"([A-Za-z_]\w{1,60})(?=$|[ ,.;:)])",
    re.ASCII,
)
_CALLED = re.compile(r"^([^\s()]{1,120}\(\)) (?=missing |got |takes )")
_TOKEN = re.compile(r"([Uu]nexpected token )(\S{1,40})(?= in JSON| at position|$)")
_LOOKUP = re.compile(r"(\blookup )([A-Za-z_][\w.\-]{0,120})(?= on |: )", re.ASCII)
_BRACKETED = re.compile(r"(?<=[^\s:\]])( \[)([A-Za-z_][\w.\-]{0,80})(?=\])", re.ASCII)
_ASSIGNED = re.compile(r"(\b[A-Za-z_]\w{0,40} = )([A-Za-z_][\w.\-]{0,80})(?=[,;)]|\.?$)", re.ASCII)
_LEVELS = words("emerg alert crit error warn warning notice info debug fatal trace")
_CHOICES = re.compile(
    r"(\b(?:must|should|can|may) be (?:one|any) of |\b[Ee]xpected one of )"
    r"([A-Za-z_][\w\-]{0,60}(?:(?:, | or |, or )[A-Za-z_][\w\-]{0,60}){0,40})(?=$|[.;)]| got\b)",
    re.ASCII,
)

Step = tuple[tuple[str, ...], re.Pattern[str], Callable[[Walk, re.Match[str]], str]]


def fill_places(text: str, walk: Walk) -> str:
    """*text* with such names masked; each becomes an entity."""
    for hints, pattern, masked in _STEPS:
        if any(hint in text for hint in hints):
            text = pattern.sub(lambda match, masked=masked: masked(walk, match), text)
    return text


def _second(walk: Walk, match: re.Match[str]) -> str:
    return match[1] + walk.name(match[2])


def _first(walk: Walk, match: re.Match[str]) -> str:
    return f"{walk.name(match[1])} "


def _host(walk: Walk, match: re.Match[str]) -> str:
    return match[1] + walk.name(match[2], mark=marks.HOST)


def _command(walk: Walk, match: re.Match[str]) -> str:
    return match[0].replace(f"{match[1]}: ", f"{walk.name(match[1])}: ")


def _instead(walk: Walk, match: re.Match[str]) -> str:
    """'expected str, not dict': the type that came instead."""
    lead = match[1].lower()
    if not lead.startswith(("got", "of")) and not _is_type(match[2]):
        return match[0]
    return _second(walk, match)


def _after_type(walk: Walk, match: re.Match[str]) -> str:
    named = match[2][0].isupper() and not match[2].isupper() and match[1].islower()
    return _second(walk, match) if named or _is_type(match[2]) else match[0]


def _is_type(word: str) -> bool:
    return word in _TYPES or _HUMPS.match(word) is not None


def _bracketed(walk: Walk, match: re.Match[str]) -> str:
    return match[0] if match[2].lower() in _LEVELS else _second(walk, match)


def _assigned(walk: Walk, match: re.Match[str]) -> str:
    key = match[1].partition(" ")[0].lower()
    return match[0] if is_code_key(key) else _second(walk, match)


_STEPS: tuple[Step, ...] = (
    (("() ",), _CALLED, _first),
    (("nexpected token ",), _TOKEN, _second),
    (("lookup ",), _LOOKUP, _host),
    ((" is not ", " cannot be resolved"), _FIRST_WORD, _first),
    (
        ("got ", "Got ", ", not ", "but not ", "of type ", "found ", "received "),
        _TYPE_WORD,
        _instead,
    ),
    (("type ", "lass ", "nstance of "), _TYPE_AFTER, _after_type),
    ((" [",), _BRACKETED, _bracketed),
    ((" of ",), _CHOICES, _second),
    ((" = ",), _ASSIGNED, _assigned),
    ((": not found", ": command not found"), _COMMAND, _command),
    (("getaddrinfo E", "connect E", "quer"), _SYSCALL, _host),
)
