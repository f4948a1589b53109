"""The demo is the main job: a program can check every stage of it."""

import re

import pytest

from .conftest import CommandLine


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    answer = CommandLine(tmp_path_factory.mktemp("demo")).process("demo", "--json")
    assert answer.code == 0, answer.err
    return answer.json


@pytest.fixture(scope="module")
def stages(document):
    found = {}
    for stage in document["stages"]:
        found.setdefault(stage["stage"], stage)
    return found


def test_the_stages_come_in_order(document):
    assert list(dict.fromkeys(stage["stage"] for stage in document["stages"])) == [
        "failed",
        "report",
        "preview",
        "approval",
        "change",
        "resumed",
        "later",
        "outcome",
        "credits",
        "repeated",
        "pattern",
    ]


def test_five_steps_fail_at_the_second_with_a_real_error(stages):
    run = stages["failed"]
    assert run["execution"]["status"] == "failed"
    assert [step["status"] for step in run["steps"]] == [
        "succeeded",
        "failed",
        "skipped",
        "skipped",
        "skipped",
    ]
    assert "UrgentEmails" in run["steps"][1]["error"]["message"]


def test_the_report_names_step_cause_and_evidence(stages):
    report = stages["report"]
    assert report["headline"] == "Step 2 failed: Range 'UrgentEmails' not found in inbox.xlsx"
    assert report["root_cause"] == "missing_resource"
    assert report["verdict"] == "confirmed"
    assert report["failed_step"]["step_number"] == 2
    assert report["evidence"]
    assert "UrgentEmails" in report["explanation"]
    assert report["can_auto_fix"]
    assert report["receipt"] == {
        "credits": 1,
        "balance": 99,
        "reason": "answered by the rules",
        "cost_usd": "0",
    }


def test_the_approved_diff_is_the_one_that_was_made(stages):
    preview, approval, change = (stages[name] for name in ("preview", "approval", "change"))
    assert "-    range: UrgentEmails\n+    range: DefinedRange" in preview["diff"]
    assert approval["digest"] == preview["digest"]
    assert (change["base_version"], change["version"], change["state"]) == (1, 2, "applied")


def test_the_resume_keeps_what_was_done_and_loses_nothing(document, stages):
    steps = stages["resumed"]["steps"]
    assert [step["status"] for step in steps] == ["succeeded"] * 5
    assert [step["restored"] for step in steps] == [True, False, False, False, False]
    assert document["digest"] == {"inbox": 420, "urgent": 245, "replies": 193}


def test_the_fix_is_verified_by_later_runs_and_the_credits_add_up(stages):
    assert stages["outcome"]["state"] == "verified"
    assert stages["outcome"]["passes"] == 3
    assert (stages["credits"]["granted"], stages["credits"]["spent"]) == (100, 1)
    assert stages["credits"]["problems"] == []


def test_five_failures_of_one_kind_are_a_pattern_with_the_advice_to_pause(stages):
    pattern = stages["pattern"]["pattern_detected"]
    assert (pattern["is_pattern"], pattern["failure_count"]) == (True, 5)
    assert pattern["error_message"] == "Email template was not found"
    assert pattern["recommendation"] == "Pause this agent until template is created"


@pytest.mark.parametrize("mode", ["full", "dependencies"])
def test_the_other_ways_to_resume_work_too(tmp_path, mode):
    answer = CommandLine(tmp_path)("demo", "--json", "--mode", mode)
    assert answer.code == 0, answer.err
    resumed = next(one for one in answer.json["stages"] if one["stage"] == "resumed")
    assert resumed["execution"]["status"] == "succeeded"
    restored = [step["restored"] for step in resumed["steps"]]
    assert restored[0] is (mode == "dependencies")


def test_told_in_plain_text_without_colour(ask):
    answer = ask("demo", env={"COLUMNS": "80"})
    assert answer.code == 0, answer.err
    assert "\x1b" not in answer.out
    for words in ("The demo approves", "Verified:", "failed 5 times", "Pause this agent"):
        assert words in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


def test_saying_no_changes_nothing(ask):
    answer = ask("demo", "--interactive", stdin="1\nn\n")
    assert answer.code == 0, answer.err
    assert "Nothing was changed." in answer.out
    assert "Applied" not in answer.out


def test_the_picture_needs_no_server(ask):
    answer = ask("demo", "--svg", "demo.svg")
    assert answer.code == 0, answer.err
    picture = (ask.folder / "demo.svg").read_text()
    links = set(re.findall(r"https?://[^\s\"')]+", picture))
    assert all("w3.org" in link or "textualize" in link for link in links), links
