"""Entries of your own: read, checked and laid over those that are shipped, all or none.

An entry with the id of a shipped one takes its place. What is accepted is bounded, because an entry
may come from anybody: its size, its nesting, its number of patterns, and how many there are.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import yaml

from knowledge_base import (
    InvalidKnowledge,
    KnowledgeBase,
    check_entries,
    notation,
    parse_entry,
    revision_of,
)
from knowledge_base.entry import Entry, Pattern
from knowledge_base.matching import Index
from knowledge_base.observation import observe

MOST_ENTRIES = 200
#: Characters of one entry.
LARGEST_ENTRY = 40_000
MOST_PATTERNS = 40
#: Ways in which one expression may be tried at one place, and those of all entries together: what
#: bounds the time that hostile entries can take.
MOST_WAYS = 20_000
MOST_WAYS_IN_ALL = 1_000_000
#: Phrases of one entry, over all its patterns.
MOST_PHRASES = 400
MOST_CAPTURES = 20
MOST_EXAMPLES = 100
DEEPEST = 12

_ID = re.compile(r"[a-z][a-z0-9_]{1,60}")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_own(folder: Path) -> dict[str, Entry]:
    """The entries in the YAML files of *folder*, by file name. Raises InvalidKnowledge."""
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix in {".yaml", ".yml"})
        texts = {file: file.read_bytes()[: 4 * LARGEST_ENTRY + 1] for file in files}
    except OSError as error:
        raise InvalidKnowledge(f"{folder}: folder: {error.strerror}") from None
    if len(files) > MOST_ENTRIES:
        raise InvalidKnowledge(f"{folder}: folder: more than {MOST_ENTRIES} entries")
    entries: dict[str, Entry] = {}
    for file, data in texts.items():
        if file.stem in entries:
            raise InvalidKnowledge(f"{file.name}: file: there is a second one called {file.stem}")
        entries[file.stem] = own_entry(file.stem, _decoded(file.name, data), where=file.name)
    return entries


def own_entry(entry_id: str, text: str, *, where: str | None = None) -> Entry:
    """One entry from its YAML. *where* names it in errors. Raises InvalidKnowledge."""
    place = where or entry_id[:80]
    if not _ID.fullmatch(entry_id):
        raise InvalidKnowledge(
            f"{place}: id: it is the file's name: 2 to 61 small letters, digits and _, a letter first"
        )
    if len(text) > LARGEST_ENTRY:
        raise InvalidKnowledge(f"{place}: file: longer than {LARGEST_ENTRY:,} characters")
    _refuse_hostile_yaml(place, text)
    entry = parse_entry(place, entry_id, text)
    for field, problem in _too_much(entry):
        raise InvalidKnowledge(f"{place}: {field}: {problem}")
    return entry


def with_own(base: KnowledgeBase, entries: Mapping[str, Entry]) -> KnowledgeBase:
    """*base* with *entries* over it; *base* itself stays as it is. Raises InvalidKnowledge."""
    if not entries:
        return base
    if sum(notation.ways(one) for entry in entries.values() for _, one in _expressions(entry)) > (
        MOST_WAYS_IN_ALL
    ):
        raise InvalidKnowledge(f"{max(entries)}: patterns: all entries together try too much")
    merged = {**base.entries, **entries}
    check_entries(merged, base.providers)
    used = [entry for entry in merged.values() if entry.status != "deprecated"]
    return replace(
        base,
        entries=merged,
        revision=revision_of([*merged.values(), *base.providers.values(), *base.quotas.values()]),
        index=Index(used, base.providers.values()),
        own=base.own | entries.keys(),
    )


def check_examples(knowledge: KnowledgeBase, entry: Entry) -> None:
    """Raises InvalidKnowledge naming the first example of *entry* that its patterns get wrong."""
    for wanted, examples in (
        ("match", entry.examples.match),
        ("no_match", entry.examples.no_match),
    ):
        for number, example in enumerate(examples):
            seen = observe(
                message=example.message,
                error_type=example.error_type,
                traceback=example.traceback,
                step_action=example.step_action,
            )
            found = any(match.entry == entry.id for match in knowledge.matches(seen))
            if found != (wanted == "match") and (entry.patterns or found):
                problem = "no pattern matches it" if wanted == "match" else "a pattern matches it"
                raise InvalidKnowledge(f"{entry.id}: examples.{wanted}.{number}: {problem}")


def _decoded(name: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidKnowledge(f"{name}: file: not UTF-8") from None


def _refuse_hostile_yaml(place: str, text: str) -> None:
    """References to what stands elsewhere can grow without end, and nesting can break a reader."""
    depth = 0
    try:
        for event in yaml.parse(text, _Loader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise InvalidKnowledge(f"{place}: file: & and * references are not allowed")
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise InvalidKnowledge(f"{place}: file: nested deeper than {DEEPEST}")
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        raise InvalidKnowledge(f"{place}: file: not YAML: {_first_line(problem)}") from None


def _first_line(problem: Exception) -> str:
    return " ".join(str(problem).split())[:300]


def _too_much(entry: Entry) -> Iterator[tuple[str, str]]:
    if len(entry.patterns) > MOST_PATTERNS:
        yield "patterns", f"more than {MOST_PATTERNS}"
    if sum(map(_phrases, entry.patterns)) > MOST_PHRASES:
        yield "patterns", f"more than {MOST_PHRASES} phrases in all"
    if len(entry.captures) > MOST_CAPTURES:
        yield "captures", f"more than {MOST_CAPTURES}"
    for field, expression in _expressions(entry):
        if (ways := notation.ways(expression)) > MOST_WAYS:
            yield (
                field,
                f"it can be tried in {ways:,} ways at one place, at most {MOST_WAYS:,} are allowed: "
                "use fewer or narrower repeats",
            )
    if len(entry.examples.match) + len(entry.examples.no_match) > MOST_EXAMPLES:
        yield "examples", f"more than {MOST_EXAMPLES}"


def _expressions(entry: Entry) -> Iterator[tuple[str, str]]:
    """Each expression with its field."""
    for number, pattern in enumerate(entry.patterns):
        if pattern.find:
            yield f"patterns.{number}.find", pattern.find
    for number, capture in enumerate(entry.captures):
        yield f"captures.{number}", capture


def _phrases(pattern: Pattern) -> int:
    items = [*pattern.has, *pattern.unless, pattern.action or "", pattern.trace or ""]
    return sum(item.count(" | ") + 1 for item in items if item)
