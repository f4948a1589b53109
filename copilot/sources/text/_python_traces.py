"""Tracebacks of Python inside any text: chains, groups, messages of several lines."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ._found import Found

MOST_TRACE = 60_000
_MOST_LINES = 5_000
_MOST_MESSAGE_LINES = 40

HEAD = re.compile(
    r"^\s*(?:\S.{0,80}: )?(?:Exception Group )?Traceback \(most recent call last\):?$"
)
_RAISED = re.compile(r"^([A-Za-z_][\w.]{1,150})(?:: (.*)|:?)$")
_CAUSE = "The above exception was the direct cause of"
_CONTEXT = "During handling of the above exception"
_GROUP_RULE = re.compile(r"^\s*\+-[+-]*-{3,}")
_GROUP_BAR = re.compile(r"^ *[|+] ?")
#: Where a message of several lines ends although no blank line follows.
_OTHER = re.compile(
    r"^(?:\[?\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|\[\d|(?:DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL)\b"
    r"|##\[|={5}|-{5}|panic: |goroutine \d+ \[|Exception in thread \"|Unhandled exception\. |Name: {2,}\S"
    r"|(?:file://)?/\S{1,300}\.[cm]?[jt]s:\d+$)"
)
#: Of a stack of JavaScript, Java or .NET.
_FRAME = re.compile(r"^\s+at \S.*\)?$")


@dataclass(frozen=True, slots=True)
class _Block:
    """One traceback without those it is chained to; `end` is the line after it."""

    error_type: str
    message: str
    end: int


def read(text: str) -> list[Found]:
    """Each chain of tracebacks, as the exception that ended it; its trace keeps the whole chain."""
    lines = _without_bars(text.split("\n"))
    found = list(_chains(lines))
    single = [one for one in found if not _is_group(one)]
    return single or found


def _chains(lines: Sequence[str]) -> Iterator[Found]:
    at, start, causes = 0, 0, list[_Block]()
    while at < len(lines):
        if not HEAD.match(lines[at]):
            at += 1
            continue
        block = _block(lines, at)
        if not causes:
            start = at
        if block is None:
            causes = []
            at += 1
            continue
        link = _link(lines, block.end)
        if link is None:
            yield _found(block, causes, lines, range(start, block.end))
            causes = []
        else:
            causes.append(block)
        at = block.end


def _found(block: _Block, causes: Sequence[_Block], lines: Sequence[str], place: range) -> Found:
    message = block.message
    trace = "\n".join(lines[place.start : place.stop])[-MOST_TRACE:]
    if causes:  # where it came from, in its own words
        root = causes[0]
        words = root.message if root.message != root.error_type else ""
        said = f"{root.error_type}: {words}".removesuffix(": ")
        message = message if said in message else f"{message}\nCaused by: {said}"
    return Found(message=message, error_type=block.error_type, traceback=trace, lines=place)


def _block(lines: Sequence[str], head: int) -> _Block | None:
    """The traceback under *head*; None when it has no end, or is another thing."""
    indent = len(lines[head]) - len(lines[head].lstrip())
    for at in range(head + 1, min(len(lines), head + _MOST_LINES)):
        line = _dedented(lines[at], indent)
        if HEAD.match(line):
            return None
        if not line or line[0].isspace():
            continue
        raised = _RAISED.match(line)
        if raised is None:
            return None
        more = list(_message_goes_on(lines, at + 1, indent))
        message = "\n".join([raised[2] or "", *more]).strip()
        return _Block(raised[1], message or raised[1], at + 1 + len(more))
    return None


def _dedented(line: str, indent: int) -> str:
    return line[indent:] if not line[:indent].strip() else line


def _message_goes_on(lines: Sequence[str], at: int, indent: int) -> Iterator[str]:
    for place in range(at, min(len(lines), at + _MOST_MESSAGE_LINES)):
        shown = _dedented(lines[place], indent)
        if not shown.strip() or _OTHER.match(shown) or HEAD.match(shown):
            return
        if _stack_begins(lines, place) and not lines[place - 1].endswith(":"):
            return
        yield shown


def _stack_begins(lines: Sequence[str], at: int) -> bool:
    """Whether another program's stack begins here: words of one, then a frame."""
    below = lines[at + 1 : at + 2]
    return bool(below and _FRAME.match(below[0]) and not _FRAME.match(lines[at]))


def _link(lines: Sequence[str], at: int) -> str | None:
    """The sentence that chains this traceback to the next one."""
    near = (line.strip() for line in lines[at : at + 4])
    first = next(filter(None, near), "")
    return next((link for link in (_CAUSE, _CONTEXT) if first.startswith(link)), None)


def _without_bars(lines: Sequence[str]) -> list[str]:
    """Lines of an exception group as if each of its members stood alone."""
    if not any("Exception Group Traceback" in line for line in lines):
        return list(lines)
    return ["" if _GROUP_RULE.match(line) else _GROUP_BAR.sub("", line, count=1) for line in lines]


def _is_group(found: Found) -> bool:
    return (found.error_type or "").rpartition(".")[2] in {"ExceptionGroup", "BaseExceptionGroup"}
