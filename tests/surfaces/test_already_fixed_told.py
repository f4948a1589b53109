"""What is fixed already, or was fixed without being asked, is told as that wherever it is told."""

import pytest

from copilot.pipeline.learned import without_done
from copilot.postmortem import Priority, as_markdown, priority
from copilot.types import Report
from copilot.types.message import BESIDES
from tests.surfaces.conftest import CommandLine

MAIL = "urgent-mail-digest"


def failed_run(ask):
    return ask("run", MAIL, "--json").json["execution"]["id"]


def fixed(ask):
    """Two runs that fail for the same reason, and a fix that is made for the first of them."""
    first, second = failed_run(ask), failed_run(ask)
    report = ask("analyze", first, "--json").json
    fix_id = next(one["fix_id"] for one in report["suggested_fixes"] if one["fix_id"])
    digest = ask("fix", "preview", fix_id, "--json").json["digest"]
    change = ask("fix", "apply", fix_id, "--digest", digest, "--json").json
    return report, second, change["change_id"]


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    ask = CommandLine(tmp_path_factory.mktemp("told"))
    assert ask("init", "--example").code == 0
    return ask, *fixed(ask)


def test_the_text_says_so_first_and_offers_no_remedy_again(scene):
    ask, _, execution_id, change_id = scene
    told = ask("analyze", execution_id).out
    assert "✓ This has been fixed since, in version 2 (the run had version 1)." in told
    assert "How to fix it" not in told
    assert f"ask-copilot resume {execution_id} --mode partial" in told
    assert f"ask-copilot revert {change_id}" in told


def test_before_the_fix_the_text_has_no_word_of_it(scene):
    ask, report, *_ = scene
    told = ask("report", report["analysis_id"]).out
    assert "How to fix it" in told
    assert "fixed since" not in told


def test_the_document_says_so_and_is_not_urgent(scene):
    ask, _, execution_id, _ = scene
    told = ask("analyze", execution_id, "--markdown").out
    assert "This has been fixed since, in version 2" in told
    assert "- Priority: **low** (it is fixed already)" in told
    assert "Replace" not in told.partition("## Fix")[2]


def test_the_message_gives_no_way_out_that_is_taken_already(scene):
    ask, report, execution_id, _ = scene
    again = ask("analyze", execution_id, "--json").json
    assert again["message"].startswith(again["already_fixed"]["words"])
    assert "How to fix" not in again["message"]
    assert (again["suggested_fixes"], again["can_auto_fix"]) == ([], False)
    assert ask("report", again["analysis_id"], "--json").json["suggested_fixes"] == []
    assert priority(Report.model_validate(report))[0] is not Priority.LOW


def test_a_hand_off_says_so_and_not_that_nothing_is_known(scene):
    ask, _, execution_id, _ = scene
    analysis = ask("analyze", execution_id, "--json").json["analysis_id"]
    told = ask("fix", "handoff", analysis).out
    assert "This has been fixed since, in version 2" in told
    assert "No remedy is known" not in told


def with_another(before, done, **changes):
    """The report from before the fix as if it were fixed, with a fix of another type beside it."""
    (fix, words) = before["suggested_fixes"]
    other = fix | {
        "type": "create_field",
        "description": "Make the field",
        "action": "Create Field",
    }
    fixes = {"suggested_fixes": [fix, other, words], "already_fixed": done}
    return without_done(Report.model_validate(before | fixes | changes))


def test_what_can_be_applied_beside_it_stays_and_words_do_not(scene):
    ask, before, execution_id, _ = scene
    done = ask("analyze", execution_id, "--json").json["already_fixed"]
    report = with_another(before, done)
    assert [one.type for one in report.suggested_fixes] == ["create_field"]
    assert report.can_auto_fix
    assert f"{BESIDES}\n1. Make the field\n\n[Create Field]" in report.message
    told = as_markdown(report)
    assert told.count("This has been fixed since") == 1
    assert BESIDES in told.partition("## Fix")[2]


def test_what_a_model_says_that_was_asked_in_spite_of_it_stays(scene):
    ask, before, execution_id, _ = scene
    done = ask("analyze", execution_id, "--json").json["already_fixed"]
    use = {"runtime": "openai", "model": "m-1", "answered": True, "prompt": "analysis@1"}
    report = with_another(before, done, model=use | {"calls": 1, "milliseconds": 9})
    assert [one.type for one in report.suggested_fixes] == ["create_field", "manual"]
