"""The errors that a traceback tells one after the other, and which of them started it.

Python, also its exception groups; Java and .NET; Node. Every error says where it stands, so that
its words can be quoted. Linear in the text, of which the beginning and the end are read.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from .wrappers import is_empty

#: Characters read at either end of a longer text.
HALF = 60_000
MOST_LINKS = 60

How = Literal["first", "direct", "handling", "cause"]

_DIRECT = "The above exception was the direct cause of the following exception:"
_HANDLING = "During handling of the above exception, another exception occurred:"
_PYTHON_HEAD = "Traceback (most recent call last)"

_LINE = re.compile(r"[^\n]*")
_BAR = re.compile(r"(?:\s{0,60}[|+])\s{0,2}")
_CLASS = r"(?:[A-Za-z_][\w$]{0,80}\.){0,12}[A-Z_a-z][\w$]{1,80}"
_ERROR = re.compile(rf"({_CLASS})(?::\s{{0,3}}(.{{0,2000}}))?\s{{0,4}}$")
_CAUSED_BY = re.compile(
    r"\s{0,40}(?:Caused by|caused by|Root cause|Reason|Original error|Inner exception)"
    rf":\s{{0,3}}(?:({_CLASS}):?\s{{0,3}})?(.{{0,2000}})$"
)
_DOTNET = re.compile(
    rf"--->\s(?:\(Inner Exception #\d{{1,3}}\)\s)?({_CLASS})(?:\s\([\w]{{1,12}}\))?:\s(.{{0,2000}}?)(?=\s--->|$)"
)
_NODE = re.compile(rf"\s{{0,40}}\[?cause\]?:\s{{1,3}}(?:({_CLASS}):\s)?(.{{0,2000}})$")
_FRAME = re.compile(r"\s{0,40}at\s.|\s{0,40}\.\.\.\s\d{1,6}\s(?:more|common)")

#: What code looks up and goes on without: one met on the way is seldom the reason.
_LOOKUPS = frozenset(
    {
        "KeyError", "IndexError", "LookupError", "AttributeError", "StopIteration", "Empty",
        "StopAsyncIteration", "ImportError", "ModuleNotFoundError", "NotImplementedError",
    }
)  # fmt: skip
#: What goes wrong in code that only wanted to deal with an error.
_SLIPS = frozenset({"NameError", "UnboundLocalError", "AttributeError", "TypeError", "SystemExit"})


@dataclass(frozen=True, slots=True)
class Link:
    """One error of a chain. `start` is where its class stands, or its words if it has none.

    how: what the text says of it and the one before it.
    """

    type: str | None
    message: str
    start: int
    message_start: int
    how: How

    @property
    def kind(self) -> str:
        """The class without its modules."""
        return (self.type or "").rpartition(".")[2]

    @property
    def end(self) -> int:
        return self.message_start + len(self.message)


def links(text: str) -> tuple[Link, ...]:
    """Every error told in *text*, in the order in which it tells them."""
    found: list[Link] = []
    for piece, offset in _pieces(text):
        found += _links(piece, offset)
    return tuple(found[-MOST_LINKS:])


def root(text: str) -> Link | None:
    """The error that started it, None where *text* tells of none.

    Java, .NET and Node name the cause last. Python names it first: the last error `raise … from`
    it, or came up while it was being handled. Of the latter the first one counts, unless it is a
    look-up that code does without, and the second is no slip of whoever dealt with the first.
    """
    told = links(text)
    if not told:
        return None
    causes = [link for link in told if link.how == "cause"]
    if causes:
        return next((link for link in reversed(causes) if not is_empty(link.message)), causes[-1])
    return _python_root(told)


def _python_root(told: Sequence[Link]) -> Link:
    chosen = told[-1]
    for later, earlier in zip(reversed(told), reversed(told[:-1]), strict=False):
        if later.how == "first":
            break
        if later.how == "handling" and not _goes_back(earlier, later):
            break
        chosen = earlier
    return chosen


def _goes_back(earlier: Link, later: Link) -> bool:
    if later.kind in _SLIPS or is_empty(later.message):
        return True
    return earlier.kind not in _LOOKUPS


def _pieces(text: str) -> Iterator[tuple[str, int]]:
    if len(text) <= 2 * HALF:
        yield text, 0
    else:
        yield text[:HALF], 0
        yield text[-HALF:], len(text) - HALF


def _links(text: str, offset: int) -> Iterator[Link]:
    how: How = "first"
    in_python = False
    is_open = True
    for found in _LINE.finditer(text):
        line = found[0][:4_000]
        bar = _BAR.match(line)
        start = bar.end() if bar and ("| " in bar[0] or "|" in bar[0]) else 0
        body = line[start:]
        at = offset + found.start() + start
        if _PYTHON_HEAD in body:
            in_python = is_open = True
        elif _DIRECT in body:
            how, is_open = "direct", True
        elif _HANDLING in body:
            how, is_open = "handling", True
        elif link := _cause(body, at):
            yield link
        elif in_python and is_open and (link := _python_error(body, at, how)):
            yield link
            how, is_open = "first", False
        yield from _dotnet(body, at)


def _python_error(line: str, at: int, how: How) -> Link | None:
    if not line or line[0].isspace() or _FRAME.match(line):
        return None
    found = _ERROR.match(line)
    if found is None:
        return None
    message = (found[2] or "").rstrip()
    start = at + found.start(2) if found[2] is not None else at + found.end(1)
    return Link(found[1], message, at, start, how)


def _cause(line: str, at: int) -> Link | None:
    found = _CAUSED_BY.match(line) or _NODE.match(line)
    if found is None:
        return None
    message = found[2].rstrip(" {")
    start = at + found.start(1 if found[1] else 2)
    return Link(found[1], message, start, at + found.start(2), "cause")


def _dotnet(line: str, at: int) -> Iterator[Link]:
    if "--->" in line:
        for found in _DOTNET.finditer(line):
            yield Link(
                found[1], found[2].rstrip(), at + found.start(1), at + found.start(2), "cause"
            )
