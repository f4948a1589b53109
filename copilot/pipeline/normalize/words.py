"""Reads one word: its punctuation, and what it is, as far as the word alone tells."""

import re
from enum import Enum, auto
from typing import NamedTuple

from copilot.pipeline.normalize import marks
from copilot.pipeline.normalize.lexicon import NAMED_THINGS, UNITS, words
from copilot.pipeline.normalize.tokens import (
    classify,
    classify_unmarked,
    is_number,
    pair,
    shorten_class,
)

_PLAIN = re.compile(r"[A-Za-z]{1,32}(?:['\u2019][A-Za-z]{1,3})?[.,;!?]?$")
_LEAD = "([{<,;|*=\u2022"
_TRAIL = ")]}>.,;:!?|*"
_SCALARS = words("null None true false True False nil NaN undefined inf -inf nan")
_BRACKETS = frozenset("()[]{}")
_TIME_WORDS = words("am pm gmt utc cet cest est edt pst pdt")
_ALL_UNITS = UNITS["duration"] | UNITS["size"]
_HEADED = re.compile(r"[A-Za-z_.({\[]{1,200}[(\[{]")
_COLON = re.compile(r"[(\[{,;]{0,3}[A-Za-z_]{1,60}:$")
_STATUS_PAIR = re.compile(r"(?i:status|code|status_?code|http)[:/][1-5]\d\d$")
_STATUS_SIGNS = frozenset(":/")
_UNSEEN = re.compile(f"[{marks.JSON_KEY}\ue000-\ue010]")


class Role(Enum):
    """What the walk has to do with a word."""

    PLAIN = auto()
    NOUN = auto()  # a name may follow
    COLON = auto()  # 'key:', a value may follow
    UNIT = auto()
    NUMBER = auto()
    SCALAR = auto()  # None, true: a value in some places
    PAIR = auto()  # name=value
    STATUS = auto()  # 'status:429'
    MARKED = auto()  # has masked parts in it
    VALUE = auto()
    WORD = auto()  # vocabulary with punctuation around it


class Word(NamedTuple):
    """A word in parts. `name` ends with '=' and is there for a pair only."""

    role: Role
    lead: str = ""
    core: str = ""
    trail: str = ""
    mark: str = ""
    name: str = ""


# Looking up a member of an enumeration takes longer than all else done with it.
_IS_UNIT, _IS_NUMBER, _IS_SCALAR, _IS_PAIR = Role.UNIT, Role.NUMBER, Role.SCALAR, Role.PAIR
_IS_STATUS, _IS_MARKED, _IS_VALUE, _IS_WORD = Role.STATUS, Role.MARKED, Role.VALUE, Role.WORD
_PLAIN_WORD, _NOUN_WORD, _COLON_WORD = Word(Role.PLAIN), Word(Role.NOUN), Word(Role.COLON)


def read_word(text: str) -> Word:
    """What *text*, a word between blanks, is."""
    if _PLAIN.match(text) is not None:
        return _read_plain(text)
    if text[-1] == ":" and _COLON.match(text) is not None:
        return _COLON_WORD
    lead, core, trail = _peel(text)
    if core.isdigit() and core.isascii():
        return Word(_IS_NUMBER, lead, core, trail)
    if not core:
        return Word(_IS_WORD, lead, core, trail)
    if not core.isascii():
        if marks.KEPT in core:
            return Word(_IS_WORD, lead, core, trail)
        if _UNSEEN.search(core) is not None:
            return Word(_IS_MARKED, lead, core, trail)
    if is_number(core):
        return Word(_IS_NUMBER, lead, core, trail)
    return _read_core(lead, core, trail)


def _read_plain(text: str) -> Word:
    core = text.rstrip(".,;!?")
    lowered = core.lower()
    if lowered in _ALL_UNITS:
        return Word(_IS_UNIT, "", core, text[len(core) :], _unit_mark(lowered))
    if lowered in _TIME_WORDS:
        return Word(_IS_UNIT, "", core, text[len(core) :], marks.TIME)
    if lowered in NAMED_THINGS or lowered.removesuffix("s") in NAMED_THINGS:
        return _NOUN_WORD
    if core in _SCALARS:
        return Word(_IS_SCALAR, "", core, text[len(core) :])
    return _PLAIN_WORD


def _read_core(lead: str, core: str, trail: str) -> Word:
    lowered = core.lower()
    if lowered in _ALL_UNITS and not lead:
        return Word(_IS_UNIT, "", core, trail, _unit_mark(lowered))
    if core in _SCALARS:
        return Word(_IS_SCALAR, lead, core, trail)
    if "=" in core and "://" not in core.partition("=")[0]:
        named = pair(core)
        if named is not None:
            name, value = named
            if name.endswith("=="):  # 'acme==1.2', what is required
                return Word(_IS_VALUE, lead, core, trail, marks.NAME)
            return Word(_IS_PAIR, lead, value, trail, classify(value) or marks.VALUE, name)
    if (
        core[-3:].isdigit()
        and core[-4:-3] in _STATUS_SIGNS
        and _STATUS_PAIR.match(core) is not None
    ):
        return Word(_IS_STATUS, lead, core, trail)
    mark = classify_unmarked(core)
    if mark:
        return Word(_IS_VALUE, lead, core, trail, mark)
    short = shorten_class(core)
    return _PLAIN_WORD if short == core else Word(_IS_WORD, lead, short, trail)


def _unit_mark(unit: str) -> str:
    return marks.SIZE if unit in UNITS["size"] else marks.DURATION


def _peel(text: str) -> tuple[str, str, str]:
    """*text* as opening punctuation, core and closing punctuation."""
    body = text.lstrip(_LEAD)
    lead = text[: len(text) - len(body)]
    core = body.rstrip(_TRAIL)
    trail = body[len(core) :]
    if core.isalnum() or _BRACKETS.isdisjoint(core):
        return lead, core, trail
    return _balance(lead, core, trail)


def _balance(lead: str, core: str, trail: str) -> tuple[str, str, str]:
    """Brackets that belong to the core go back to it; an opened call stays before it."""
    for opening, closing in ("()", "[]"):
        if lead[-1:] == opening and core.count(closing) > core.count(opening):
            lead, core = lead[:-1], opening + core
        if trail[:1] == closing and core.count(opening) > core.count(closing):
            core, trail = core + closing, trail[1:]
    if len(core) <= 256 and core[-1:] not in ")]":
        headed = _HEADED.match(core)
        if headed is not None:
            lead, core = lead + headed[0], core[headed.end() :]
    return lead, core, trail


def mark_plurals(out: list[str], counts: list[int]) -> None:
    """'2 errors' and '1 error' share a key: the s of the words behind a count is set apart."""
    for count in counts:
        for index in range(count + 1, min(count + 4, len(out))):
            word = out[index]
            if not out[index - 1][-1:].isalpha() and index > count + 1:
                break
            core = word if word[-1:].isalpha() else word.rstrip(_TRAIL)
            if core[-1:] == "s" and core[-2:-1] not in "sui" and len(core) > 3:
                out[index] = f"{core[:-1]}{marks.PLURAL}{word[len(core) :]}"
