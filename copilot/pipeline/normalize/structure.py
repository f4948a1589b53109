"""Finds the effective error in a text: which class, which words, raised where.

Of a chain of errors one is the effective one. Python: after "direct cause" the first of the two
blocks, after "During handling" the last. Java and .NET: the innermost cause.
"""

import re
from typing import NamedTuple

from copilot.pipeline.normalize.lexicon import GENERIC_CLASSES
from copilot.pipeline.normalize.prefixes import split_exception, strip_log_prefix

_TRACEBACK = "Traceback (most recent call last)"
_CHAIN = re.compile(
    r"\n[ |+]{0,40}(The above exception was the direct cause of the following exception:"
    r"|During handling of the above exception, another exception occurred:)[^\S\n]*\n"
)
_PYTHON_FRAME = re.compile(
    r'^[ |]{0,40}File "([^"\n]{0,400})", line \d{1,9}(?:, in ([^\n]{1,200}))?'
)
_STACK_LINE = re.compile(
    r"""^(?:
        \s*at\s+(?:async\s+)?[^\s:].{0,2000}[):\d>]\s*\{?\s*$     # Java, JavaScript, .NET
      | \s*\.\.\.\s+\d+\s+(?:more|common\ frames).{0,80}$    # Java
      | \s*---\s*End\ of\ .{0,80}---\s*$                     # .NET
      | \s*\#\d{1,4}\s+\S.{0,2000}$                          # PHP, gdb
      | \s*from\s\S{1,400}:\d{1,7}:in\s.{0,400}$             # Ruby
      | \s*File\s"[^"]{0,400}",\ line\s.{0,400}$             # Python
      | \s*[\^~]{1,400}\s*$                                  # carets under a piece of code
      | \s*LINE\ \d{1,7}:\ .{0,2000}$                        # PostgreSQL's copy of the statement
      | \s*-\ [/~.][^\s]{1,400}\s*$                          # Node's require stack
      | \s*(?:Require\ stack|Stack\ trace|stacktrace)\s*:\s*$
      | \s*note:\ run\ with\ .{0,200}$                       # Rust
      | \s*\[previous\ exception\ is\ .{0,200}$
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_JVM_FRAME = re.compile(
    r"^\s*at\s+(?:async\s+)?([A-Za-z_$][\w$.<>/ ]{0,300}?)\s?\(([^()\n]{0,400})\)"
)
_CAUSED_BY = re.compile(r"^[ \t]{0,80}(?:Caused by|\[cause\]): (?=[A-Za-z_$])", re.MULTILINE)
_INNER = re.compile(r"\s--->\s(?=[A-Z][\w.]{2,200}(?: \(-?\w{1,12}\))?: )")
_SQL_TAIL = re.compile(r"(?:\[SQL: |\(Background on this error at: )")
_LAST_NAME = re.compile(r"(?<![A-Za-z0-9_])([A-Za-z_][A-Za-z0-9_]{0,119})[^A-Za-z0-9_]{0,3}$")
_MOST_KEPT = 10_000
_GOROUTINE = re.compile(r"^goroutine \d{1,9} \[[^\n]{0,80}\n?", re.MULTILINE)
_GO_FRAME = re.compile(
    r"([\w./\-]{1,200}?)\.((?:\(\*?\w{1,80}\)\.)?\w{1,120})\([^\n]{0,400}\)$", re.MULTILINE
)
_GROUP = "Exception Group Traceback (most recent call last)"
_DECORATION = re.compile(r"^ {0,40}(?:\| ?|\+[-+][^\n]{0,80}|\+ (?=Exception Group))", re.MULTILINE)
_GROUP_MEMBER = re.compile(r"^Traceback \(most recent call last\)", re.MULTILINE)
_CODE_ABOVE = re.compile(
    r"^(?:[ \t][^\n]{0,2000}\n|\n){1,20}(?=[A-Za-z_][\w.]{2,200}(?:Error|Exception)\b)"
)


class Dissected(NamedTuple):
    """The effective error of a text. `crash_frame` is 'module:function'; `outer` wraps the cause."""

    exception: str
    message: str
    crash_frame: str = ""
    outer: str = ""


def dissect(text: str) -> Dissected:
    """The effective error in cleaned *text*: log prefix, stack and class split off the message."""
    if (
        "\n" not in text
        and " ---> " not in text
        and "[SQL" not in text
        and " error at: " not in text
    ):
        exception, message = split_exception(strip_log_prefix(text))
        return Dissected(exception, message)
    if _TRACEBACK in text:
        if _GROUP in text:
            text = _first_of_group(text)
        found = _dissect_python(text)
        if found is not None:
            return found
    return _dissect_lines(text)


def _first_of_group(text: str) -> str:
    """The first error of an exception group, or the group without its frame where none is told."""
    plain = _DECORATION.sub("", text)
    members = [match.start() for match in _GROUP_MEMBER.finditer(plain)][:2]
    if not members:
        return plain
    return plain[members[0] : members[1] if len(members) > 1 else len(plain)]


def _dissect_python(text: str) -> Dissected | None:
    blocks = _CHAIN.split(text)
    index = len(blocks) - 1
    while index >= 2 and blocks[index - 1].startswith("The above"):
        index -= 2
    found = _python_block(blocks[index])
    if found is None:
        return None
    outer = _python_block(blocks[-1]) if index != len(blocks) - 1 else None
    if outer is None or outer.exception == found.exception:
        return found
    return Dissected(found.exception, found.message, found.crash_frame, outer.exception)


def _python_block(block: str) -> Dissected | None:
    """One traceback: what follows its last frame, up to an empty line, is the error."""
    start = block.rfind(_TRACEBACK)
    lines = block[max(start, 0) :].split("\n")[1:] if start >= 0 else block.split("\n")
    frame = ""
    for number, line in enumerate(lines):
        match = _PYTHON_FRAME.match(line)
        if match is not None:
            frame = _frame_name(match[1], match[2] or "")
        elif line and not line[0].isspace() and line[0] not in "|+":
            rest = "\n".join(_until_blank(lines[number:]))
            inner = _dissect_lines(rest)
            return Dissected(inner.exception, inner.message, frame, inner.outer)
    return None


def _until_blank(lines: list[str]) -> list[str]:
    end = next((n for n, line in enumerate(lines) if not line.strip()), len(lines))
    return lines[:end]


def _frame_name(file: str, function: str) -> str:
    name = re.split(r"[/\\]", file)[-1]
    module = name.removesuffix(".py") or "<unknown>"
    return f"{module}:{function.strip()}" if function.strip() else module


def _dissect_lines(text: str) -> Dissected:
    """Everything that is not a Python traceback: frames dropped, the innermost cause taken."""
    text = _CODE_ABOVE.sub("", text)
    goroutine = _GOROUTINE.search(text)
    called = None
    if goroutine is not None and goroutine.start() > 0:
        called = _GO_FRAME.match(text, goroutine.end())
        text = text[: goroutine.start()]
    tail = _SQL_TAIL.search(text)
    if tail is not None and tail.start() > 0:
        text = text[: tail.start()]
    outer = ""
    causes = [*_CAUSED_BY.finditer(text), *_INNER.finditer(text)]
    if causes:
        outer, _ = split_exception(strip_log_prefix(text.partition("\n")[0]))
        last = max(causes, key=lambda match: match.end())
        text = text[last.end() :]
        if "[cause]" in last[0]:
            text = text.rstrip("} \t\n")  # Node prints an error with a cause in braces
    words, frame = _without_stack(text)
    if called is not None:
        frame = f"{called[1]}:{called[2]}"
    exception, message = split_exception(strip_log_prefix(words))
    return Dissected(exception, message, frame, outer if outer != exception else "")


def _without_stack(text: str) -> tuple[str, str]:
    """*text* without stack lines and repeated lines, and the first frame.

    Of a long one the beginning: more of it is not looked at later either.
    """
    frame = ""
    kept: list[str] = []
    seen: set[str] = set()
    stack: dict[str, bool] = {}
    room = _MOST_KEPT
    for line in text.split("\n"):
        bare = line.strip()
        if not bare:
            continue
        is_stack = stack.get(line)
        if is_stack is None:
            is_stack = stack[line] = _STACK_LINE.match(line) is not None
        if not is_stack:
            if bare not in seen and not (bare.isdigit() and kept):
                kept.append(bare)
                room -= len(bare) + 1
                if room < 0:
                    break
                if len(bare) > 12:
                    seen.add(bare)
        elif not frame:
            match = _JVM_FRAME.match(line)
            frame = _dotted_frame(match[1], match[2]) if match is not None else ""
    return ("\n".join(kept) or text.strip()), frame


def _dotted_frame(function: str, place: str) -> str:
    """Java names the class in the function ('com.acme.Svc.run'), JavaScript the file beside it."""
    if "." in function and ".java" in place + ".java"[: 5 * ("/" not in place)]:
        module, _, name = function.rpartition(".")
        return f"{module}:{name}"
    file = re.split(r"[/\\]", place)[-1].partition(":")[0]
    return f"{file}:{function}" if file else function


def last_class(dotted: str) -> str:
    """The name that counts of a dotted class, '' for one that says nothing ('Error')."""
    match = _LAST_NAME.search(dotted[-200:])
    name = match[1] if match is not None else ""
    return "" if name.lower() in GENERIC_CLASSES else name
