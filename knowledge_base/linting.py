"""What is wrong, or will be, with entries that load: findings by file, field and problem.

Loading refuses what can't be used at all; the rest is found here. `error` is a mistake, `warning`
something to look at.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from knowledge_base import KnowledgeBase, notation
from knowledge_base.entry import MESSAGE_NAMES, Entry, Pattern
from knowledge_base.notation import Phrase

#: What a person reads at once; longer texts are not read.
LONGEST_EXPLANATION = 420
LONGEST_FIX = 300
#: Slots that are filled by what is known of a service, not by the error.
_FROM_ELSEWHERE = frozenset({"service", "period", "limit", "resets", "provider"})

Level: TypeAlias = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about one entry. `field` is a dotted path, as in the errors of loading."""

    entry: str
    field: str
    problem: str
    level: Level = "warning"

    def __str__(self) -> str:
        return f"{self.entry}: {self.field}: {self.problem}"


def lint(knowledge: KnowledgeBase, *, only: Iterable[str] | None = None) -> tuple[Finding, ...]:
    """Findings about the entries *only* (all without it), the errors first, then by name."""
    wanted = set(knowledge.entries if only is None else only)
    found = [
        finding
        for name in sorted(wanted)
        for finding in _of(knowledge.entries[name])
        if knowledge.entries[name].status != "deprecated"
    ]
    found += [one for one in _shadowed(knowledge) if one.entry in wanted]
    return tuple(sorted(found, key=lambda one: (one.level != "error", one.entry, one.field)))


def _of(entry: Entry) -> Iterator[Finding]:
    yield from _examples(entry)
    yield from _texts(entry)
    yield from _slots(entry)
    yield from _patterns(entry)
    yield from _references(entry)


def _examples(entry: Entry) -> Iterator[Finding]:
    if not entry.patterns and entry.id != entry.root_cause and not _is_told_by_code(entry):
        problem = "no pattern, so only a table of codes can choose it"
        yield Finding(entry.id, "patterns", problem)
    messages = [example.message for example in entry.examples.match]
    for number, example in enumerate(entry.examples.no_match):
        if example.message in messages:
            problem = "the same example is to match and not to match"
            yield Finding(entry.id, f"examples.no_match.{number}", problem, "error")
        elif not example.message.strip():
            problem = "an empty text is no near miss"
            yield Finding(entry.id, f"examples.no_match.{number}", problem)


def _texts(entry: Entry) -> Iterator[Finding]:
    if len(entry.explanation) > LONGEST_EXPLANATION:
        problem = f"longer than {LONGEST_EXPLANATION} characters"
        yield Finding(entry.id, "explanation", problem)
    for number, fix in enumerate(entry.fixes):
        if len(fix.description) > LONGEST_FIX:
            problem = f"longer than {LONGEST_FIX} characters"
            yield Finding(entry.id, f"fixes.{number}.description", problem)
    for number, fix in enumerate(entry.fixes):
        if any(fix.description == other.description for other in entry.fixes[:number]):
            yield Finding(entry.id, f"fixes.{number}", "an earlier fix says the same", "error")


def _slots(entry: Entry) -> Iterator[Finding]:
    """Names that are shown and never found, and names that are found and never shown."""
    found: set[str] = set()
    for number, pattern in enumerate(entry.patterns):
        if pattern.find:
            names = set(notation.expression(pattern.find).groupindex)
            found |= names
            yield from _unused(entry, f"patterns.{number}.find", names)
    for number, capture in enumerate(entry.compiled_captures):
        found |= set(capture.groupindex)
        yield from _unused(entry, f"captures.{number}", set(capture.groupindex))
    for name in sorted(entry.slots - found - _FROM_ELSEWHERE - MESSAGE_NAMES):
        yield Finding(
            entry.id, "captures", f"nothing finds {{{name}}}, which its texts show", "error"
        )


def _unused(entry: Entry, field: str, names: set[str]) -> Iterator[Finding]:
    for name in sorted(names - entry.slots):
        yield Finding(entry.id, field, f"finds {{{name}}}, which no text shows")
    if field.startswith("captures") and not names:
        yield Finding(entry.id, field, "finds no name", "error")


def _patterns(entry: Entry) -> Iterator[Finding]:
    for number, pattern in enumerate(entry.patterns):
        field = f"patterns.{number}"
        if any(_same(pattern, other) for other in entry.patterns[:number]):
            yield Finding(entry.id, field, "an earlier pattern asks for the same")
        for item in pattern.unless:
            said = {phrase.words for phrase in notation.alternatives(item)}
            for other in pattern.has:
                asked = notation.alternatives(other)
                if all(any(word in phrase.words for word in said) for phrase in asked):
                    problem = f"`unless` forbids what `has` asks for: {other[:60]!r}"
                    yield Finding(entry.id, field, problem, "error")


def _same(one: Pattern, other: Pattern) -> bool:
    return one.model_dump(exclude={"weight"}) == other.model_dump(exclude={"weight"})


def _references(entry: Entry) -> Iterator[Finding]:
    if not entry.references and entry.id != entry.root_cause and not _is_told_by_code(entry):
        yield Finding(entry.id, "references", "no document says so")


def _is_told_by_code(entry: Entry) -> bool:
    """Whether our own engine names it by a code: its words are ours, and no other document has them."""
    return any(example.code for example in entry.examples.match)


def _shadowed(knowledge: KnowledgeBase) -> Iterator[Finding]:
    """Patterns that never decide: a heavier one of another class is met wherever they are."""
    plain = [
        (entry, number, pattern, _asked(pattern))
        for entry in knowledge.entries.values()
        if entry.status != "deprecated"
        for number, pattern in enumerate(entry.patterns)
        if pattern.has
    ]
    broad = [one for one in plain if len(one[3]) == 1 and _asks_words_only(one[2])]
    for entry, number, pattern, asked in plain:
        for other, place, heavier, wider in broad:
            if (
                other.root_cause != entry.root_cause
                and heavier.weight > pattern.weight
                and any(_within(options, wider[0]) for options in asked)
            ):
                problem = (
                    f"never decides: patterns.{place} of {other.id} is heavier "
                    f"({heavier.weight} to {pattern.weight}) and is met wherever this is"
                )
                yield Finding(entry.id, f"patterns.{number}", problem)
                break


def _asked(pattern: Pattern) -> tuple[tuple[Phrase, ...], ...]:
    return tuple(notation.alternatives(item) for item in pattern.has)


def _asks_words_only(pattern: Pattern) -> bool:
    return not (pattern.facts or pattern.action or pattern.trace or pattern.find or pattern.unless)


def _within(narrow: tuple[Phrase, ...], wide: tuple[Phrase, ...]) -> bool:
    """Whether a text with any phrase of *narrow* has one of *wide* as well."""
    return all(any(other.find(phrase.words) >= 0 for other in wide) for phrase in narrow)
