"""Walks over the words of a shape and turns it into a template.

This pass looks at one word and its neighbours. What is a name only because of where it stands
("table orders does not exist") is left to `copilot.pipeline.normalize.slots`, for the places this
pass has noted.
"""

from dataclasses import dataclass, field

from copilot.pipeline.normalize import marks
from copilot.pipeline.normalize.codes import keeps_number, keeps_pair
from copilot.pipeline.normalize.tokens import classify
from copilot.pipeline.normalize.words import Role, Word, read_word
from copilot.types import Entity

_PLAIN, _NOUN, _COLON = Role.PLAIN, Role.NOUN, Role.COLON


@dataclass(slots=True)
class Walk:
    """The words of one shape on their way to a template.

    Values that were set aside are in `entities` as the characters that stand for them.
    """

    words: list[str]
    entities: list[Entity]
    out: list[str] = field(default_factory=list[str])
    nouns: list[int] = field(default_factory=list[int])
    colons: list[int] = field(default_factory=list[int])
    counts: list[int] = field(default_factory=list[int])
    exit_code: str = ""
    has_status: bool = False
    next_span: int = 0
    next_value: int = 0

    def run(self) -> None:
        """Fills `out` with the words, variable ones replaced, and `entities` with those."""
        out = self.out
        for index, text in enumerate(self.words):
            if marks.ASIDE in text or marks.PAIR_ASIDE in text:
                out.append(self._aside(text))
                continue
            word = read_word(text)
            if word.role is Role.UNIT:
                self._unit(text, word)
                continue
            if word.role is _NOUN:
                self.nouns.append(len(out))
            elif word.role is _COLON:
                self.colons.append(len(out))
            plain = word.role in (_PLAIN, _NOUN, _COLON)
            out.append(text if plain else f"{word.lead}{self._part(index, word)}{word.trail}")

    def name(self, value: str, *, mark: str = marks.NAME) -> str:
        """The mark for *value*, a name that only its place gives away."""
        return self._mask(mark, value.translate(marks.TO_EXEMPLAR))

    def _aside(self, text: str) -> str:
        """A word whose value the shape has set aside already."""
        lead, tag, rest = text.partition(marks.ASIDE)
        if not tag:
            lead, _, rest = text.partition(marks.PAIR_ASIDE)
        elif rest[0] == marks.NUMBER:
            self.counts.append(len(self.out))
        self._mask(rest[0], chr(ord(marks.WORD_VALUE) + self.next_value))
        self.next_value += 1
        return lead + rest

    def _part(self, index: int, word: Word) -> str:
        role = word.role
        if role is Role.NUMBER:
            return self._number(index, word.core)
        if role is Role.MARKED:
            return self._marked(word.core)
        if role is Role.PAIR:
            if keeps_pair(word.name, word.core) == "exit":
                self.exit_code = self.exit_code or word.core
                return f"{word.name}{self._mask(word.mark, word.core)}"
            return f"{word.name}{word.core}"
        if role is Role.STATUS:
            self.has_status = True
        elif role is Role.SCALAR and self._is_value(index):
            return self._mask(marks.VALUE, word.core)
        return word.core

    def _unit(self, text: str, word: Word) -> None:
        """'30', 's' is one duration; without a number before it a unit is a word."""
        out = self.out
        before = marks.TIME if word.mark == marks.TIME else marks.NUMBER
        counted = out[-1].removesuffix(".") if out else ""  # '512. MiB'
        if counted[-1:] != before:
            out.append(text)
            return
        out[-1] = f"{counted[:-1]}{word.mark}{word.trail}"
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
        """*core* as it is; the quoted parts in it become entities of a kind their form tells."""
        self.entities += [Entity("", value) for value in self._take_spans(spans)]
        return core

    def _restore(self, core: str, spans: int) -> str:
        for value in self._take_spans(spans):
            place = marks.PART.search(core)
            if place is not None:
                core = f"{core[: place.start()]}{value}{core[place.end() :]}"
        return core.translate(marks.TO_EXEMPLAR)

    def _take_spans(self, spans: int) -> list[str]:
        first = ord(marks.SPAN_VALUE) + self.next_span
        self.next_span += spans
        return [chr(first + n) for n in range(spans)]

    def _mask(self, mark: str, value: str) -> str:
        self.entities.append(Entity(marks.KINDS[mark], value))
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
