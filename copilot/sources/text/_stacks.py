"""Stacks of JavaScript and of the Java machine inside any text: a line that names the exception,
then its frames."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ._found import Found

MOST_TRACE = 60_000
#: Lines of a message between the exception's name and its first frame.
_MOST_MESSAGE_LINES = 12


@dataclass(frozen=True, slots=True)
class Language:
    """How a language writes a stack. `head` has the groups type and words."""

    head: re.Pattern[str]
    frame: re.Pattern[str]
    goes_on: re.Pattern[str]
    cause: re.Pattern[str]


NODE = Language(
    head=re.compile(
        r"^\s*(?:Uncaught |(?:\[?(?:Uncaught|Unhandled)[^:\n]{0,60}?[:)\]]:? ?)|\S{1,60}: |[^\w\s] ?)?"
        r"(?P<type>(?:[A-Z][\w$]{0,80})?(?:Error|Exception)\w{0,20})(?: \[(?P<code>\w{1,60})\])?(?:: (?P<words>.*))?$"
    ),
    frame=re.compile(
        r"^\s+at (?:.{1,300} \()?(?:<anonymous>|[\w@.+%/\\:~\[\] -]{1,400}):\d+:\d+\)?(?: \{)?$"
        r"|^\s+at .{1,200} \((?:<anonymous>|native|index \d+)\)$"
    ),
    goes_on=re.compile(r"^\s+(?:at |\.\.\. \d+ |\[?[\w$]{1,40}\]?: )|^\s*[\])}],?$"),
    cause=re.compile(
        r"^\s+\[cause\]: (?P<type>[\w$]{1,80})(?: \[\w{1,60}\])?(?:: (?P<words>.*?))?(?: \{)?$"
    ),
)
JAVA = Language(
    head=re.compile(
        r"^(?:Exception in thread \".{0,200}?\" |.{0,200}?[\s:])?"
        r"(?P<type>(?:[a-z_][\w$]{0,60}\.){1,12}[A-Z][\w$]{0,120})(?:: (?P<words>.*))?$"
    ),
    frame=re.compile(
        r"^\s+at [\w$./<>@-]{3,300}\((?:[\w$-]{1,100}\.(?:java|kt|scala|groovy|clj)(?::\d+)?"
        r"|Native Method|Unknown Source)\)"
    ),
    goes_on=re.compile(r"^\s+(?:at |\.\.\. \d+ |Suppressed: )|^Caused by: "),
    cause=re.compile(r"^Caused by: (?P<type>[\w.$]{3,300})(?:: (?P<words>.*))?$"),
)

DOTNET = Language(
    head=re.compile(
        r"^(?:Unhandled exception\. |.{0,120}?[\s:])?"
        r"(?P<type>(?:[A-Z]\w{0,60}\.){1,10}[A-Z]\w{0,100})(?: \(0x[0-9A-F]+\))?: (?P<words>.*)$"
    ),
    frame=re.compile(r"^\s+at [\w.<>`$+\[\],|]{3,300}\(.{0,300}\)(?: in .{1,300}:line \d+)?$"),
    goes_on=re.compile(r"^\s+(?:at |--- End of )|^ ---> "),
    cause=re.compile(r"^ ---> (?P<type>[\w.]{3,200}): (?P<words>.*)$"),
)


def read(text: str, language: Language) -> list[Found]:
    """Each stack, as the exception at its top, with what caused it in the end."""
    return list(_stacks(text.split("\n"), language))


def _stacks(lines: Sequence[str], language: Language) -> Iterator[Found]:
    at = 0
    while at < len(lines):
        if not language.frame.match(lines[at]):
            at += 1
            continue
        start = _head_above(lines, at, language)
        end = at
        while end < len(lines) and _belongs(lines[end], language):
            end += 1
        if start is not None:
            found = _found(lines[start:at], lines[at:end], language)
            yield replace(found, lines=range(start, end))
        at = end


def _belongs(line: str, language: Language) -> bool:
    return bool(language.frame.match(line) or language.goes_on.match(line))


def _head_above(lines: Sequence[str], at: int, language: Language) -> int | None:
    for place in range(at - 1, max(-1, at - 1 - _MOST_MESSAGE_LINES), -1):
        if language.head.match(lines[place]) and not language.cause.match(lines[place]):
            return place
        if not lines[place].strip():
            return None
    return None


def _found(top: Sequence[str], frames: Sequence[str], language: Language) -> Found:
    head = language.head.match(top[0])
    kind = head["type"] if head else "Error"
    words = (head["words"] if head else None) or ""
    more = (line for line in top[1:] if not language.cause.match(line))
    message = "\n".join([words, *more]).strip()
    causes = list(filter(None, map(language.cause.match, [*top[1:], *frames])))
    if causes:
        said = f"{causes[-1]['type']}: {causes[-1]['words'] or ''}".removesuffix(": ")
        message = message if said in message else f"{message}\nCaused by: {said}".strip()
    trace = "\n".join([*top, *frames])[:MOST_TRACE]
    return Found(message=message or kind, error_type=kind, traceback=trace)
