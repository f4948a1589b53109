"""The user message: a header of ours, outside text as one line of data each, an end line.

What stands between the marks can't be taken for a mark, whatever it says (`encoding`), and nobody
outside can know the marks of this message: they are made anew for each.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import JsonValue

from ...redaction import Redactor
from ...types.prompt import PromptItem
from .budget import MARK_TOKENS, MOST_BYTES, MOST_PATH_BYTES, fitted, floor, need, nested_shares
from .cleaning import Clean, clean
from .clipping import clip
from .encoding import Line, body, framed, head
from .material import SECTIONS, Piece

#: What the header, one line and the end need with any tokenizer.
MIN_BUDGET = 2_000
#: At most this part of the room is for what lines are with nothing in them.
_FRAMES_PERCENT = 60
#: The header's mark has the canary too.
_ENDS_TOKENS = 3 * MARK_TOKENS


@dataclass(frozen=True, slots=True, kw_only=True)
class Framed:
    """A message with what is in it. hidden, redacted, restored: of all items together."""

    user: str
    boundary: str
    canary: str
    items: tuple[PromptItem, ...]
    hidden: int
    redacted: Mapping[str, int]
    restored: Mapping[str, str]


#: Tokenizers take digits by threes: so many are six tokens on every line, and 60 bits.
_DIGITS = 18


def fresh() -> str:
    """A mark nobody can know before."""
    return str(secrets.randbelow(10**_DIGITS)).zfill(_DIGITS)


def frame(
    facts: Mapping[str, JsonValue],
    pieces: Sequence[Piece],
    *,
    redactor: Redactor,
    count: Callable[[str], int],
    budget: int,
    mark: Callable[[], str] = fresh,
) -> Framed:
    """*facts*, which are ours, and *pieces*, which are not, in at most *budget* tokens.

    Which pieces are told, and so the header, depends on their number, sources and weights, never
    on what they say. Raises ValueError for a budget under MIN_BUDGET.
    """
    if budget < MIN_BUDGET:
        raise ValueError(f"a prompt needs at least {MIN_BUDGET} tokens, not {budget}")
    told = _told(pieces, _room(facts, pieces, [], count, budget), count)
    header = _header(facts, pieces, told)
    cleaned = [clean(one.text, redactor) for one in told]
    lines = [_line(one, found) for one, found in zip(told, cleaned, strict=True)]
    lines = _fit(told, lines, _room(facts, pieces, told, count, budget), count)
    bodies = [body(line) for line in lines]
    boundary, canary = _marks([header, *bodies, *_revealed(lines)], mark)
    return Framed(
        user=framed(header, bodies, boundary=boundary, canary=canary),
        boundary=boundary,
        canary=canary,
        items=tuple(_item(number, line) for number, line in enumerate(lines)),
        hidden=sum(found.hidden for found in cleaned),
        redacted=_summed(cleaned),
        restored={name: value for found in cleaned for name, value in found.restored.items()},
    )


def _header(facts: Mapping[str, JsonValue], pieces: Sequence[Piece], told: Sequence[Piece]) -> str:
    items = Counter(one.section for one in told)
    missing = Counter(one.section for one in pieces) - items
    counted: dict[str, JsonValue] = {"items": dict[str, JsonValue](items)}
    if missing:
        counted["left_out"] = dict[str, JsonValue](missing)
    return head({**facts, **counted})


def _room(
    facts: Mapping[str, JsonValue],
    pieces: Sequence[Piece],
    told: Sequence[Piece],
    count: Callable[[str], int],
    budget: int,
) -> int:
    """Tokens that are left for the lines of data."""
    return budget - count(_header(facts, pieces, told)) - _ENDS_TOKENS


def _told(pieces: Sequence[Piece], room: int, count: Callable[[str], int]) -> list[Piece]:
    """The pieces there is room for, section by section; those of the least weight go first."""
    place = {section: number for number, section in enumerate(SECTIONS)}
    order = sorted(range(len(pieces)), key=lambda one: (-pieces[one].weight, one))
    left = room * _FRAMES_PERCENT // 100
    kept: list[int] = []
    for one in order:
        left -= floor(_empty(pieces[one]), count)
        if left < 0:
            break
        kept.append(one)
    return [pieces[one] for one in sorted(kept, key=lambda one: (place[pieces[one].section], one))]


def _empty(piece: Piece) -> Line:
    return Line(section=piece.section, source=piece.text.source, path="", text="")


def _line(piece: Piece, found: Clean) -> Line:
    """What there is to tell, before anybody asks whether there is room for it."""
    text = clip(found.text, MOST_BYTES)
    return replace(
        _empty(piece),
        path=clip(found.path, MOST_PATH_BYTES).text,
        text=text.text,
        hidden=found.hidden,
        dropped_bytes=found.skipped + text.dropped_bytes,
    )


def _fit(
    told: Sequence[Piece], lines: Sequence[Line], room: int, count: Callable[[str], int]
) -> list[Line]:
    """*lines* clipped to fit into *room* together: each has its floor, the rest is shared."""
    floors = [floor(line, count) for line in lines]
    wanted = [max(0, need(line, count) - low) for line, low in zip(lines, floors, strict=True)]
    sections = list(SECTIONS)
    groups: list[list[int]] = [
        [number for number, one in enumerate(told) if one.section == section]
        for section in sections
    ]
    given = nested_shares(
        [[(wanted[number], told[number].weight) for number in group] for group in groups],
        [SECTIONS[section] for section in sections],
        room - sum(floors),
    )
    allotted = dict[int, int]()
    for group, part in zip(groups, given, strict=True):
        allotted.update(zip(group, part, strict=True))
    return [
        fitted(line, floors[number] + allotted[number], count) for number, line in enumerate(lines)
    ]


def _marks(texts: Sequence[str], mark: Callable[[], str]) -> tuple[str, str]:
    """A boundary and a canary that stand in none of *texts*, and differ."""
    boundary, canary = mark(), mark()
    while boundary == canary or any(boundary in text or canary in text for text in texts):
        boundary, canary = mark(), mark()
    return boundary, canary


def _revealed(lines: Sequence[Line]) -> list[str]:
    return [text for line in lines for text in (line.text, line.path)]


def _item(number: int, line: Line) -> PromptItem:
    return PromptItem(
        number=number,
        section=line.section,
        source=line.source,
        path=line.path,
        text=line.text,
        hidden=line.hidden,
        dropped_bytes=line.dropped_bytes,
    )


def _summed(cleaned: Sequence[Clean]) -> dict[str, int]:
    found = Counter[str]()
    for one in cleaned:
        found.update(one.redacted)
    return dict(sorted(found.items()))
