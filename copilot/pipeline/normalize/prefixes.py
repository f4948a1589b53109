"""What stands before the words of an error: time stamp, log level, process id, exception class."""

import re

from copilot.pipeline.normalize.lexicon import GENERIC_CLASSES

_STAMP = r"""(?:
    \d{4}[-/]\d\d[-/]\d\d(?:[T ,]\s?\d\d:\d\d(?::\d\d)?(?:[.,:]\d{1,9})?)?
      (?:\s?(?:Z|UTC(?:[+-]\d{4})?|GMT|CES?T|[ECMP][SD]T|[+-]\d\d:?\d\d))?
  | \d{1,2}[-/ ](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[-/ ]\d{2,4}[ :T]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?
  | (?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\ )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\ {1,2}\d{1,2}\ \d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:\ \d{4})?
  | \d\d?:\d\d:\d\d(?:[.,]\d{1,9})?
  | \d{10}(?:\.\d{1,9}|\d{3})?(?=\s)
)"""
_LEVELS = "TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|CRITICAL|FATAL|PANIC|EMERG|ALERT"
_LOG_PREFIX = re.compile(
    rf"""^[^\S\n]*(?:
        \[{_STAMP}\]
      | {_STAMP}(?=[\s:|\]\-])
      | [\[(<](?:{_LEVELS})[\])>]:?
      | (?:{_LEVELS}):(?=\s)
      | [IWEF]\d{{4}}\ \d\d:\d\d:\d\d\.\d{{6}}\s+\d{{1,9}}\ [\w.\-]{{1,80}}:\d{{1,6}}\]
      | (?i:level=(?:{_LEVELS})\b)
      | (?i:(?:time|ts)="?{_STAMP}"?)(?=\s)
      | npm\ ERR!
      | \#\#\[error\]
      | [Ee]rror:(?=\s)
      | Uncaught(?=\s(?:\(in\ promise\)\s)?[A-Z][\w$.]{{1,80}}:)
      | \(in\ promise\)
      | Unhandled\ exception[.:]
      | Exception\ in\ thread\ "[^"\n]{{0,80}}"
      | \[(?:pid|tid|PID)?[\ :=#]?\d{{1,9}}\](?=:|\s)
    )[^\S\n]*""",
    re.VERBOSE,
)
# After a time stamp more may stand: '- my.logger - ERROR -', 'INFO    ', 'host app[123]:'.
_AFTER_STAMP = re.compile(
    rf"""^[^\S\n]*(?:
        [-|:](?=\s|:|[A-Za-z])
      | [\w.\-]{{1,80}}\s-\s(?=(?:{_LEVELS})\s-\s)
      | (?:[\w$\-]{{1,40}}\.){{1,8}}[\w$\-]{{1,60}}\s-\s
      | (?:{_LEVELS})\b[:\]]?(?!\s?\d{{3,6}}\b)
      | [\[(]?(?:{_LEVELS})[\])]
      | \[[\w\-.:\ ]{{1,60}}\](?=\s)
      | [\w.\-]{{1,60}}(?:/[\w.\-]{{1,60}})?\[\d{{1,9}}\]:
      | [\w.\-]{{1,60}}\ [\w.\-/]{{1,60}}\[\d{{1,9}}\]:
      | \d{{1,9}}(?=\ (?:{_LEVELS})\b)
      | (?:{_LEVELS})(?=\s\d{{1,9}}\s---)
      | \d{{1,9}}\ ---\ \[[^\]\n]{{1,60}}\]\ [\w.$\[\]]{{1,120}}\s{{1,40}}:
    )[^\S\n]*""",
    re.VERBOSE,
)
_STARTS_LIKE_PREFIX = re.compile(
    r"[\s\d\[(<\-|:]|\#\#\[|[A-Z]{3,}|[A-Z]\d{4}|[Ee]rror:|level|time|ts=|npm|Unc|Unh|Exc|[A-Z][a-z]{2}[ ,]"
)
_STAMP_FIRST = re.compile(rf"[\s\[]*(?:{_STAMP})", re.VERBOSE)

