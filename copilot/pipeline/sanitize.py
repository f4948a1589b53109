"""Text from outside made fit to be shown: nothing hidden, nothing that steers, not too long."""

import re
import unicodedata
from dataclasses import dataclass

from ..characters import HIDDEN_RUN, ODD_SPACE, SURROGATE

MOST_MARKS = 4
SHORTEST_LIMIT = 100
DEFAULT_LIMIT = 20_000
_HEAD_SHARE = 0.7

#: Control sequences of terminals (ECMA-48): CSI with its parameters; OSC, DCS, SOS, PM and APC
#: strings with their terminator; other two- and three-character escapes. The payload of a string
#: has a bound and no control characters, so that a sequence without an end hides nothing and every
#: character is looked at once.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,64}+[ -/]{0,8}+[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x00-\x1f\x7f-\x9f]{0,4096}+(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]{0,8}+[0-~]"
)
_NEWLINE = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_NEEDS_WORK = re.compile(r"[^\t\n\x20-\x7e]")
#: Combining marks are neither letters nor digits, so only such runs are looked at one by one.
_MAYBE_MARKS = re.compile(rf"[^\w\x00-\x7f]{{{MOST_MARKS + 1},}}")


@dataclass(frozen=True, slots=True)
class Sanitized:
    """A text fit to be shown. `hidden` and `cut` count characters that are gone."""

    text: str
    hidden: int = 0
    cut: int = 0


def sanitize(text: str, *, limit: int = DEFAULT_LIMIT) -> Sanitized:
    """*text* for a page, a terminal or a prompt, at most *limit* (100 or more) characters long.

    Takes out terminal sequences, control, zero-width, directional, tag and private characters;
    puts U+FFFD for lone surrogates, a plain space for odd ones and line feeds for all line ends;
    leaves at most four combining marks in a row. What is longer keeps its beginning and its end
    with a line between that says how much is missing. Takes any string, in linear time, and doing
    it twice changes nothing more.
    """
    if limit < SHORTEST_LIMIT:
        raise ValueError(f"a limit of {limit} leaves no room for the mark of what was cut")
    hidden = 0
    if _NEEDS_WORK.search(text):
        text, hidden = _clean(text)
    shown, cut = _clip(text, limit)
    return Sanitized(shown, hidden=hidden, cut=cut)


def one_line(text: str, *, limit: int = 200) -> str:
    """A name or a message on one line: sanitized, every blank a single space."""
    return " ".join(sanitize(text, limit=limit).text.split())


def _clean(text: str) -> tuple[str, int]:
    """*text* without what can't be seen, and how many characters that were.

    One pass each suffices: once the sequences are out, all characters that could begin another
    are taken out as well, so none can come together from what is left.
    """
    text = SURROGATE.sub("\ufffd", text)
    without = _SEQUENCE.sub("", text)
    lined = _NEWLINE.sub("\n", without)
    seen = HIDDEN_RUN.sub("", lined)
    hidden = len(text) - len(without) + len(lined) - len(seen)
    spaced = ODD_SPACE.sub(" ", seen)
    capped = _MAYBE_MARKS.sub(_cap_marks, spaced)
    return capped, hidden + len(spaced) - len(capped)


def _cap_marks(found: re.Match[str]) -> str:
    kept: list[str] = []
    run = 0
    for char in found.group():
        run = run + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        if run <= MOST_MARKS:
            kept.append(char)
    return "".join(kept)


def _clip(text: str, limit: int) -> tuple[str, int]:
    if len(text) <= limit:
        return text, 0
    room = limit - len(_mark(len(text)))
    head = int(room * _HEAD_SHARE)
    tail = room - head
    cut = len(text) - room
    return f"{text[:head]}{_mark(cut)}{text[-tail:]}", cut


def _mark(count: int) -> str:
    return f"\n[{count:,} characters left out]\n"
