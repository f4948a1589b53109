"""The small notations entries are written in: phrases, bounded expressions, texts with slots.

Phrase: plain words, matched without regard to case and only as whole words; a `*` at an end lets
the word go on there. `a | b` means either. Expression: a regular expression in which nothing may
repeat without an upper bound, with `<q:name>` for a quoted name, `<w:name>` for a word, quoted or
not, and `<n:name>` for a number. Text: `[with {name}|without]` takes the first wording when every
name in it was found in the error, else the second.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

MAX_REPEAT = 200
MAX_WIDE_REPEATS = 6
WIDE_REPEAT = 20
MAX_OCCURRENCES = 8

_QUOTE = r"\\?[\"'`\u201c\u201d\u2018\u2019\u00ab\u00bb]"
_MACROS = {
    "q": _QUOTE + r"(?P<%s>[^\"'`\u201c\u201d\u2018\u2019\u00ab\u00bb\\\r\n]{1,100})" + _QUOTE,
    "w": rf"(?:{_QUOTE})?(?P<%s>[\w@$./:-]{{1,80}})(?:{_QUOTE})?",
    "n": r"(?P<%s>\d[\d,_]{0,15}(?:\.\d{1,4})?)",
}
WORD = re.compile(r"[^\W_]+")
_MACRO = re.compile(r"<([qwn]):([a-z_]+)>")
_REPEAT = re.compile(r"\{(?=[\d,])(\d*)(,?)(\d*)\}")
_CHOICE = re.compile(r"\[([^\[\]|]*)\|([^\[\]|]*)\]")
_SLOT = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True, eq=False)
class Phrase:
    """Words to look for; `head` and `tail` tell whether the word has to begin and end there.

    Compared by identity: `phrase` gives one object for one source.
    """

    words: str
    head: bool
    tail: bool
    whole: frozenset[str]

    def find(self, text: str) -> int:
        """Where it first stands in lower-case *text*, or -1; looks at a few occurrences only."""
        position = text.find(self.words)
        for _ in range(MAX_OCCURRENCES):
            if position < 0 or self._stands_alone(text, position):
                return position
            position = text.find(self.words, position + 1)
        return -1

    def _stands_alone(self, text: str, position: int) -> bool:
        end = position + len(self.words)
        if self.head and position > 0 and text[position - 1].isalnum():
            return False
        return not (self.tail and end < len(text) and text[end].isalnum())


@cache
def phrase(source: str) -> Phrase:
    """Read one phrase. Raises ValueError when nothing is left to look for."""
    words = source.strip().lower()
    head = words.startswith("*")
    tail = words.endswith("*")
    words = words.strip("*")
    if len(words.strip()) < 2:
        raise ValueError(f"the phrase {source!r} is too short to mean anything")
    head, tail = not head and words[0].isalnum(), not tail and words[-1].isalnum()
    whole = frozenset(
        word[0]
        for word in WORD.finditer(words)
        if (head or word.start() > 0) and (tail or word.end() < len(words))
    )
    return Phrase(words, head, tail, whole)


def alternatives(source: str) -> tuple[Phrase, ...]:
    """Read `a | b | c`."""
    return tuple(phrase(part) for part in source.split(" | "))


@cache
def expression(source: str) -> re.Pattern[str]:
    """Compile a bounded expression. Raises ValueError, naming the part that is not bounded."""
    text = _MACRO.sub(lambda found: _MACROS[found[1]] % found[2], source)
    _refuse_unbounded(text)
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error as problem:
        raise ValueError(f"{source!r} is not a valid expression: {problem}") from problem


def _refuse_unbounded(text: str) -> None:
    wide = 0
    for sign, after_group in _repeats(text):
        if sign in {"*", "+"}:
            raise ValueError(f"{sign!r} repeats without a bound; write {{0,80}}")
        if sign == "?":
            continue
        bound = _REPEAT.fullmatch(sign)
        upper = int(bound[3] or (bound[1] if not bound[2] else "0") or 0) if bound else 0
        if not 0 < upper <= MAX_REPEAT:
            raise ValueError(f"{sign!r} needs an upper bound of at most {MAX_REPEAT}")
        if after_group:
            raise ValueError(f"{sign!r} repeats a group; spell it out")
        wide += upper >= WIDE_REPEAT
    if wide > MAX_WIDE_REPEATS:
        raise ValueError(f"more than {MAX_WIDE_REPEATS} wide repeats in one expression")


_TOKEN = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?(?:P<\w+>|-?i?:|[=!]|<[=!])|\{(?:\d+,?\d*|,\d*)\}|.", re.S
)


def _repeats(text: str) -> list[tuple[str, bool]]:
    """Every repetition in an expression, with whether a group stands before it."""
    tokens = _TOKEN.findall(text)
    return [
        (token, before == ")")
        for before, token in zip(["", *tokens], tokens, strict=False)
        if token in {"*", "+", "?"} or _REPEAT.fullmatch(token)
    ]


#: What a macro adds to `ways`: a quoted name ends at its quote, a word may go on in the next one.
_MACRO_WAYS = {"q": 2, "w": 80, "n": 16}


def ways(source: str) -> int:
    """An upper bound on how many ways an expression can be tried at one place of a text.

    Repeats beside each other that take the same characters multiply, so that a bound on each of
    them is no bound on the work.
    """
    open_groups = [[0, 1]]  # of each: ways of the alternatives before, and of the present one
    for sign in _TOKEN.findall(_MACRO.sub(_macro_as_repeat, source)):
        group = open_groups[-1]
        if sign == "(" or sign.startswith("(?"):
            open_groups.append([0, 1])
        elif sign == ")" and len(open_groups) > 1:
            open_groups.pop()
            open_groups[-1][1] *= sum(group)
        elif sign == "|":
            group[:] = [sum(group), 1]
        elif sign == "?":
            group[1] *= 2
        elif bound := _REPEAT.fullmatch(sign):
            least = int(bound[1] or 0)
            group[1] *= max(1, (int(bound[3]) if bound[3] else least) - least + 1)
    return max(1, *(sum(group) for group in open_groups))


def _macro_as_repeat(macro: re.Match[str]) -> str:
    return f"x{{1,{_MACRO_WAYS[macro[1]]}}}"


def slots(text: str) -> frozenset[str]:
    """Names a text can show."""
    return frozenset(_SLOT.findall(text))


def check_text(text: str) -> str:
    """Return *text*. Raises ValueError when a slot in it has no wording to fall back on."""
    outside = slots(_CHOICE.sub(lambda found: found[2], text))
    if outside:
        names = ", ".join(sorted(outside))
        raise ValueError(f"write [with {{name}}|without] around {names}")
    if {"[", "]"} & set(_CHOICE.sub("", text)):
        raise ValueError("a bracket is open, nested, or has not exactly one |")
    return text


def fill(text: str, names: Mapping[str, str]) -> str:
    """Put the names found in the error into a text."""

    def choose(found: re.Match[str]) -> str:
        with_names, without = found[1], found[2]
        if slots(with_names) <= names.keys():
            return _SLOT.sub(lambda slot: names[slot[1]], with_names)
        return without

    return _CHOICE.sub(choose, text)


def sentence(text: str, names: Mapping[str, str]) -> str:
    """*text* with *names* put in, from the capital on; a name keeps the letters it has."""
    filled = fill(text, names)
    begins_so = fill(text, dict.fromkeys(names, ""))[:1]
    return filled[:1].upper() + filled[1:] if filled.startswith(begins_so) else filled
