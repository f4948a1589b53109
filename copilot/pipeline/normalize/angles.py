"""Reprs and tags in angle brackets: '<function f at 0x7f>', '<john@example.com>', '<html>'."""

import re

from copilot.pipeline.normalize.marks import OBJECT, STR

_STEP = re.compile(rf"[{STR}{OBJECT}]|<[A-Za-z_/!~\u0080-\U0010ffff][^<>\n]{{0,300}}>")
_ERROR_REPR = re.compile(r"<(\w{0,60}(?:Error|Exception)\b[ :][^\n]*)>$", re.ASCII)
_PART = re.compile(f"[{STR}{OBJECT}]")
_PROSE = re.compile(
    r"<[a-z]+(?: [a-z]+)* (?:error|failed|invalid|unknown|refused|denied|cannot)\b", re.IGNORECASE
)


def mask_angles(text: str, values: list[str]) -> tuple[str, list[str]]:
    """*text* with bracketed parts masked, and the values of all marks now in it, in their order."""
    if "<" not in text:
        return text, values
    error = _ERROR_REPR.match(text) if text[0] == "<" else None
    if error is not None:
        text = error[1]
    for _ in range(2):  # a second time for '<function f.<locals>.g>'
        text, values = _innermost(text, values)
    return text, values


def _innermost(text: str, values: list[str]) -> tuple[str, list[str]]:
    waiting = iter(values)
    found: list[str] = []

    def step(match: re.Match[str]) -> str:
        whole = match[0]
        if len(whole) == 1:
            found.append(next(waiting, ""))
            return whole
        if _PROSE.match(whole) is not None:
            found.extend(next(waiting, "") for mark in whole if mark in (STR, OBJECT))
            return whole[1:-1]
        whole = _PART.sub(lambda _: next(waiting, ""), whole)
        found.append(whole[1:-1])
        return OBJECT

    return _STEP.sub(step, text), found
