"""Small words of the command line that have to be true: counts, ids, who was asked, what to do next."""

import io
import sqlite3
from contextlib import closing

import pytest
from rich.console import Console

from copilot.surfaces.cli._learned import show_learning
from copilot.surfaces.cli._render import show_report
from copilot.types import Report
from copilot.types.consultation import ModelUse
from copilot.types.learning import LearningSummary, SuccessRate
from tests.copilot.lost_range import lose_the_range
from tests.surfaces.conftest import CommandLine

MAIL = "urgent-mail-digest"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    ask = CommandLine(tmp_path_factory.mktemp("words"))
    assert ask("init", "--example").code == 0
    return ask


def failed_run(ask):
    return ask("run", MAIL, "--json").json["execution"]["id"]


def printed(show, value):
    console = Console(record=True, width=200, file=io.StringIO())
    show(console, value)
    return console.export_text()


def rate(**counts):
    known = {"name": "timeout", "verified": 5, "regressed": 0, "under_watch": 0, "judged": 5}
    return SuccessRate.model_validate(known | {"rate": 1.0, "low": 0.5, "high": 1.0} | counts)


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ({}, "5 of 5 judged fixes"),
        ({"judged": 1, "verified": 1}, "1 of 1 judged fix"),
        ({"under_watch": 2}, "5 of 5 judged fixes, 2 under watch"),
        ({"undecided": 1}, "5 of 5 judged fixes, 1 undecided, edited since"),
        ({"taken_back": 1}, "5 of 5 judged fixes, 1 taken back before it was judged"),
        (
            {"under_watch": 1, "taken_back": 4},
            "5 of 5 judged fixes, 1 under watch, 4 taken back before they were judged",
        ),
    ],
    ids=["many", "one", "watched", "edited", "taken back", "all"],
)
def test_fixes_are_counted_as_what_became_of_them(counts, says):
    told = printed(show_learning, LearningSummary(fix_types=(rate(**counts),)))
    assert says in {line.split("  ")[-1].strip() for line in told.splitlines()}


@pytest.mark.parametrize(
    ("counts", "first", "says"),
    [
        ({"undecided": 1}, "1 fix was applied", "1 undecided, edited since"),
        (
            {"under_watch": 1, "taken_back": 1},
            "2 fixes were applied",
            "1 under watch, 1 taken back before it was judged",
        ),
    ],
    ids=["undecided", "two"],
)
def test_a_fix_that_is_not_judged_was_applied_all_the_same(counts, first, says):
    none = {"judged": 0, "verified": 0, "rate": None, "low": None, "high": None}
    told = printed(show_learning, LearningSummary(fix_types=(rate(**none, **counts),)))
    assert told.startswith(f"{first}, and none is judged yet.")
    assert says in {line.split("  ")[-1].strip() for line in told.splitlines()}


def test_an_analysis_names_its_id_once_for_who_gives_an_opinion(place):
    execution_id = failed_run(place)
    told = place("analyze", execution_id).out
    (named,) = [line for line in told.splitlines() if line.startswith("Analysis: ")]
    analysis_id = named.removeprefix("Analysis: ").strip()
    assert place("feedback", analysis_id, "--helpful").code == 0
    assert f"Analysis: {analysis_id}" in place("report", analysis_id).out


def test_told_again_is_a_row_of_its_own_where_no_model_was_asked(place):
    first, second = failed_run(place), failed_run(place)
    known = place("analyze", first, "--json").json["analysis_id"]
    rows = [line.split("  ")[0] for line in place("analyze", second).out.splitlines()]
    assert "Told again" in rows
    assert "Model" not in rows
    assert f"from {known}, for nothing" in place("analyze", second).out


def test_told_again_still_says_which_model_had_answered(place):
    data = place("analyze", failed_run(place), "--json").json
    facts = {"runtime": "openai", "model": "m-1", "prompt": "analysis@1"}
    use = ModelUse.model_validate(facts | {"answered": True, "calls": 1, "milliseconds": 900})
    again = {"served_from": data["analysis_id"], "model": use.model_dump(mode="json")}
    told = printed(show_report, Report.model_validate(data | again))
    assert "m-1, asked then and not again" in told


def fixed(ask):
    report = ask("analyze", failed_run(ask), "--json").json
    fix_id = next(one["fix_id"] for one in report["suggested_fixes"] if one["fix_id"])
    digest = ask("fix", "preview", fix_id, "--json").json["digest"]
    return ask("fix", "apply", fix_id, "--digest", digest, "--json").json["change_id"]


def test_going_back_is_proposed_with_its_command(example):
    change_id = fixed(example)
    assert "ask-copilot revert" not in example("outcome", change_id).out
    lose_the_range(example.folder)
    assert example("run", MAIL).code == 1
    told = " ".join(example("outcome", change_id).out.split())
    assert "is proposed" in told
    assert f"Go back with: ask-copilot revert {change_id}" in told


def test_an_audit_that_was_emptied_is_not_called_intact(example):
    fixed(example)
    head = example("audit", "head").out
    example.write("head.json", head)
    with closing(sqlite3.connect(example.folder / ".ask-copilot/ask-copilot.sqlite")) as database:
        for (name,) in database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'copilot_audit%'"
        ).fetchall():
            database.execute(f"DELETE FROM {name}")
        database.commit()
    told = example("audit", "verify")
    assert "Intact" not in told.out
    assert "nothing to verify" in told.out
    assert "only by a head that was kept" in " ".join(told.out.split())
    assert example("audit", "verify", "--head", "head.json").code == 3
