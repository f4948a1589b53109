"""`groups`: what people see of a group, and what they say about it."""

import json

import pytest

from tests.surfaces.conftest import CommandLine

RUNS = [
    {"id": "r1", "agent": "crm", "status": "failed", "error": "Template 'A' not found"},
    {"id": "r2", "agent": "crm", "status": "failed", "error": "Template 'B' not found"},
    {"id": "r3", "agent": "crm", "status": "failed", "error": "Template 'A' not found"},
    {"id": "r4", "agent": "load", "status": "failed", "error": "Disk of the loader is full"},
]


@pytest.fixture
def place(tmp_path):
    ask = CommandLine(tmp_path)
    assert ask("init").code == 0
    (tmp_path / "runs.jsonl").write_text("\n".join(map(json.dumps, RUNS)))
    assert ask("analyze", "--file", "runs.jsonl", env={"COLUMNS": "200"}).code == 0
    return ask


def wide(place, *arguments):
    return place(*arguments, env={"COLUMNS": "250"})


def listed(place):
    return {one["label"]: one for one in place("groups", "--json").json["groups"]}


def signatures(place):
    found = listed(place)
    return found["Template not found"]["signature"], found["Disk of the loader is full"][
        "signature"
    ]


def test_the_list_says_how_often_where_and_when(place):
    template, disk = signatures(place)
    first, facts, second, *_ = wide(place, "groups").out.splitlines()
    assert first == f"3 failures: Template not found  {template}"
    assert facts.startswith("  in crm; first 2")
    assert second == f"1 failure: Disk of the loader is full  {disk}"


def test_explain_says_why_and_shows_each_text(place):
    template, _ = signatures(place)
    out = wide(place, "groups", "explain", template).out
    assert (
        "One group because they share the words template, not, found; they differ in: "
        "template ('A' 2x, 'B' 1x)."
    ) in out
    assert f"  {template}  3 failures\n    Template 'A' not found\n" in out


def test_a_split_and_a_merge_are_rules_that_can_be_taken_back(place):
    template, disk = signatures(place)
    made = wide(place, "groups", "merge", template, disk, "--reason", "one outage")
    said = f"{template} and {disk} are one group, says owner: one outage"
    assert made.out.startswith(
        f"From now on {said}.\nTake it back with:  ask-copilot groups forget "
    )
    rule = made.out.split()[-1]
    (together,) = listed(place).values()
    assert (together["signature"], together["failures"]) == (template, 4)
    out = wide(place, "groups", "explain", disk).out
    assert "Said by people:\n  " in out
    assert f"{said}  {rule}" in out
    refused = place("groups", "split", disk, template, "--json")
    assert (refused.code, refused.json["error"]["code"]) == (5, "rule_conflict")
    assert refused.json["error"]["message"] == (
        "Against what a person has said of these groups: "
        f"{rule} by owner made them one. Take that back first."
    )
    assert place("groups", "forget", rule).out == f"Taken back: {rule}\n"
    assert len(listed(place)) == 2
    split = wide(place, "groups", "split", disk, template)
    assert f"{disk} and {template} are kept apart, says owner." in split.out


def test_what_is_ignored_is_marked_and_counts_again(place):
    template, _ = signatures(place)
    ignored = wide(place, "groups", "ignore", template)
    assert ignored.out.startswith(
        f"From now on the group of {template} counts in no pattern, says owner."
    )
    assert f"{template}  (ignored)" in wide(place, "groups").out
    assert wide(place, "groups", "unignore", template).out == "Template not found counts again.\n"
    assert "(ignored)" not in wide(place, "groups").out
    assert place("groups", "unignore", template, "--json").json["ignored"] is False


@pytest.mark.parametrize(
    "command",
    [("explain",), ("split", "x"), ("merge", "x"), ("ignore",), ("unignore",)],
    ids=lambda command: command[0],
)
def test_a_signature_that_nobody_saw_is_none(place, command):
    name, *rest = command
    refused = place("groups", name, "n1:nope", *rest, "--json")
    assert (refused.code, refused.json["error"]["code"]) == (4, "not_found")


def test_hostile_texts_are_shown_as_text(tmp_path):
    ask = CommandLine(tmp_path)
    assert ask("init").code == 0
    error = "Template '\x1b[31m[bold]A' not found\nrm -rf"
    run = {"id": "r", "agent": "\x1b[2Jcrm", "status": "failed", "error": error}
    (tmp_path / "runs.jsonl").write_text(json.dumps(run))
    assert ask("analyze", "--file", "runs.jsonl").code == 0
    (one,) = ask("groups", "--json").json["groups"]
    for answer in (ask("groups"), ask("groups", "explain", one["signature"])):
        assert answer.code == 0
        assert "\x1b" not in answer.out
