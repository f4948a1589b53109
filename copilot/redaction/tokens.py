"""How the keys of providers look, from the formats they document, and where they are in a text.

A literal followed by fewer characters than its provider issues, by words or by a stand-in is left.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

from .shapes import drawn, stands_in, varied
from .spans import LOOSE_TOKEN, TOKEN, Finder, Span
from .tokens_data import AI, CLOUD, CODE, DATA, MESSAGES, MONEY, OPERATIONS, WHOLE

#: A key does not begin in the middle of a word, but may follow an escape such as `\n` or `%3D`.
START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-F][0-9A-F]))"
_START_RE2 = r"(?:\b|_|\\[nrt]|%[0-9A-F][0-9A-F])"
#: How many characters of a key the gate looks at: enough to keep words out.
_GATE_CHARS = 12
_FIRST_CLASS = re.compile(r"(\[[^\]]+\]|\\[wd])\{(\d+)")


@dataclass(frozen=True)
class Rule:
    """kind: as in placeholders. literals: one of them stands in every match, as written.

    loose: the beginning is also found in words, so the rest has to look drawn at random.
    """

    kind: str
    literals: tuple[str, ...]
    expression: str
    gate: str
    loose: bool = False

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.expression)

    def find(self, text: str) -> Iterator[Span]:
        for found in self.pattern.finditer(text):
            # a key is what follows its literal, the group that took part, or all of it
            begun = "rest" in found.re.groupindex
            goes = 1 if begun else found.lastindex or 0
            if self._is_key(found["rest"] if begun else found[goes]):
                yield Span(*found.span(goes), self.kind, LOOSE_TOKEN if self.loose else TOKEN)

    def _is_key(self, rest: str) -> bool:
        if stands_in(rest):
            return False
        return drawn(rest) if self.loose else varied(rest)


def _begun(kind: str, literals: str, tail: str) -> Rule:
    """A rule whose keys begin with one of *literals*."""
    each, loose = tuple(literals.split()), kind.endswith("?")
    beginnings = "|".join(map(re.escape, each))
    first = _FIRST_CLASS.match(tail)
    rest = rf"[\w+/=.%~|:$-]{{{_GATE_CHARS - 4}}}"
    if first is not None:
        most = int(first[2]) if loose else _GATE_CHARS
        rest = f"{first[1]}{{{min(int(first[2]), most)}}}"
    return Rule(
        kind.rstrip("?"),
        each,
        f"{START}(?P<key>(?:{beginnings})(?P<rest>{tail}))",
        f"{_START_RE2}(?:{beginnings}){rest}",
        loose=loose,
    )


@cache
def rules() -> tuple[Rule, ...]:
    """All of them."""
    begun = (
        line for lines in (AI, CLOUD, CODE, OPERATIONS, MESSAGES, MONEY, DATA) for line in lines
    )
    return (
        *(_begun(*line) for line in begun),
        *(
            Rule(kind, tuple(literals.split(" ")), expression, gate)
            for kind, literals, gate, expression in WHOLE
        ),
    )


@cache
def finders() -> tuple[Finder, ...]:
    return tuple(Finder(rule.gate, rule.find) for rule in rules())
