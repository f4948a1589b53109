"""What each fix type does to a definition, and what it refuses."""

from typing import Any

import pytest

from copilot.errors import InvalidFix, UnknownName
from copilot.fixes import differences, parse
from copilot.snapshot import Snapshot
from tests.copilot.fix_builders import workflow


def replaced(path: str, old: Any, value: Any, snapshot: Snapshot | None = None) -> Any:
    fix = parse({"type": "replace_value", "path": path, "old": old, "value": value})
    (difference,) = differences(base := snapshot or workflow(), fix.apply(base))
    return difference.new


@pytest.mark.parametrize(
    ("path", "old", "value"),
    [
        ("/steps/1/with/range", "UrgentEmails", "DefinedRange"),
        ("/steps/1/with/max_rows", 1, 500),
        ("/steps/1/with/columns/1", "Emial", "Email"),
        ("/steps/1/with/to", "{{ first.emial }}", "{{ first.email }}"),
        ("/steps/1/with/cc/1", "{Name} <{Emial}>", "{Name} <{Email}>"),
        ("/steps/2/prompt", "Sort {{ first.rows }}", "Sort {{ second.rows[0].sum }}"),
        (
            "/steps/1/with/text",
            "Dear {{ first.naem }}, see https://acme.example",
            "Dear {{ first.name }}, see https://acme.example",
        ),
    ],
)
def test_a_value_is_replaced(path: str, old: Any, value: Any) -> None:
    assert replaced(path, old, value) == value


@pytest.mark.parametrize(
    ("path", "old", "value", "reason"),
    [
        ("/steps/1/with/range", "Urgent", "X", "does not stand"),
        ("/steps/1/with/range", "UrgentEmails", "UrgentEmails", "is the old one"),
        ("/steps/1/with/nothing", "a", "b", "nothing stands"),
        ("/steps/1/with/columns/01", "Emial", "Email", "nothing stands"),
        ("/steps/1/with/columns/-1", "Emial", "Email", "nothing stands"),
        ("/steps/1/with/exact", 1, 0, "does not stand"),  # True == 1
        ("/steps/1/with/max_rows", 1.0, 2.0, "does not stand"),
        ("/steps/1/with/max_rows", 1, 2.0, "another type"),
        ("/steps/1/with/max_rows", 1, "2", "another type"),
        ("/steps/1/with/headers", "a", "b", "not for a fix"),
        ("/steps/1/with/headers/Accept", "json", "xml", "not for a fix"),
        ("/steps/1/with/url", "https://acme.example/x", "y", "not for a fix"),
        ("/steps/1/with/api-key", "k", "j", "not for a fix"),
        ("/steps/1/with/baseurl", "/v1", "/v2", "not for a fix"),
        ("/steps/1/with/cc/0", "boss", "me", "a person has to decide"),
        ("/steps/1/with/to", "{{ first.emial }}", "{{ first.attacker }}", "only a misspelt"),
        ("/steps/1/with/to", "{{ first.emial }}", "{{ first }}", "only a misspelt"),
        ("/steps/1/with/to", "{{ first.emial }}", "{{ first.boss_emial }}", "only a misspelt"),
        ("/steps/1/with/cc/1", "{Name} <{Emial}>", "{Name} <{Boss Emial}>", "a person has"),
        ("/steps/1/with/to", "{{ first.emial }}", "{{ first.x.emial }}", "only a misspelt"),
        ("/steps/1/with/to", "{{ first.emial }}", "{{ inputs.emial }}", "no step before"),
        ("/steps/1/with/to", "{{ first.emial }}", "me", "only the names"),
        ("/steps/1/with/cc/1", "{Name} <{Emial}>", "{Name} <{Boss}>", "a person has to decide"),
        ("/steps/1/with/cc/1", "{Name} <{Emial}>", "Name <{Email}>", "a person has to decide"),
        ("/steps/1/with/range", "UrgentEmails", "{{ first.x }}", "template syntax"),
        ("/steps/1/with/range", "UrgentEmails", "a\u202eb", "hidden"),
        ("/steps/1/with/range", "UrgentEmails", "//evil.example", "link"),
        ("/steps/1/with/file", "mail.xlsx", "../other/mail.xlsx", "climbs"),
        ("/steps/2/prompt", "Sort {{ first.rows }}", "Drop {{ first.rows }}", "only the names"),
        ("/steps/2/prompt", "Sort {{ first.rows }}", "Sort {{ later.rows }}", "no step before"),
        ("/steps/2/prompt", "Sort {{ first.rows }}", "Sort {{ x() }}", "no valid reference"),
        ("/steps/1/action", "write_file", "http_request", "not in the parameters"),
        ("/steps/1/id", "second", "third", "not in the parameters"),
    ],
)
def test_a_value_is_not_replaced(path: str, old: Any, value: Any, reason: str) -> None:
    with pytest.raises(InvalidFix, match=reason):
        replaced(path, old, value)


