"""Any other text: an error in one line, or the lines of a log that speak of one."""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, cast

from ._bounds import unstamped
from ._found import Found

TITLE = "plain text"

#: A text as short as this is taken for the error itself, whatever it says.
_SHORT = 4
_MOST_LINES = 12
_LEVEL = re.compile(
    r"^(?:[\w./:-]{1,60} )?[\[(<]?(?:ERROR|FATAL|CRITICAL|SEVERE|PANIC|EMERG|E)[\])>]?[:\s|-]+(?P<words>\S.*)$"
    r"|\blevel=(?:error|fatal|critical)\b.{0,200}?\b(?:msg|message|err)=\"?(?P<logfmt>[^\"\n]+)"
)
_WORDS = re.compile(
    r"^(?:.{0,80}?\b(?:\w{0,60}(?:error|exception)|fatal|failed|failure|panic|abort(?:ed)?|denied|cannot|can't|"
    r"could not|unable to|refused|timed out|not found|invalid|unauthorized|forbidden)\b)",
    re.IGNORECASE,
)
_TYPED = re.compile(
    r"^((?:[A-Za-z_][\w.]{0,120})?(?:Error|Exception|Timeout|Interrupt)): (.+)$", re.DOTALL
)
#: Words that say that nothing failed.
_NO_ERROR = re.compile(
    r"\b(?:0|no|zero|without(?: any)?) (?:tests? |jobs? |steps? )?(?:errors?|failures?|failed|failing)\b"
    r"|\b(?:errors?|failures?|failed)[:=] ?0\b",
    re.IGNORECASE,
)
#: A line about a test or a file that passed: what it is called says nothing.
_PASSED = re.compile(
    r"^\S+\.py [.sxX]+ *(?:\[ *\d+%\])?$|\bPASSED\b|^\s*(?:=== [A-Z]+ |--- PASS: |ok\s+\S|PASS\b|[✓✔√] )|\.\.\. ok$"
)
_ALL_WELL = re.compile(
    r"\b(?:all|everything|\d+)(?: \w+){0,4} (?:passed|succeeded)\b|^PASS$|^ok\s+\S|\bBUILD SUCCESS",
    re.IGNORECASE | re.MULTILINE,
)
_STARTS = " test session starts "
_ENDS = re.compile(r"^={3,} .*\b(?:passed|failed|errors?|skipped)\b.* in [\d.]+s.*={3,}$")


def recognise(text: str) -> int:
    return 1 if text.strip() else 0


def read(text: str) -> list[Found]:
    bare = unstamped(text)
    every = bare.split("\n")
    lines = [line for line in _without_green_runs(every) if line.strip()]
    logged = _of_json_lines(lines)
    if logged:
        return logged
    if _is_json(bare):
        return [_typed(_worded(lines))]
    if len(lines) <= _SHORT:
        return [] if _is_well(bare, lines) else [_typed(_worded(lines))]
    levelled = [hit for line in lines if (hit := _LEVEL.search(line)) and _speaks(line)]
    if levelled:
        return [_typed((hit["words"] or hit["logfmt"]).strip()) for hit in levelled]
    spoken = dict.fromkeys(line.strip() for line in lines if _speaks(line))
    return [_typed("\n".join(islice(spoken, _MOST_LINES)))] if spoken else []


def _without_green_runs(lines: Iterable[str]) -> Iterator[str]:
    """Without runs of pytest in which nothing failed, whatever their tests have logged."""
    run: list[str] = []
    for line in lines:
        if line.startswith("=") and _STARTS in line:
            yield from run
            run = [line]
        elif not run:
            yield line
        elif not _ENDS.match(line):
            run.append(line)
        else:
            if "failed" in line or "error" in line:
                yield from [*run, line]
            run = []
    yield from run


def _speaks(line: str) -> bool:
    """Whether *line* speaks of an error, once what it says of none is left out."""
    if _PASSED.search(line):
        return False
    left = _NO_ERROR.sub("", line)
    return _WORDS.match(left) is not None or (left == line and _LEVEL.search(line) is not None)


def _is_well(text: str, lines: list[str]) -> bool:
    """Whether a short text says that all went well, and nothing else."""
    said = _ALL_WELL.search(text) or any(map(_NO_ERROR.search, lines)) or not lines
    return bool(said) and not any(map(_speaks, lines))


def _worded(lines: list[str]) -> str:
    """From the first line on that speaks of an error, or all; one line of a log without its level."""
    spoken = next((at for at, line in enumerate(lines) if _WORDS.match(line)), 0)
    text = "\n".join(lines[spoken:]).strip()
    hit = _LEVEL.search(text) if "\n" not in text else None
    return (hit["words"] or hit["logfmt"]).strip() if hit else text


def _typed(message: str) -> Found:
    hit = _TYPED.match(message)
    if hit is None:
        return Found(message=message)
    return Found(message=hit[2].strip(), error_type=hit[1])


def _is_json(text: str) -> bool:
    return text.lstrip()[:1] in {"{", "["}


def _of_json_lines(lines: list[str]) -> list[Found]:
    """Errors of a structured log, one object a line."""
    found: list[Found] = []
    for line in lines:
        data = _object(line)
        if (
            data is None
            or str(_first(data, "level", "severity", "lvl") or "").lower() not in _LEVELS
        ):
            continue
        message = _first(data, "error", "err", "exception", "msg", "message", "event")
        if isinstance(message, str) and message.strip():
            trace = _first(data, "traceback", "stack", "stacktrace", "exc_info")
            found.append(
                Found(
                    message=_typed(message.strip()).message,
                    error_type=_typed(message.strip()).error_type,
                    traceback=trace if isinstance(trace, str) else None,
                )
            )
    return found


_LEVELS = frozenset({"error", "fatal", "critical", "panic", "50", "60"})


def _object(line: str) -> dict[str, Any] | None:
    if not line.startswith("{") or not line.endswith("}"):
        return None
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _first(data: dict[str, Any], *names: str) -> Any:
    return next((data[name] for name in names if data.get(name)), None)
