"""Words quoted from a run, with the place where they stand, and the check that they do."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import JsonValue

from knowledge_base import Match, Observation

from ...characters import HIDDEN, ODD_SPACE, SEQUENCE, SURROGATE
from ...types import ErrorRecord, Evidence, RunRecord

MAX_EVIDENCE = 4
MAX_WORDS = 160
CONTEXT = 30
_BETWEEN = " … "
_NOWHERE = 10**9
_Field: TypeAlias = Literal["message", "error_type", "traceback"]
_BREAK = re.compile(
    rf"{SEQUENCE.pattern}|{HIDDEN.pattern}|{SURROGATE.pattern}|[\n\t\r]|\s{{2,}}|{ODD_SPACE.pattern}"
)


@dataclass(frozen=True, slots=True)
class Quoted:
    """The texts of one error that evidence is quoted from."""

    message: str
    error_type: str
    traceback: str
    code: str | None

    def field(self, name: str) -> str:
        texts = {
            "message": self.message,
            "error_type": self.error_type,
            "traceback": self.traceback,
            "code": self.code or "",
        }
        return texts[name]


def gather(
    reasons: Iterable[Match], seen: Observation, quoted: Quoted, *, code: bool
) -> tuple[Evidence, ...]:
    """What speaks for a diagnosis, each observation once; *code*: the engine's code does too."""
    first = []
    if code and quoted.code:
        end = len(quoted.code)
        first = [Evidence(source="code", text=quoted.code, field="code", start=0, end=end)]
    found = (point(match, seen, quoted) for match in reasons)
    return telling([*first, *(one for one in found if one.text)])[:MAX_EVIDENCE]


def telling(found: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """What speaks for it, without words that stand in longer ones beside them.

    Of two that differ in capitals alone the one with capitals stays: it is how the error says it.
    """
    longest_first = sorted(found, key=lambda one: (-len(one.text), one.text.islower()))
    kept: list[Evidence] = []
    for one in longest_first:
        if not any(_is_within(one, other) for other in kept):
            kept.append(one)
    return tuple(dict.fromkeys(one for one in found if one in kept))


def _is_within(one: Evidence, other: Evidence) -> bool:
    return one.source == other.source and one.text.casefold() in other.text.casefold()


def point(match: Match, seen: Observation, quoted: Quoted) -> Evidence:
    """The words that *match* was made of, as they stand in the error."""
    if match.position < 0 or seen.message_end < match.position < seen.type_end:
        start, end = _span(match, seen) if match.position >= 0 else (0, 0)
        words = seen.text[start:end] or seen.error_type
        return _at("error_type", words, max(start - seen.message_end - 1, 0), quoted, match.entry)
    start, end = _span(match, seen)
    if match.position <= seen.message_end:
        end = min(end, seen.message_end)
        hint = start + _cut_away(quoted.message, seen.message_end, start)
        return _at("message", seen.text[start:end], hint, quoted, match.entry)
    line = seen.text.rfind("\n", 0, start) + 1
    hint = quoted.traceback.find(seen.text[line:end]) + start - line
    return _at("traceback", seen.text[start:end], hint, quoted, match.entry)


def _span(match: Match, seen: Observation) -> tuple[int, int]:
    """From where to where *match* stands; a number with the words around it, on its line."""
    parts = match.text.split(_BETWEEN)
    found = ((_nearest(part, seen, match.position), part) for part in parts)
    start, here = min((at, part) for at, part in found)
    if start == _NOWHERE:
        return match.position, match.position
    end = start + len(here)
    if here.isdigit():
        return _widened(seen.text, start, end)
    places = [(seen.lower.find(part.lower()), len(part)) for part in parts if part != here]
    low = min([start, *(at for at, _ in places if at >= 0)])
    high = max([end, *(at + size for at, size in places if at >= 0)])
    return (low, high) if high - low <= MAX_WORDS and high <= _limit(seen, start) else (start, end)


def _limit(seen: Observation, position: int) -> int:
    """Where the field ends that *position* is in."""
    return seen.message_end if position <= seen.message_end else len(seen.text)


def _nearest(part: str, seen: Observation, position: int) -> int:
    """Where *part* stands from *position* on: a code is found by the words before it."""
    at = seen.lower.find(part.lower(), position, position + len(part) + MAX_WORDS)
    return _NOWHERE if at < 0 else at


def _widened(text: str, start: int, end: int) -> tuple[int, int]:
    """Up to 30 more characters on either side, whole words of the same line."""
    low = max(start - CONTEXT, text.rfind("\n", 0, start) + 1)
    if low > 0 and not text[low - 1].isspace():
        low = _next_blank(text, low, start)
    line_end = text.find("\n", end)
    high = min(end + CONTEXT, len(text) if line_end < 0 else line_end)
    if high < len(text) and not text[high].isspace():
        high = max(text.rfind(" ", end, high), end)
    return low, high


def _next_blank(text: str, low: int, start: int) -> int:
    blank = text.find(" ", low, start)
    return start if blank < 0 else blank + 1


def _cut_away(text: str, kept: int, position: int) -> int:
    """How much further back something stands in *text* than in the clipped one."""
    return max(len(text) - kept, 0) if position > kept // 2 else 0


def _at(field: _Field, words: str, hint: int, quoted: Quoted, entry: str | None) -> Evidence:
    """*words* of *field* near *hint*; the longest piece of them without what can't be seen."""
    text = quoted.field(field)
    piece = max(_BREAK.split(words[:MAX_WORDS]), key=len).strip().rstrip(":,;")
    start = _find(piece, text, max(hint, 0))
    if start < 0:  # something that can't be seen stands between its letters
        piece, start = _longest_word(piece, text)
    return Evidence(
        source=field,
        text=piece,
        entry=entry,
        field=field,
        start=start,
        end=start + len(piece),
    )


def _find(piece: str, text: str, hint: int) -> int:
    near = text.find(piece, max(hint - len(piece), 0))
    return near if near >= 0 else text.find(piece)


def _longest_word(piece: str, text: str) -> tuple[str, int]:
    for word in sorted(piece.split(), key=len, reverse=True):
        for size in range(len(word), 1, -1):
            if (start := text.find(word[:size])) >= 0:
                return word[:size], start
    return "", 0


def verify(evidence: Evidence, run: RunRecord) -> bool:
    """Whether what *evidence* quotes stands in *run* exactly where it says."""
    if evidence.field is None or evidence.start is None or evidence.end is None:
        return False
    text = _text_at(run, evidence.step, evidence.field)
    return (
        text is not None
        and bool(evidence.text)
        and (text[evidence.start : evidence.end] == evidence.text)
    )


def _text_at(run: RunRecord, step: str | None, field: str) -> str | None:
    error = _error_of(run, step)
    if error is None:
        return None
    name, *path = field.split(".")
    if name == "details":
        found = _walk(error.details, path)
        return found if isinstance(found, str) else None
    texts = {
        "message": error.message,
        "error_type": error.type,
        "traceback": error.traceback,
        "code": error.code,
    }
    return texts.get(name) if not path else None


def _error_of(run: RunRecord, step: str | None) -> ErrorRecord | None:
    if step is None:
        return run.error
    return next((one.error for one in run.steps if one.path == step), None)


def _walk(value: JsonValue, path: Sequence[str]) -> JsonValue:
    for key in path:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value