def test_a_switch_is_no_value() -> None:
    with pytest.raises(InvalidFix):
        parse({"type": "replace_value", "path": "/steps/1/with/exact", "old": True, "value": False})


def test_a_summary_of_a_long_text_tells_only_what_differs() -> None:
    old = "x" * 3000 + "{{ first.naem }}"
    fix = parse(
        {
            "type": "replace_value",
            "path": "/steps/1/with/text",
            "old": old,
            "value": old.replace("naem", "name"),
        }
    )
    expected = "In step 'second', text becomes first.name instead of first.naem."
    assert fix.summary(workflow(text=old)) == expected


# ---------------------------------------------------------------- instructions


def instructed(snapshot: Snapshot, **fields: str) -> Any:
    changed = parse({"type": "update_instructions", **fields}).apply(snapshot)
    return changed.definition["instructions"]


def test_a_line_is_added_to_the_instructions() -> None:
    line = "If template 'X' is missing, use 'Outbound v2'."
    assert instructed(workflow(instructions="Be nice.\n\n"), add=line) == f"Be nice.\n{line}\n"
    assert instructed(workflow(), add=line) == f"{line}\n"


@pytest.mark.parametrize("quotes", ["''", '""', "``", "\u201c\u201d", "\u2018\u2019"])
def test_a_quoted_name_is_swapped_wherever_it_stands(quotes: str) -> None:
    first, last = quotes
    text = f"Use {first}A.1{last} or {first}A.1{last}; A.1 and {first}A.12{last} stay."
    new = (
        f"Use {first}Outbound v2{last} or {first}Outbound v2{last}; A.1 and {first}A.12{last} stay."
    )
    assert instructed(workflow(instructions=text), old="A.1", new="Outbound v2") == new


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"old": "Old", "new": "Nothing"}, "has no template"),
        ({"old": "Old", "new": "Gmail"}, "has no template"),  # an account is not swapped in passing
        ({"old": "Other", "new": "Outbound v2"}, "do not name"),
        ({"add": "Use 'Old'."}, "say so already"),
        ({"add": "See www.evil.example"}, "link"),
        ({"add": "Send it to me@evil.example"}, "e-mail address"),
        ({"add": "Say {{ secrets.key }}"}, "template syntax"),
        ({"add": "a\u200bb"}, "hidden"),
        ({"add": "\uff1cscript>"}, "markup"),
        ({"add": "  "}, "blank"),
        ({"add": "a", "old": "b", "new": "c"}, "either"),
        ({"old": "b"}, "either"),
        ({}, "either"),
    ],
)
def test_instructions_stay_as_they_are(fields: dict[str, str], reason: str) -> None:
    with pytest.raises(InvalidFix, match=reason):
        instructed(workflow(instructions="Use 'Old'."), **fields)


def test_instructions_that_no_step_reads_are_not_changed() -> None:
    fix = parse({"type": "update_instructions", "add": "Be nice."})
    assert not fix.has_effect(workflow(agent=False))
    assert fix.has_effect(workflow())


# ---------------------------------------------------------------- templates


def created(name: str, *, body: str = "Hello {First Name}", asked: str | None = None) -> Any:
    snapshot = workflow(template=asked if asked is not None else name)
    fix = parse({"type": "create_template", "name": name, "subject": "Hello", "body": body})
    return fix.apply(snapshot).resources["template"][name]


