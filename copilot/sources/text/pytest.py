"""What pytest prints: its reports test by test, or only its short summary."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from . import _python_traces
from ._found import Found

TITLE = "pytest output"

_MOST_TRACE = 60_000
_SECTION = re.compile(
    r"^={3,} (FAILURES|ERRORS|short test summary info|warnings summary|PASSES) ={3,}$"
)
_RULE = re.compile(r"^={3,} .*={3,}$")
_TITLE = re.compile(r"^_{3,} (?:\[gw\d+\] .*|(?P<name>.+?)) _{3,}$")
_ERROR_AT = re.compile(r"^ERROR (?:at (?P<when>setup|teardown) of|collecting) (?P<name>.+)$")
_SAID = re.compile(r"^>?\s{0,8}E(?P<words> {2}.*)?$")
_PLACE = re.compile(r"^\S.{0,300}:\d+: (?P<type>[A-Za-z_][\w.]{1,120})?(?P<in>in .+)?$")
_RAISED = re.compile(r"^(?P<type>[A-Za-z_][\w.]{1,120}): ?(?P<words>.*)$", re.DOTALL)
_BARE_CLASS = re.compile(r"^(?P<type>[A-Za-z_][\w.]{0,120}(?:Error|Exception|Exit|Interrupt))$")
_SUMMARY = re.compile(
    r"^(?P<what>FAILED|ERROR) (?P<node>\S+?(?:\[.{0,300}?\])?)(?: - (?P<words>.*))?$"
)
_ONE_LINE = re.compile(
    r"^(?P<file>/?\S+?\.py):\d+: (?P<type>[A-Za-z_][\w.]{1,120}): (?P<words>.*)$"
)
_SIGNS = re.compile(
    r"^={3,} (?:FAILURES|ERRORS|short test summary info|test session starts|\d+ (?:failed|error|passed))"
    r"|^(?:FAILED|ERROR) \S+\.py(?:::| )",
    re.MULTILINE,
)

#: One of these is in every such text, and they are found faster.
_WORDS = ("===", "FAILED ", "ERROR ")


def recognise(text: str) -> int:
    return 85 if any(map(text.__contains__, _WORDS)) and _SIGNS.search(text) else 0


def read(text: str) -> list[Found]:
    lines = text.split("\n")
    summary = list(_summary(lines))
    told = [_named(found, summary) for found in _reported(lines)]
    names = {(found.step or "").partition(" (")[0] for found in told}
    left = [found for found in summary if found.step not in names]
    return [*told, *left] or _one_line_each(lines)


def _reported(lines: Sequence[str]) -> Iterator[Found]:
    """One failure for each report under FAILURES and ERRORS."""
    inside, title, body = False, "", list[str]()
    for line in [*lines, "=== the end ==="]:
        section = _SECTION.match(line)
        head = _TITLE.match(line)
        if section or _RULE.match(line) or (head and head["name"] and inside):
            if inside and title:
                yield _report(title, body)
            title, body = (head["name"] or "", []) if head else ("", [])
            if head is None:
                inside = section is not None and section[1] in {"FAILURES", "ERRORS"}
        elif inside:
            body.append(line)


def _report(title: str, body: Sequence[str]) -> Found:
    error = _ERROR_AT.match(title)
    name = error["name"] if error else title
    step = f"{name} ({error['when']})" if error and error["when"] else name
    trace = "\n".join(_before_captured(body)).strip("\n")[:_MOST_TRACE]
    said = list(_last_words(body))
    if not said and (native := _python_traces.read(trace)):
        return replace(native[-1], unit="test", step=step)
    words = "\n".join(said).strip()
    kind, message = _split(words)
    kind = kind or _type_at_place(body)
    return Found(
        message=message or kind or words or "the test failed and left no words",
        error_type=kind,
        traceback=trace or None,
        unit="test",
        step=step,
    )


def _before_captured(body: Sequence[str]) -> Iterator[str]:
    for line in body:
        if re.match(r"^-{3,} Captured .* -{3,}$", line):
            return
        yield line


def _last_words(body: Sequence[str]) -> Iterator[str]:
    """The words of the exception that ended the test: the last run of `E` lines."""
    runs: list[list[str]] = [[]]
    for line in _before_captured(body):
        said = _SAID.match(line)
        if said:
            runs[-1].append((said["words"] or "").rstrip())
        elif runs[-1]:
            runs.append([])
    told = [run for run in runs if run]
    if told:
        indent = min((len(x) - len(x.lstrip()) for x in told[-1] if x.strip()), default=0)
        yield from (line[indent:] for line in told[-1])


def _split(words: str) -> tuple[str | None, str]:
    if words.startswith("assert "):
        return "AssertionError", words
    bare = _BARE_CLASS.match(words)
    if bare:
        return bare["type"], ""
    raised = _RAISED.match(words)
    if raised and (raised["type"][0].isupper() or "." in raised["type"]):
        return raised["type"], raised["words"].strip()
    return None, words


def _type_at_place(body: Sequence[str]) -> str | None:
    """`tests/test_x.py:12: AssertionError` below the code."""
    places = filter(None, (_PLACE.match(line) for line in body))
    return next((place["type"] for place in reversed(list(places)) if place["type"]), None)


def _summary(lines: Sequence[str]) -> Iterator[Found]:
    for line in lines:
        hit = _SUMMARY.match(line)
        if hit is None or not (".py" in hit["node"] or "::" in hit["node"]):
            continue
        kind, message = _split((hit["words"] or "").strip())
        yield Found(
            message=message or kind or "it failed, and only the short summary was pasted",
            error_type=kind,
            unit="test",
            step=hit["node"],
            weak=not hit["words"],
        )


def _named(found: Found, summary: Sequence[Found]) -> Found:
    """With the whole id of the test, where the summary has it."""
    ids = _ids(summary)
    name, _, when = (found.step or "").partition(" (")
    whole = ids.get(name) or ids.get(name.replace(".", "::"))
    return replace(found, step=f"{whole} ({when}" if when else whole) if whole else found


def _ids(summary: Sequence[Found]) -> Mapping[str, str]:
    return {
        (one.step or "").partition("::")[2] or (one.step or ""): one.step or "" for one in summary
    }


def _one_line_each(lines: Sequence[str]) -> list[Found]:
    """`--tb=line`: a place and the words."""
    return [
        Found(message=hit["words"], error_type=hit["type"], unit="test", step=hit["file"])
        for hit in map(_ONE_LINE.match, lines)
        if hit
    ]
