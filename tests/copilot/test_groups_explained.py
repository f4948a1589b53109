"""A group says in a sentence why it is one: what its failures share, and where they differ."""

import pytest

from copilot.pipeline.examine import examine
from copilot.pipeline.grouping import explain
from copilot.types import ErrorRecord, RunRecord, RunStatus


def failed(message: str, *, error_type: str | None = None, fingerprint: str | None = None):
    error = ErrorRecord(message=message, type=error_type, fingerprint=fingerprint)
    return examine(
        RunRecord(
            source="jsonl",
            workspace_id="acme",
            execution_id="run",
            workflow_id="w",
            workflow_name="W",
            status=RunStatus.FAILED,
            error=error,
        )
    )


def sentence(*messages: str, **options: str) -> str:
    return explain([failed(message, **options) for message in messages]).sentence


def test_the_class_the_words_and_the_names_that_differ():
    failures = [
        failed(f"Template '{name}' not found", error_type="crm.TemplateNotFound")
        for name in ("A", "A", "A", "B", "B")
    ]
    told = explain(failures)
    assert told.sentence == (
        "One group because they share the exception class TemplateNotFound and the words "
        "template, not, found; they differ in: template ('A' 3x, 'B' 2x)."
    )
    assert told.exception == "TemplateNotFound"
    assert told.words == ("template", "not", "found")
    assert [(one.part, one.values, one.others) for one in told.differences] == [
        ("template", (("A", 3), ("B", 2)), 0)
    ]
    assert told.looked_at == 5


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        pytest.param(
            ["Disk full"], "One failure so far. It has the words disk, full.", id="one failure"
        ),
        pytest.param(
            ["Disk full"] * 2,
            "One group because they share the words disk, full; they differ in nothing.",
            id="all alike",
        ),
        pytest.param(
            ["KeyError: 'total'", "KeyError: 'sum'"],
            "One group because they share the exception class KeyError; they differ in: "
            "name ('total' 1x, 'sum' 1x).",
            id="a class and a value",
        ),
        pytest.param(
            [f"File {name}.csv is empty" for name in "abcdefgh"],
            "One group because they share the words file, is, empty; they differ in: "
            "file ('a.csv' 1x, 'b.csv' 1x, 6 others).",
            id="many values",
        ),
        pytest.param(
            ["Plattenplatz", "Speicher"],
            "One group by what is listed below: their texts share no words.",
            id="nothing shared",
        ),
        pytest.param(
            ["Could not read the sheet", "Unable to read a sheet"],
            "One group because they share the words read, sheet; they differ in nothing.",
            id="other words around",
        ),
    ],
)
def test_what_it_says(messages, told):
    assert sentence(*messages) == told


def test_a_fingerprint_is_the_reason_where_there_is_one():
    told = sentence("Disk full", "Mail bounced", fingerprint="nightly load")
    assert told.startswith(
        "One group because they share the fingerprint 'nightly load', which they came with;"
    )


def test_several_parts_are_named_and_the_rest_counted():
    told = sentence(
        "Copy of 'a' to host db1.example.com at 10.0.0.1 took 3s by user 12345",
        "Copy of 'b' to host db2.example.com at 10.0.0.2 took 4s by user 12346",
    )
    assert told.count("1x") == 6
    assert " more." in told
