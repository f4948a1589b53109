"""Walks over the words of a message and replaces the variable ones by marks.

This pass looks at one word and its neighbours, mostly through a memo of words known to be
plain. What is a name only because of where it stands ("table orders does not exist") is left to
`copilot.pipeline.normalize.slots`, for the places this pass has noted.
"""

from dataclasses import dataclass, field

from copilot.pipeline.normalize import marks
from copilot.pipeline.normalize.codes import keeps_number, keeps_pair
from copilot.pipeline.normalize.tokens import classify, kind_of
from copilot.pipeline.normalize.words import Role, Word, read_word
from copilot.types import Entity

MOST_WORDS = 400

_MEMO_LIMIT = 50_000
_known: dict[str, Role] = {}  # words that need no second look; a cache, never a state
_PLAIN, _NOUN, _COLON = Role.PLAIN, Role.NOUN, Role.COLON


@dataclass(slots=True)
class Walk:
    """The words of one message on their way to a template."""

    words: list[str]
    spans: list[str]
    entities: list[Entity]
    out: list[str] = field(default_factory=list[str])
    nouns: list[int] = field(default_factory=list[int])
    colons: list[int] = field(default_factory=list[int])
    counts: list[int] = field(default_factory=list[int])
    exit_code: str = ""
    has_status: bool = False
    next_span: int = 0

    def run(self) -> None:
        """Fills `out` with the words, variable ones replaced, and `entities` with those."""
        out, known = self.out, _known
        for index, text in enumerate(self.words):
            role = known.get(text)
            if role is None:
                role = self._read(index, text)
            if role is _PLAIN:
                out.append(text)
            elif role is _NOUN:
                self.nouns.append(len(out))
                out.append(text)
            elif role is _COLON:
                self.colons.append(len(out))
                out.append(text)

    def _read(self, index: int, text: str) -> Role:
        if text.isdigit() and text.isascii():
            self.out.append(self._number(index, text))
            return Role.NUMBER
        word = read_word(text)
        role = word.role
        if role is _PLAIN or role is _NOUN or role is _COLON:
            if len(_known) < _MEMO_LIMIT:
                _known[text] = role
        elif role is Role.UNIT:
            self._unit(index, text, word)
        else:
            self.out.append(f"{word.lead}{self._part(index, word)}{word.trail}")
        return role

    def _part(self, index: int, word: Word) -> str:
        role = word.role
        if role is Role.VALUE:
            if word.mark == marks.NUMBER:
                self.counts.append(len(self.out))
            return self._mask(word.mark, word.core)
        if role is Role.NUMBER:
            return self._number(index, word.core)
        if role is Role.MARKED:
            return self._marked(word.core)
        if role is Role.PAIR:
            return self._pair(word)
        if role is Role.STATUS:
            self.has_status = True
        elif role is Role.SCALAR and self._is_value(index):
            return self._mask(marks.VALUE, word.core)
        return word.core

    def _unit(self, index: int, text: str, word: Word) -> None:
        """'30', 's' is one duration; without a number before it a unit is a word."""
        out = self.out
        before = marks.TIME if word.mark == marks.TIME else marks.NUMBER
        if not out or out[-1][-1:] != before:
            out.append(text)
            return
        out[-1] = f"{out[-1][:-1]}{word.mark}{word.trail}"
        value = self.entities[-1].value
        self.entities[-1] = Entity(marks.KINDS[word.mark], f"{value} {word.core}")

    def _is_value(self, index: int) -> bool:
        """A word such as None is a value behind a JSON key, or as the last word behind a colon."""
        if not self.out:
            return False
        last = index + 1 == len(self.words) and self.out[-1][-1:] == ":"
        return marks.JSON_KEY in self.out[-1] or last

    def _marked(self, core: str) -> str:
        """A word with masked parts in it already."""
        spans = core.count(marks.STR) + core.count(marks.OBJECT)
        if core in marks.EVERY_PART or marks.JSON_KEY in core:
            return self._pass_spans(core, spans)
        name, equals, value = core.partition("=")
        if equals and marks.PART.search(name) is None:
            if value in marks.EVERY_PART:
                return self._pass_spans(core, spans)
            mark = classify(value) or marks.VALUE
            return f"{name}={self._mask(mark, self._restore(value, spans))}"
        mark = classify(core)
        if not mark:
            return self._pass_spans(core, spans)
        return self._mask(mark, self._restore(core, spans))

    def _pass_spans(self, core: str, spans: int) -> str:
        """*core* as it is; the quoted parts in it become entities."""
        for value in self.spans[self.next_span : self.next_span + spans]:
            self.entities.append(Entity(kind_of(value), _shown(value)))
        self.next_span += spans
        return core

    def _restore(self, core: str, spans: int) -> str:
        for value in self.spans[self.next_span : self.next_span + spans]:
            place = marks.PART.search(core)
            if place is not None:
                core = f"{core[: place.start()]}{value}{core[place.end() :]}"
        self.next_span += spans
        return core.translate(marks.TO_EXEMPLAR)

    def _mask(self, mark: str, value: str) -> str:
        self.entities.append(Entity(marks.KINDS[mark], _shown(value)))
        return mark

    def _number(self, index: int, core: str) -> str:
        kept = keeps_number(core, self.out, self.words[index + 1 : index + 2], self.has_status)
        if kept == "exit":
            self.exit_code = self.exit_code or core
        elif kept:
            self.has_status = self.has_status or kept == "status"
            return core
        self.counts.append(len(self.out))
        return self._mask(marks.NUMBER, core)

    def _pair(self, word: Word) -> str:
        kept = keeps_pair(word.name, word.core)
        if kept == "exit":
            self.exit_code = self.exit_code or word.core
        elif kept:
            return f"{word.name}{word.core}"
        return f"{word.name}{self._mask(word.mark, word.core)}"


def _shown(value: str) -> str:
    """*value* without marks of our own, when a part was masked inside it before."""
    return value if value.isascii() else value.translate(marks.TO_EXEMPLAR)
