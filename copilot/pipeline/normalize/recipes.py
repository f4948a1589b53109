"""What is known of a message once its shape is: the outputs, and how its entities are made.

The work is done once for each shape: messages of one template differ in their values only.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from copilot.pipeline.normalize import marks
from copilot.pipeline.normalize.people import mask_people
from copilot.pipeline.normalize.places import fill_places
from copilot.pipeline.normalize.render import Rendered, render
from copilot.pipeline.normalize.slots import fill_slots
from copilot.pipeline.normalize.tokens import kind_of
from copilot.pipeline.normalize.walk import Walk
from copilot.pipeline.normalize.words import mark_plurals
from copilot.types import Entity

_LOOKUP = re.compile(r"KeyError|NameError|NotFound|NotExist|NoSuch|Missing|Undefined|Unknown")
_LONGEST_REMEMBERED = 2000
_FIRST_WORD, _FIRST_SPAN, _FIRST_LAYOUT = marks.WORD_VALUE, marks.SPAN_VALUE, marks.LAYOUT_VALUE
_WORDS_FROM, _SPANS_FROM, _LAYOUTS_FROM = ord(_FIRST_WORD), ord(_FIRST_SPAN), ord(_FIRST_LAYOUT)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that follows from class and shape.

    In `entities` a value is the character that stands for it, or has such characters in it; an
    entity without a kind gets it from the form of its value.
    """

    template: str
    entities: Sequence[Entity]
    exit_code: str

    def filled(
        self, words: Sequence[str], spans: Sequence[str], layouts: Sequence[Entity]
    ) -> tuple[Entity, ...]:
        """The entities of a message with these values: of its words, quotes and known layouts."""
        filled: list[Entity] = []
        for entity in self.entities:
            tag = entity.value
            if tag.isascii():
                filled.append(entity)
                continue
            if len(tag) == 1 and _FIRST_WORD <= tag < _FIRST_LAYOUT:
                if tag < _FIRST_SPAN:
                    value = words[ord(tag) - _WORDS_FROM]
                else:
                    value = spans[ord(tag) - _SPANS_FROM]
            else:
                value = _put_together(tag, words, spans, layouts)
            kind = entity.kind or kind_of(value)
            if not value.isascii():
                value = value.translate(marks.TO_EXEMPLAR)
            filled.append(Entity(kind, value))
        return tuple(filled)


def _put_together(
    tags: str, words: Sequence[str], spans: Sequence[str], layouts: Sequence[Entity]
) -> str:
    """The value of *tags*, characters that stand for values among others that don't."""
    pieces: list[str] = []
    for one in tags:
        if one < _FIRST_WORD:
            pieces.append(one)
        elif one < _FIRST_SPAN:
            pieces.append(words[ord(one) - _WORDS_FROM])
        elif one < _FIRST_LAYOUT:
            pieces.append(spans[ord(one) - _SPANS_FROM])
        else:
            pieces.append(layouts[ord(one) - _LAYOUTS_FROM].value)
    return "".join(pieces)


def work_out(exception: str, shape: str, layouts: tuple[str, ...]) -> Recipe:
    """The recipe for a shape of an error of class *exception*; *layouts*: kinds of known parts."""
    known = [Entity(kind, chr(_LAYOUTS_FROM + n)) for n, kind in enumerate(layouts)]
    walk = Walk(shape.split(" ") if shape else [], known)
    walk.run()
    if walk.counts:
        mark_plurals(walk.out, walk.counts)
    if walk.nouns or walk.colons:
        fill_slots(walk)
    if len(walk.out) == 1 and _LOOKUP.search(exception) is not None:
        _mask_argument(walk)
    template = mask_people(fill_places(" ".join(walk.out), walk), walk)
    return Recipe(template, tuple(walk.entities), walk.exit_code)


def look_up(exception: str, shape: str, layouts: tuple[str, ...]) -> tuple[Recipe, Rendered]:
    """The recipe and its outputs, from memory for a shape that was there before."""
    if len(shape) > _LONGEST_REMEMBERED:
        return _look_up.__wrapped__(exception, shape, layouts)
    return _look_up(exception, shape, layouts)


@lru_cache(maxsize=4096)
def _look_up(exception: str, shape: str, layouts: tuple[str, ...]) -> tuple[Recipe, Rendered]:
    recipe = work_out(exception, shape, layouts)
    return recipe, render(exception, recipe.template)


def _mask_argument(walk: Walk) -> None:
    """All that 'KeyError: total' says is the key."""
    word = walk.out[0]
    if marks.PART.search(word) is None and marks.KEPT not in word:
        walk.entities.append(Entity(marks.KINDS[marks.NAME], word))
        walk.out[0] = marks.NAME
