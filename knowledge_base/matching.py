"""Which entries speak about an observation, and how strongly."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from knowledge_base import notation
from knowledge_base.entry import Entry, Pattern, Provider
from knowledge_base.notation import Phrase
from knowledge_base.observation import Observation

WINDOW_BEFORE = 160
WINDOW_AFTER = 300
MAX_WINDOWS = 3
TRACEBACK_PENALTY = 12
ROOT_BONUS = 4

SPOKEN_OF_PENALTY = 30

#: Before words that are denied or expected: they are spoken of and did not happen.
_SPOKEN_OF = re.compile(
    r"\bassert\b[^\n]{0,80}$"
    r"|\bexpected\b(?![^\n]{0,60}\b(?:but|got|received|instead|actual)\b)[^\n]{0,40}$"
    r"|\bdid not raise\b[^\n]{0,40}$"
    r"|\b(?:no|without|never)\s{1,2}$"
)
#: Before a code that is only what something is called.
_CALLED = re.compile(
    r"\b(?:titled|named|called|label|column|keyerror:)\s{1,2}['\"`][^'\"`\n]{0,60}$"
)
_DENIED_BEHIND = re.compile(
    r"[^\n.]{0,40}\b(?:is not the (?:reason|cause)|none was (?:thrown|raised)|was not (?:thrown|raised|hit))"
)
_BEFORE = 100
#: How a frame of a Python traceback begins, in lower case.
_FRAME = 'file "'
_ROOT = re.compile(
    r"caused by:|root cause:|original error:|inner exception:|reason:|underlying error:"
)


@dataclass(frozen=True, slots=True)
class Match:
    """One reason to name an entry: a weight from 1 to 100, the place and the words."""

    entry: str
    root_cause: str
    weight: int
    position: int
    text: str
    names: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class _Rule:
    """A pattern, compiled. `has` holds for every condition the alternatives that meet it.

    by_code: the code decides, and stands where the match does; `has` only tells whose code it is.
    """

    entry: str
    root_cause: str
    weight: int
    has: tuple[tuple[Phrase, ...], ...]
    facts: frozenset[str]
    action: tuple[Phrase, ...]
    trace: tuple[Phrase, ...]
    frames: tuple[Phrase, ...]
    find: re.Pattern[str] | None
    unless: tuple[Phrase, ...]
    by_code: bool = False


class _Reading:
    """One pass over an observation; every phrase is searched at most once."""

    def __init__(self, seen: Observation) -> None:
        self.seen = seen
        self.words = frozenset(notation.WORD.findall(seen.lower))
        self._found: dict[Phrase, int] = {}

    def position(self, phrase: Phrase) -> int:
        known = self._found.get(phrase)
        if known is None:
            known = self._found[phrase] = phrase.find(self.seen.lower)
        return known

    def first(self, options: Sequence[Phrase]) -> tuple[Phrase, int] | None:
        words, found = self.words, self._found
        for option in options:
            if option.whole <= words:  # cheaper than a look at the text
                position = found.get(option)
                if position is None:
                    position = self.position(option)
                if position >= 0:
                    return option, position
        return None

    def search(self, what: re.Pattern[str], options: Sequence[Phrase]) -> re.Match[str] | None:
        """Look for an expression near the first few occurrences of any of the phrases."""
        for position in islice(self._occurrences(options), MAX_WINDOWS):
            start = max(0, position - WINDOW_BEFORE)
            found = what.search(self.seen.text, start, position + WINDOW_AFTER)
            if found:
                return found
        return None

    def _occurrences(self, options: Sequence[Phrase]) -> Iterator[int]:
        """Places where one of the phrases stands, each out of reach of the one before."""
        for option in options:
            position = self.position(option)
            while position >= 0:
                yield position
                position = self.seen.lower.find(option.words, position + WINDOW_AFTER)


class Index:
    """All rules, arranged so that an ordinary error touches few of them."""

    def __init__(self, entries: Iterable[Entry], providers: Iterable[Provider]) -> None:
        self._rules: list[_Rule] = []
        self._by_phrase: dict[Phrase, list[int]] = defaultdict(list)
        self._by_word: dict[str, set[Phrase]] = defaultdict(set)
        self._anywhere: set[Phrase] = set()
        self._by_fact: dict[str, list[int]] = defaultdict(list)
        causes = {entry.id: entry.root_cause for entry in entries}
        for entry in entries:
            for pattern in entry.patterns:
                self._add(_compiled(entry.id, entry.root_cause, pattern))
        for provider in providers:
            for rule in _table_rules(provider, causes):
                self._add(rule)
        self._arrange()

    def _add(self, rule: _Rule) -> None:
        number = len(self._rules)
        self._rules.append(rule)
        if rule.has:
            for phrase in rule.has[0]:
                self._by_phrase[phrase].append(number)
        else:
            for fact in rule.facts:
                self._by_fact[fact].append(number)

    def _arrange(self) -> None:
        """Files each phrase under the word of it that the fewest phrases have."""
        usage = Counter(word for phrase in self._by_phrase for word in phrase.whole)
        for phrase in self._by_phrase:
            if phrase.whole:
                rarest = min(phrase.whole, key=lambda word: (usage[word], -len(word), word))
                self._by_word[rarest].add(phrase)
            else:
                self._anywhere.add(phrase)

    def matches(self, seen: Observation) -> list[Match]:
        """Every match, in no particular order; at most one for each rule."""
        reading = _Reading(seen)
        roots = [found.start() for found in _ROOT.finditer(seen.lower, 0, seen.message_end)]
        numbers = {number for fact in seen.facts for number in self._by_fact.get(fact, ())}
        for phrase in self._candidates(reading):
            if reading.position(phrase) >= 0:
                numbers.update(self._by_phrase[phrase])
        found = (_apply(self._rules[number], reading) for number in sorted(numbers))
        return [_adjusted(match, seen, roots) for match in found if match]

    def _candidates(self, reading: _Reading) -> Iterator[Phrase]:
        """Phrases that may stand in the text: all their whole words do, or a look shows it."""
        words, lower = reading.words, reading.seen.lower
        for word in self._by_word.keys() & words:
            for phrase in self._by_word[word]:
                if phrase.whole <= words:
                    yield phrase
        for phrase in self._anywhere:
            if phrase.words in lower:
                yield phrase


def _compiled(entry: str, root_cause: str, pattern: Pattern) -> _Rule:
    return _Rule(
        entry=entry,
        root_cause=root_cause,
        weight=pattern.weight,
        has=tuple(notation.alternatives(item) for item in pattern.has),
        facts=frozenset(pattern.facts),
        action=notation.alternatives(pattern.action) if pattern.action else (),
        trace=notation.alternatives(pattern.trace) if pattern.trace else (),
        frames=notation.alternatives(pattern.frames) if pattern.frames else (),
        find=notation.expression(pattern.find) if pattern.find else None,
        unless=tuple(phrase for item in pattern.unless for phrase in notation.alternatives(item)),
    )


def _table_rules(provider: Provider, causes: Mapping[str, str]) -> Iterator[_Rule]:
    for table in provider.tables:
        for entry, codes in table.entries.items():
            facts = frozenset(f"{table.kind}:{code.lower()}" for code in codes)
            near = tuple(phrase for item in table.near for phrase in notation.alternatives(item))
            yield _Rule(
                entry=entry,
                root_cause=causes[entry],
                weight=table.weight,
                has=(near,) if near else (),
                facts=facts,
                action=(),
                trace=(),
                frames=(),
                find=None,
                unless=(),
                by_code=True,
            )


def _apply(rule: _Rule, reading: _Reading) -> Match | None:
    positions: list[int] = []
    words: list[str] = []
    names: Mapping[str, str] = {}
    for options in rule.has:
        hit = reading.first(options)
        if hit is None:
            return None
        words.append(hit[0].words)
        positions.append(hit[1])
    if rule.facts:
        known = reading.seen.facts.keys() & rule.facts
        if not known:
            return None
        fact = min(known)
        words.append(fact.partition(":")[2])
        place = reading.seen.facts[fact]
        positions.insert(0 if rule.by_code else len(positions), place)
    if not _context_fits(rule, reading):
        return None
    if rule.find:
        found = reading.search(rule.find, rule.has[0])
        if found is None:
            return None
        names = {name: value for name, value in found.groupdict().items() if value}
        words, positions = [found[0]], [found.start()]
    return Match(rule.entry, rule.root_cause, rule.weight, positions[0], " … ".join(words), names)


def _context_fits(rule: _Rule, reading: _Reading) -> bool:
    seen = reading.seen
    frames = rule.frames if _FRAME in seen.trace else ()
    for options, text in (
        (rule.action, seen.action),
        (rule.trace, seen.trace),
        (frames, seen.trace),
    ):
        if options and not any(phrase.find(text) >= 0 for phrase in options):
            return False
    return reading.first(rule.unless) is None


def _adjusted(match: Match, seen: Observation, roots: Sequence[int]) -> Match:
    """Words of the message count more than the traceback's, those after "caused by" most.

    Words that are only spoken of count least.
    """
    change = 0
    if _is_spoken_of(match, seen):
        change = -SPOKEN_OF_PENALTY
    elif match.position > seen.message_end:
        change = -TRACEBACK_PENALTY
    elif roots and match.position > roots[-1]:
        change = ROOT_BONUS
    if not change:
        return match
    return Match(
        match.entry,
        match.root_cause,
        max(1, min(100, match.weight + change)),
        match.position,
        match.text,
        match.names,
    )


def _is_spoken_of(match: Match, seen: Observation) -> bool:
    """Whether the error only mentions the words: in a name, an expectation or a denial."""
    start = match.position
    if not 0 <= start <= seen.message_end:
        return False
    before = seen.lower[max(0, start - _BEFORE) : start]
    if _SPOKEN_OF.search(before) or _DENIED_BEHIND.match(seen.lower, start + len(match.text)):
        return True
    return " " not in match.text and _CALLED.search(before) is not None