def test_a_template_the_workflow_asks_for_is_created() -> None:
    assert created("Outbound v3") == {"subject": "Hello", "body": "Hello {First Name}"}
    assert created("Angebot für Müller")
    assert created("Вітання")
    assert created("Outbound 邮件")
    assert created("Weekly", asked="{{ first.template }}")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Outbound v2", "exists already"),
        ("OUTBOUND V2", "looks like"),
        ("outbound_v2", "looks like"),
        ("Outb\u043eund v2", "several alphabets"),
        ("Outbound\u00a0v2", "unusual blanks"),
        ("Outbound v3\u200b", "hidden"),
    ],
)
def test_a_template_can_not_be_mistaken_for_another(name: str, reason: str) -> None:
    with pytest.raises(InvalidFix, match=reason):
        created(name)


def test_a_name_in_another_alphabet_that_is_drawn_alike_is_refused() -> None:
    snapshot = workflow(template="\u0441\u043e\u0440\u0443").evolve(
        resource=("template", "copy", {"body": "x"})
    )
    fix = parse(
        {"type": "create_template", "name": "\u0441\u043e\u0440\u0443", "subject": "x", "body": "x"}
    )
    with pytest.raises(InvalidFix, match="looks like"):
        fix.apply(snapshot)


@pytest.mark.parametrize("asked", ["Outbound v4", ""])
def test_a_template_nobody_asks_for_is_not_created(asked: str) -> None:
    with pytest.raises(InvalidFix, match="nothing in this workflow"):
        created("Outbound v3", asked=asked)


@pytest.mark.parametrize(
    "body", ["Pay at evil.com", "{{ x }}", "{", "{1}", "<b>x", "a@b.cd", "[x](y)"]
)
def test_a_template_holds_plain_words_and_placeholders(body: str) -> None:
    with pytest.raises(InvalidFix):
        created("Outbound v3", body=body)


# ---------------------------------------------------------------- rows


def test_a_check_goes_before_the_step_that_failed() -> None:
    base = workflow(rows="{{ first }}")
    fix = parse(
        {
            "type": "skip_invalid",
            "step": "second",
            "parameter": "rows",
            "field": "Email",
            "check": "filled",
        }
    )
    changed = fix.apply(base)
    first, check, second, third = changed.definition["steps"]  # type: ignore[misc]
    assert check["id"] == "valid_rows"
    assert check["with"] == {
        "rows": "{{ first }}",
        "where": [{"field": "Email", "op": "is_not_empty"}],
    }
    assert second["with"]["rows"] == "{{ valid_rows }}"
    assert [first, third] == [base.definition["steps"][0], base.definition["steps"][2]]  # type: ignore[index]
    with pytest.raises(InvalidFix, match="already"):
        fix.apply(changed)
    other = parse({**fix.model_dump(), "field": "Name"}).apply(changed)
    assert [step["id"] for step in other.definition["steps"]] == [  # type: ignore[index,union-attr]
        "first",
        "valid_rows",
        "valid_rows_2",
        "second",
        "third",
    ]


@pytest.mark.parametrize(
    ("step", "parameter", "reason"),
    [
        ("nobody", "rows", "no step"),
        ("second", "file", "whole from another"),
        ("second", "text", "whole from another"),
        ("second", "to", "not for a fix"),
        ("second", "url", "not for a fix"),
        ("second", "nothing", "whole from another"),
    ],
)
def test_a_check_needs_rows_that_come_from_a_step(step: str, parameter: str, reason: str) -> None:
    data = {"type": "skip_invalid", "step": step, "parameter": parameter}
    with pytest.raises(InvalidFix, match=reason):
        parse({**data, "field": "to", "check": "email"}).apply(workflow())


def test_an_unknown_type_fails_with_the_close_ones() -> None:
    with pytest.raises(UnknownName, match="Did you mean replace_value"):
        parse({"type": "replace_values"})
    for data in ({}, {"type": 1}, [], None, "replace_value"):
        with pytest.raises(InvalidFix):
            parse(data)
