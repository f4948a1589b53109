"""Placeholders: how they are written, numbered and told from those that a text brings along."""

import re
from collections.abc import Iterable
from functools import cache
from hashlib import blake2b

from . import people, tokens

#: What the rules of structure call their findings.
STRUCTURAL = [
    "private-key",
    "url-password",
    "url-token",
    "authorization",
    "jwt",
    "cookie",
    "url-secret",
    "password",
    "token",
    "api-key",
    "secret",
]
WORKSPACE = "workspace-secret"

_MOST_DIGITS = 9


@cache
def placeholder() -> re.Pattern[str]:
    """Matches what one of ours looks like, with a number or, from `mask_secrets`, without.

    Only our own kinds: what else stands in double brackets is text.
    """
    kinds = {rule.kind for rule in tokens.rules()} | {*STRUCTURAL, *people.KINDS, WORKSPACE}
    names = "|".join(map(re.escape, sorted(kinds, key=lambda kind: (-len(kind), kind))))
    return re.compile(rf"\[\[(?:{names})(?::(?P<number>[1-9]\d{{0,{_MOST_DIGITS - 1}}}))?\]\]")


class Issued:
    """The numbers one redactor has given out, and the numbers it must not give out any more.

    A text may hold `[[email:1]]` because its writer hoped that we put an address there. A number
    that a text brings along before we have issued it is never issued; one that we have issued
    gets another, which stands for nothing. Only a text that we have written ourselves, to the
    letter, keeps its placeholders and what they stand for.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._originals: dict[int, tuple[str, str]] = {}
        self._foreign: set[int] = set()
        self._moved: dict[str, int] = {}
        self._written: set[bytes] = set()
        self._next = 1

    def is_own(self, text: str) -> bool:
        return bool(self._written) and _digest(text) in self._written

    def remember(self, text: str) -> None:
        """*text* is ours: what stands in it was put there by us."""
        self._written.add(_digest(text))

    def disowned(self, text: str) -> str:
        """*text*, which is not ours, with numbers that stand for nothing of ours."""
        if "[[" not in text:
            return text
        return placeholder().sub(self._moved_on, text)

    def _moved_on(self, found: re.Match[str]) -> str:
        if found["number"] is None:
            return found[0]
        number = int(found["number"])
        if number not in self._originals:
            self._foreign.add(number)
            return found[0]
        moved = self._moved.get(found[0])
        if moved is None:
            moved = self._moved[found[0]] = self._unused()
            self._foreign.add(moved)
        return f"{found[0].partition(':')[0]}:{moved}]]"

    def number(self, kind: str, value: str) -> str:
        """The placeholder of *value*; the same number for the same value, whatever its kind."""
        number = self._numbers.get(value)
        if number is None:
            number = self._numbers[value] = self._unused()
            self._originals[number] = (kind, value)
        return f"[[{kind}:{number}]]"

    def _unused(self) -> int:
        while self._next in self._foreign:
            self._next += 1
        self._next += 1
        return self._next - 1

    def restored(self, text: str, kinds: Iterable[str]) -> dict[str, str]:
        """What stands for each of our placeholders of these *kinds* in *text*."""
        wanted = frozenset(kinds)
        restored: dict[str, str] = {}
        for found in placeholder().finditer(text):
            kind, value = self._originals.get(int(found["number"] or 0), ("", ""))
            if kind in wanted and found[0].startswith(f"[[{kind}:"):
                restored[found[0]] = value
        return restored


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