_CLASS = re.compile(
    r"""^["'(\[]{0,2}
    (?P<path>(?:[A-Za-z_][A-Za-z0-9_]{0,80}(?:\.|::|\$|\\)){0,12})
    (?P<name>[A-Z_][A-Za-z0-9_]{1,120})
    (?:\ ?\[(?P<code>[A-Z][A-Z0-9_]{2,60})\])?
    (?:\ ?\((?P<paren>0x[0-9A-Fa-f]{1,8}|-?\d{1,9})\))?
    (?::(?=\s|$)|$)[^\S\n]*\n?[^\S\n]*""",
    re.VERBOSE,
)
_WRAPPED = re.compile(
    r"^(?P<path>(?:[A-Za-z_][A-Za-z0-9_]{0,80}\.){0,12})(?P<name>[A-Z][A-Za-z0-9_]{1,120})"
    r"\((?P<quote>['\"])(?P<body>.{0,4000})(?P=quote),?\)$"
)
_CLASS_ENDING = re.compile(
    r"(?:Error|Exception|Warning|Failure|Fault|Exceeded|Timeout|TimedOut|Interrupt|Exit|Iteration"
    r"|NotFound|DoesNotExist|NotExist|Denied|Violation|Refused|Required|Invalid|Conflict|Abort)$"
)
_HUMPS = re.compile(r"^[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+$|^[A-Z]{2,}[a-z][A-Za-z0-9]+$")


def strip_log_prefix(text: str) -> str:
    """*text* without time stamps, levels, logger names and process ids before its words."""
    text = text.strip()
    for _ in range(6):
        if _STARTS_LIKE_PREFIX.match(text) is None:
            return text
        stamped = _STAMP_FIRST.match(text) is not None
        match = _LOG_PREFIX.match(text)
        if match is None or match.end() >= len(text):
            return text.strip()
        text = text[match.end() :]
        if stamped:
            text = _strip_after_stamp(text)
    return text.strip()


def _strip_after_stamp(text: str) -> str:
    for _ in range(5):
        match = _AFTER_STAMP.match(text)
        if match is None or match.end() == 0 or match.end() >= len(text):
            break
        text = text[match.end() :]
    return text


def split_exception(text: str) -> tuple[str, str]:
    """The exception class before the words ('' if none) and the words.

    A class that says nothing ('Error') is passed over for the one behind it, and a class named
    twice counts once: 'BadRequestError: litellm.BadRequestError: x'.
    """
    exception = ""
    for _ in range(4):
        match = _CLASS.match(text) if _may_name_class(text) else None
        if match is None and text[-1:] == ")":
            match = _WRAPPED.match(text)
        if match is None or not _is_class(match["path"], match["name"]):
            break
        name = match["name"]
        generic = name.lower() in GENERIC_CLASSES
        if exception and not generic and name != exception:
            break
        exception = exception or ("" if generic else name)
        text = _rest(match, text)
    return exception, text.strip()


def _may_name_class(text: str) -> bool:
    """Cheaper than the pattern, and false for most texts: they begin with a plain word."""
    blank = text.find(" ")
    if blank < 0 or text[blank - 1] == ":" or text[blank + 1 : blank + 2] in {"[", "("}:
        return True
    return "\n" in text


def _rest(match: re.Match[str], text: str) -> str:
    groups = match.groupdict()
    if "body" in groups:
        return groups["body"]
    rest = text[match.end() :]
    code = groups.get("code")
    return f"{code}: {rest}" if code else rest


def _is_class(path: str, name: str) -> bool:
    if name.isupper():
        return False
    if _CLASS_ENDING.search(name) is not None:
        return True
    return bool(path) or _HUMPS.match(name) is not None
