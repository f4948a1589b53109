"""Quoted text: which quotes hold a value, which hold a JSON key, a code, or prose to read on in.

An apostrophe between letters is none of them. One pass over the quote characters; the work per
message is bounded by a budget, so that a text of quotes only costs no more than any other.
"""

import re
from dataclasses import dataclass, field

from copilot.pipeline.normalize.lexicon import FAILURE_WORDS, MESSAGE_KEYS, is_code_key
from copilot.pipeline.normalize.marks import JSON_KEY, KEPT, STR

_QUOTES = re.compile(
    "[\"'`\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb\u2039\u203a]"
)
_CLOSERS = {
    '"': '"',
    "'": "'",
    "`": "`'",
    "\u2018": "\u2019\u2018",
    "\u201a": "\u2018\u2019",
    "\u201b": "\u2019",
    "\u201c": "\u201d\u201c",
    "\u201d": "\u201d",
    "\u201e": "\u201c\u201d",
    "\u201f": "\u201d",
    "\u00ab": "\u00bb",
    "\u00bb": "\u00ab",
    "\u2039": "\u203a",
    "\u203a": "\u2039",
}
_LONGEST = 1000
_CLOSER_BUDGET = 6000
_PROSE_BUDGET = 64
_PREFIX = re.compile(r"(?:^|[^A-Za-z0-9_])([bBuUrRfF]{1,2})$")
_PREFIX_LETTERS = frozenset("bBuUrRfF")
_KEY_BEFORE = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,40})\s?[:=]\s?$")
_CODE_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]{0,60}$|-?\d{3,6}$")
_CODE_UNDER_MESSAGE = re.compile(
    r"(?:[a-z]{2,}(?:_[a-z]+)*|[A-Z]{2,}(?:_[A-Z]+)*|[A-Z][a-z]+(?:[A-Z][a-z]+)*)$"
)
_ERRNO = re.compile(r"E[A-Z]{3,14}$|EAI_[A-Z]{3,12}$")
_WORD = re.compile(r"[A-Za-z][A-Za-z'\u2019]*")
_CALL = re.compile(r"(?:[A-Z][a-z0-9]+){1,6}\((?:[^()'\"]{0,40})$|^\s*\($")
_EXPECTING = re.compile(r"[Ee]xpect(?:ing|ed)\s$")
_REQUEST = re.compile(r"(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)\s+\S")


def has_quotes(text: str) -> bool:
    return _QUOTES.search(text) is not None


