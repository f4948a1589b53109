"""The orders: one text for all, complete, and known by a name that means it and no other."""

import hashlib
import json
import re

import pytest

import prompts
from copilot.fixes import FIXES, parse
from copilot.pipeline.prompt import CUT, MANUAL, decode, system_prompt
from copilot.pipeline.prompt.material import SECTIONS
from copilot.pipeline.prompt.system import template
from copilot.types import RootCause
from prompts import InvalidPrompt

NAMES = ("analysis", "repair")


def sent(name: str) -> str:
    """The text as a model reads it, but for what changes from call to call."""
    return system_prompt() if name == "analysis" else prompts.load(name).text


@pytest.mark.parametrize("name", NAMES)
def test_a_version_means_one_text_for_ever(name: str) -> None:
    ref = prompts.load(name).ref
    digest = hashlib.sha256(sent(name).encode()).hexdigest()
    assert prompts.digests().get(ref) == digest, (
        f"The text of {ref} has changed (or that of a fix type it tells of). Give it a new version"
        f" in prompts/{name}.md, and add that version to prompts/digests.yaml: {digest}"
    )


def test_versions_are_counted_without_gaps() -> None:
    for name in NAMES:
        known = [int(ref.partition("@")[2]) for ref in prompts.digests() if ref.startswith(name)]
        assert known == list(range(1, prompts.load(name).version + 1))


def test_the_orders_are_one_object() -> None:
    assert system_prompt() is system_prompt()
    assert template() == prompts.load("analysis").ref


def test_every_root_cause_is_explained_once() -> None:
    section = system_prompt().partition("# Root causes")[2].partition("\n# ")[0]
    told = re.findall(r"^- (\w+): .{15,}$", section, re.MULTILINE)
    assert sorted(told) == sorted(cause.value for cause in RootCause)


def test_every_fix_type_is_told_with_exactly_its_parameters() -> None:
    told = system_prompt().partition("# Fix types")[2].partition("# Your answer")[0]
    found = dict[str, list[str]]()
    for line in told.splitlines():
        if line.startswith("- "):
            found[line[2:].partition(":")[0]] = []
        elif line.startswith("  - "):
            [*found.values()][-1].append(line[4:].partition(" ")[0])
    fields = {name: [*model.model_fields] for name, model in FIXES.items()}
    assert found.pop(MANUAL) == []
    assert found == {name: [one for one in of if one != "type"] for name, of in fields.items()}


def test_what_the_orders_speak_of_is_there() -> None:
    text = system_prompt()
    assert CUT.strip() in text
    assert all(section in text for section in ("execution_data", "agent_configuration"))
    assert set(re.findall(r'"section":"(\w+)"', text)) <= set(SECTIONS)


def examples() -> list[tuple[str, dict[str, object]]]:
    """The messages of the examples, with B and C made into marks, and their answers."""
    lines = system_prompt().partition("# Examples")[2].splitlines()
    found: list[tuple[str, dict[str, object]]] = []
    message: list[str] = []
    for line in lines:
        if line.startswith("<"):
            message.append(line.replace("<h:B C>", "<h:b c>").replace(":B", ":b"))
        elif line.startswith("{"):
            found.append(("\n".join(message), json.loads(line)))
            message = []
    return found


@pytest.mark.parametrize("number", range(3))
def test_an_example_keeps_the_rules_it_stands_under(number: int) -> None:
    message, answer = examples()[number]
    texts = [str(line["text"]) for line in decode(message)]
    assert [*answer] == ["explanation", "root_cause", "evidence", "fixes", "missing", "suspicious"]
    assert RootCause(str(answer["root_cause"]))
    for one in answer["evidence"]:  # type: ignore[attr-defined]
        assert one["quote"] in texts[one["item"]]
    for fix in answer["fixes"]:  # type: ignore[attr-defined]
        given = {one["name"]: one["value"] for one in fix["parameters"]}
        assert parse({"type": fix["type"], **given})
        assert fix["tier"] in ("quick", "better", "best")
    assert 2 <= str(answer["explanation"]).count(". ") + 1 <= 5


def test_the_example_with_orders_in_its_data_is_flagged_and_the_others_are_not() -> None:
    assert [answer["suspicious"] for _, answer in examples()] == [False, True, False]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("no front matter", "front matter"),
        ("---\n- a\n---\nx", "not a mapping"),
        ("---\n{\n---\nx", "not YAML"),
        ("---\nname: x\nversion: 1\n---\nx", "has name"),
        ("---\nname: other\nversion: 1\nslots: {}\n---\nx", "has name"),
        ("---\nname: x\nversion: 0\nslots: {}\n---\nx", "from 1"),
        ("---\nname: x\nversion: true\nslots: {}\n---\nx", "from 1"),
        ("---\nname: x\nversion: 1\nslots: {a: any}\n---\n{{a}}", "'line' or a 'block'"),
        ("---\nname: x\nversion: 1\nslots: {a: line}\n---\nx", "slots"),
        ("---\nname: x\nversion: 1\nslots: {}\n---\n{{a}}", "slots"),
    ],
    ids=["none", "list", "broken", "short", "other", "zero", "true", "kind", "unused", "unknown"],
)
def test_a_prompt_whose_parts_do_not_fit_is_refused(source: str, problem: str) -> None:
    with pytest.raises(InvalidPrompt, match=problem):
        prompts.parse("x", source)


def test_a_prompt_nobody_wrote_is_refused() -> None:
    with pytest.raises(InvalidPrompt, match="no prompt 'nothing'"):
        prompts.load("nothing")


def test_slots_are_filled_once_and_all_of_them() -> None:
    source = "---\nname: x\nversion: 3\nslots: {a: block, b: line}\n---\n{{a}} and {{b}}\n"
    prompt = prompts.parse("x", source)
    assert prompt.ref == "x@3"
    assert prompt.fill(a="{{b}}\n", b="{{a}}") == "{{b}}\n and {{a}}\n"
    for wrong in ({"a": "x"}, {"a": "x", "b": "y", "c": "z"}, {}):
        with pytest.raises(InvalidPrompt, match="is filled with a, b"):
            prompt.fill(**wrong)


@pytest.mark.parametrize(
    "value",
    ["", "two\nlines", "x" * 1001, "hidden\u200b", "\u202eback", "\x1b[0m", "\u2028"],
    ids=["empty", "lines", "long", "zero-width", "direction", "terminal", "separator"],
)
def test_what_was_wrong_is_told_in_one_visible_line(value: str) -> None:
    with pytest.raises(InvalidPrompt, match="one short line"):
        prompts.load("repair").fill(problem=value)


def test_the_repair_says_what_was_wrong() -> None:
    told = prompts.load("repair").fill(problem="root_cause is not one of the ids.")
    assert "What was wrong with it: root_cause is not one of the ids." in told
