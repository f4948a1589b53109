"""Every file of the knowledge base, tested by being there."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import knowledge_base
from copilot.pipeline.diagnose import diagnose
from copilot.types import RootCause
from knowledge_base import Entry, InvalidKnowledge, Quota, notation
from knowledge_base.entry import MESSAGE_NAMES
from knowledge_base.linting import lint
from knowledge_base.own import own_entry

KNOWLEDGE = knowledge_base.load()
ENTRIES = sorted(KNOWLEDGE.entries.values(), key=lambda entry: entry.id)
MATCHES = [(entry, example) for entry in ENTRIES for example in entry.examples.match]
NO_MATCHES = [(entry, example) for entry in ENTRIES for example in entry.examples.no_match]
FOLDER = Path(knowledge_base.__file__).parent

HOSTILE = {
    "quotes": "'" * 70_000,
    "near misses": "missing variable {' not found in template " * 1_600,
    "digits": "4" * 70_000,
    "status codes": "error code 429 " * 4_000,
    "control characters": "\0\x1b[31m" * 10_000,
    "lone surrogates": "\ud800" * 20_000,
    "letters that grow in lower case": "\u0130" * 30_000,
    "braces": "{{" * 30_000,
}


def named(pairs: list[tuple[Entry, knowledge_base.Example]]) -> list[str]:
    return [f"{entry.id}: {example.message[:40]}" for entry, example in pairs]


def matching(example: knowledge_base.Example) -> set[str]:
    seen = knowledge_base.observe(
        message=example.message,
        error_type=example.error_type,
        traceback=example.traceback,
        step_action=example.step_action,
    )
    return {match.entry for match in KNOWLEDGE.matches(seen)}


def test_root_causes_are_the_ones_of_the_report() -> None:
    assert set(knowledge_base.ROOT_CAUSES) == {cause.value for cause in RootCause}


def test_every_file_is_loaded_under_its_name() -> None:
    for folder, loaded in (
        ("failures", KNOWLEDGE.entries),
        ("providers", KNOWLEDGE.providers),
        ("quotas", KNOWLEDGE.quotas),
    ):
        files = {file.stem for file in (FOLDER / folder).iterdir()}
        assert files == set(loaded), folder
        assert all(thing.id == name for name, thing in loaded.items())


@pytest.mark.parametrize(("entry", "example"), MATCHES, ids=named(MATCHES))
def test_a_matching_example_is_diagnosed(entry: Entry, example: knowledge_base.Example) -> None:
    diagnosis = diagnose(**example.model_dump(), knowledge=KNOWLEDGE)
    assert diagnosis.root_cause == entry.root_cause
    if entry.patterns:
        assert entry.id in matching(example)


@pytest.mark.parametrize(("entry", "example"), NO_MATCHES, ids=named(NO_MATCHES))
def test_a_near_miss_does_not_match(entry: Entry, example: knowledge_base.Example) -> None:
    assert entry.id not in matching(example)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_texts_read_well_without_and_with_every_name(entry: Entry) -> None:
    names = dict.fromkeys([*entry.slots, *MESSAGE_NAMES], "NAME")
    told = (entry.cause or "", entry.message.opening or "")
    options = (option.says for option in entry.message.options)
    fixes = (fix.description for fix in entry.fixes)
    for text in (entry.explanation, *told, *options, *fixes):
        for filled in (notation.fill(text, {}), notation.fill(text, names)):
            assert not {"[", "]", "|"} & set(filled)
            assert "  " not in filled
            assert " ." not in filled
            assert " ," not in filled


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_a_line_of_the_message_stands_for_a_fix_the_entry_has(entry: Entry) -> None:
    types = {fix.type for fix in entry.fixes}
    assert all(types & set(option.fixes) for option in entry.message.options if option.fixes)
    assert entry.message.lead.endswith(":")
    assert entry.message.asks in {None, *types}
    assert not (entry.cause or "").endswith(".")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_every_slot_has_a_source(entry: Entry) -> None:
    filled = {"service", "period", "limit", "resets", "provider"}
    for pattern in entry.patterns:
        if pattern.find:
            filled |= set(notation.expression(pattern.find).groupindex)
    for capture in entry.compiled_captures:
        filled |= set(capture.groupindex)
    assert entry.slots <= filled


def test_what_is_shipped_has_no_mistakes() -> None:
    assert [str(one) for one in lint(KNOWLEDGE) if one.level == "error"] == []


@pytest.mark.parametrize(
    "sign", ["a*", "a+", "a{2,}", "a{,}", "a{,201}", "a{1,201}", "(?:ab){1,2}"]
)
def test_the_notation_knows_every_way_to_repeat_without_a_bound(sign: str) -> None:
    with pytest.raises(ValueError, match=r"bound|group"):
        notation.expression(f"{sign}z")


@pytest.mark.parametrize(
    ("expression", "ways"),
    [
        ("abc", 1),
        ("a?", 2),
        ("a{0,9}b{3}", 10),
        ("(?:a|b|c)(?:d|e)", 6),
        ("a{1,4}|b?", 6),
        ("<q:x><w:y>", 160),
        ("a{,9}", 10),
    ],
)
def test_ways_multiply_beside_each_other_and_add_up_between_alternatives(
    expression: str, ways: int
) -> None:
    assert notation.ways(expression) == ways


def _refusals() -> Iterator[tuple[str, str]]:
    for file in sorted((FOLDER / "failures").iterdir()):
        try:
            own_entry(file.stem, file.read_text(encoding="utf-8"))
        except InvalidKnowledge as problem:
            yield file.stem, str(problem)


def test_an_entry_as_it_is_shipped_can_be_taken_over() -> None:
    """Nearly all of them: what an expression may try is bounded for those from outside."""
    refused = dict(_refusals())
    assert {name: said for name, said in refused.items() if "ways at one place" not in said} == {}
    assert len(refused) < len(ENTRIES) / 8


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_cheap(name: str) -> None:
    text = HOSTILE[name]
    started = time.process_time()
    diagnose(message=text, error_type=text, traceback=text, step_action=text, knowledge=KNOWLEDGE)
    assert time.process_time() - started < 0.5


def test_every_phrase_at_once_is_cheap() -> None:
    phrases = [item for entry in ENTRIES for pattern in entry.patterns for item in pattern.has]
    text = " ".join(phrases).replace("*", "")
    started = time.process_time()
    diagnose(message=text, knowledge=KNOWLEDGE)
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize("quota", KNOWLEDGE.quotas.values(), ids=KNOWLEDGE.quotas)
def test_a_quota_is_found_by_its_service(quota: Quota) -> None:
    assert KNOWLEDGE.quota_of(f"calls to {quota.service.lower()} failed") == quota


def test_a_limit_is_found_again_by_its_words() -> None:
    for quota in KNOWLEDGE.quotas.values():
        for limit in quota.limits:
            assert KNOWLEDGE.limit_named(quota.service, limit.text) == limit
    assert KNOWLEDGE.limit_named("LinkedIn", "7 invitations/day") is None


def test_a_code_table_points_at_one_meaning_per_code() -> None:
    meanings: dict[tuple[str, str, int, tuple[str, ...]], set[str]] = {}
    for provider in KNOWLEDGE.providers.values():
        for table in provider.tables:
            for entry, codes in table.entries.items():
                for code in codes:
                    key = (table.kind, code.lower(), table.weight, table.near)
                    meanings.setdefault(key, set()).add(KNOWLEDGE.entries[entry].root_cause)
    assert {key: found for key, found in meanings.items() if len(found) > 1} == {}


VALID = """
root_cause: {cause}
retry_helps: false
patterns: [{{weight: 50, has: [{phrase}]}}]
explanation: "{explanation}"
fixes: [{{type: {fix}, description: "Do the thing that helps"}}]
examples: {{match: [too late], no_match: [on time]}}
"""
GOOD = {
    "cause": "timeout",
    "phrase": "too late",
    "explanation": "It was too late.",
    "fix": "manual",
}


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"cause": "bad_luck"}, "root_cause"),
        ({"fix": "pray"}, "fixes.0.type"),
        ({"explanation": "It needs {name} here."}, "explanation"),
        ({"phrase": "'x'"}, "patterns.0.has.0"),
        ({"phrase": "a b], find: 'a.*b', unless: [c d"}, "patterns.0.find"),
        ({"phrase": "a b], find: '(?:a|b){1,9}', unless: [c d"}, "patterns.0.find"),
        ({"phrase": "a b], find: '(', unless: [c d"}, "patterns.0.find"),
        ({"phrase": "a b], facts: ['colour:red'], unless: [c d"}, "patterns.0.facts.0"),
    ],
)
def test_a_wrong_file_is_named_with_its_field(
    tmp_path: Path, changed: dict[str, str], field: str
) -> None:
    for folder in ("failures", "providers", "quotas"):
        (tmp_path / folder).mkdir()
    (tmp_path / "failures" / "late.yaml").write_text(VALID.format(**GOOD | changed))
    with pytest.raises(InvalidKnowledge, match=rf"failures/late\.yaml: {field}: "):
        knowledge_base.read(tmp_path)


def test_a_general_entry_without_a_cause_is_refused(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    general = tmp_path / "failures" / "timeout.yaml"
    lines = general.read_text().splitlines(keepends=True)
    general.write_text("".join(line for line in lines if not line.startswith("cause:")))
    with pytest.raises(InvalidKnowledge, match=r"failures/timeout\.yaml: cause: "):
        knowledge_base.read(tmp_path)


def test_a_root_cause_without_a_general_entry_is_refused(tmp_path: Path) -> None:
    for folder in ("failures", "providers", "quotas"):
        (tmp_path / folder).mkdir()
    (tmp_path / "failures" / "late.yaml").write_text(VALID.format(**GOOD))
    with pytest.raises(InvalidKnowledge, match="every root cause needs its own"):
        knowledge_base.read(tmp_path)