@dataclass(slots=True)
class Quotes:
    """The quoted parts of one message, and the message with them masked."""

    text: str
    values: list[str]
    _pieces: list[str] = field(default_factory=list[str])
    _position: int = 0
    _closer_budget: int = _CLOSER_BUDGET
    _prose_budget: int = _PROSE_BUDGET
    _dropped: set[int] = field(default_factory=set[int])

    def masked(self) -> str:
        """The text with values replaced by a mark and the quotes around prose removed."""
        places = [match.start() for match in _QUOTES.finditer(self.text)]
        for index, at in enumerate(places):
            if at < self._position:
                continue
            if at in self._dropped:
                self._copy_until(at, skip=1)
                continue
            close = self._closing(places, index)
            if close:
                self._replace(at, close)
        self._pieces.append(self.text[self._position :])
        return "".join(self._pieces)

    def _copy_until(self, at: int, *, skip: int) -> None:
        self._pieces.append(self.text[self._position : at])
        self._position = at + skip

    def _opens(self, at: int) -> bool:
        before = self.text[at - 1] if at else " "
        if not (before.isalnum() or before == "_"):
            return True
        return _PREFIX.search(self.text, max(0, at - 3), at) is not None

    def _closing(self, places: list[int], index: int) -> int:
        """Where the quote opened at *places[index]* closes; 0 when it doesn't."""
        text, at = self.text, places[index]
        closers = _CLOSERS.get(text[at], "")
        if not closers or not self._opens(at):
            return 0
        escaped = _is_escaped(text, at)
        for later in range(index + 1, min(len(places), index + 400)):
            place = places[later]
            self._closer_budget -= 1
            if place - at > _LONGEST or self._closer_budget < 0:
                return 0
            if text[place] in closers and _is_escaped(text, place) == escaped:
                after = text[place + 1 : place + 2]
                if not (after.isalnum() or after == "_"):
                    return place if "\n" not in text[at:place] else 0
        return 0

    def _replace(self, at: int, close: int) -> None:
        text = self.text
        content = (
            text[at + 1 : close].rstrip("\\") if _is_escaped(text, at) else text[at + 1 : close]
        )
        start = at - 1 if _is_escaped(text, at) else at
        before = text[max(self._position, start - 48) : start]
        prefix = _PREFIX.search(before) if before[-1:] in _PREFIX_LETTERS else None
        if prefix is not None:
            start -= len(prefix[1])
            before = before[: prefix.start(1)]
        after = text[close + 1 : close + 12]
        if self._is_json_key(content, before, after):
            self._copy_until(start, skip=0)
            skip = len(after) - len(after.lstrip(" :\n"))
            comma = " " if self._pieces[-1].endswith(",") else ""
            self._pieces.append(f"{comma}{JSON_KEY}{content}: ")
            self._position = close + 1 + skip
        elif self._is_literal(content, before, after):
            self._copy_until(start, skip=0)
            self._pieces.append(content)
            self._position = close + 1
        elif self._is_prose(content, before, close):
            self._copy_until(start, skip=0)
            self._position = at + 1
            self._dropped.add(close)
        else:
            self._copy_until(start, skip=0)
            request = _REQUEST.match(content)
            self._pieces.append(f"{request[1]} {STR}" if request is not None else STR)
            self.values.append(content)
            self._position = close + 1

    def _is_json_key(self, content: str, before: str, after: str) -> bool:
        if not after.lstrip(" \n").startswith(":") or not 0 < len(content) <= 60:
            return False
        last = before.rstrip()[-1:]
        if not last:
            last = (self._pieces[-1].rstrip() if self._pieces else "")[-1:]
        return last in {"{", ","} and content.isascii() and not content.isdigit()

    def _key(self, before: str) -> str:
        if before and before.rstrip()[-1:] not in {":", "="}:
            return ""
        match = _KEY_BEFORE.search(before) or (
            _KEY_BEFORE.search(self._pieces[-1][-48:]) if not before and self._pieces else None
        )
        return match[1].lower() if match is not None else ""

    def _is_literal(self, content: str, before: str, after: str) -> bool:
        """Codes, errno names, 'NoneType' object, and the one character a parser expected."""
        if content == "NoneType":
            return after.startswith(" object")
        if content[:1] == "E" and _ERRNO.match(content) is not None:
            return True
        if len(content) == 1 and not content.isalnum():
            return _EXPECTING.search(before) is not None
        key = self._key(before)
        if is_code_key(key):
            return _CODE_WORD.match(content) is not None
        return key in MESSAGE_KEYS and _CODE_UNDER_MESSAGE.match(content) is not None

    def _is_prose(self, content: str, before: str, close: int) -> bool:
        if KEPT in content:
            return True
        if self._prose_budget <= 0 or " " not in content:
            return False
        self._prose_budget -= 1
        words = [word.lower().replace("\u2019", "'") for word in _WORD.findall(content)]
        telling = any(word in FAILURE_WORDS for word in words)
        if self._key(before) in MESSAGE_KEYS or _CALL.search(before) is not None:
            return len(words) >= 2
        alone = self._position == 0 and not before.strip() and close >= len(self.text) - 1
        if alone:
            return len(words) >= 3
        return len(words) >= 5 and telling


def _is_escaped(text: str, at: int) -> bool:
    return at > 0 and text[at - 1] == "\\" and not (at > 1 and text[at - 2] == "\\")
