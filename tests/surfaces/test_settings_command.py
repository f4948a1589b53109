"""`settings`, and the lists of what a workspace keeps about itself."""

import pytest

from tests.surfaces.conftest import CommandLine


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    ask = CommandLine(tmp_path_factory.mktemp("settings"))
    assert ask("init", "--example").code == 0
    return ask


def error_of(answer):
    return answer.json["error"]["code"]


def value(place, name):
    return place("settings", "get", name, "--json").json["value"]


def test_settings_are_changed_together_or_not_at_all(place):
    changed = place("settings", "set", "pattern_window=20", "pattern_threshold=15", "--json")
    assert {one["name"]: one["value"] for one in changed.json["settings"]} == {
        "pattern_window": 20,
        "pattern_threshold": 15,
    }
    refused = place("settings", "set", "verify_runs=7", "pattern_window=1", "--json")
    assert (refused.code, error_of(refused)) == (3, "invalid_input")
    assert value(place, "verify_runs") == 3
    together = place("settings", "set", "pattern_window=5", "--json")
    assert (together.code, error_of(together)) == (3, "invalid_input")


def test_null_goes_back_to_the_default(place):
    assert place("settings", "set", "budget_max_daily_cost=12.50").code == 0
    assert value(place, "budget_max_daily_cost") == 12.5
    assert place("settings", "set", "budget_max_daily_cost=null").code == 0
    assert value(place, "budget_max_daily_cost") is None


def test_the_list_shows_bounds_and_who_changed_what(place):
    assert place("settings", "set", "undo_seconds=30").code == 0
    text = place("settings", env={"COLUMNS": "200"}).out
    line = next(line for line in text.splitlines() if line.startswith("undo_seconds"))
    for words in ("30", "0 to 600", "changed by owner"):
        assert words in line
    one = place("settings", "get", "budget_max_cost_per_task").out
    assert "Most that one step may cost" in one
    assert "Only an owner in person may" in one


@pytest.mark.parametrize(
    ("pair", "code"),
    [
        ("undo_secnds=3", "unknown_name"),
        ("undo_seconds", "invalid_input"),
        ("=3", "invalid_input"),
        ("undo_seconds=lots", "invalid_input"),
        ("undo_seconds=601", "invalid_input"),
        ("offline_credit_cost=0", "invalid_input"),
    ],
)
def test_what_can_not_be_set_is_answered(place, pair, code):
    answer = place("settings", "set", pair, "--json")
    assert answer.code in {3, 5}
    assert error_of(answer) == code


def test_an_unknown_setting_is_answered_with_the_near_one(place):
    answer = place("settings", "get", "verify_run")
    assert answer.code == 3
    assert "verify_runs" in answer.err


def test_a_name_near_to_none_is_answered_with_where_all_of_them_are(place):
    for command in (("set", "foo=1"), ("get", "foo")):
        answer = place("settings", *command)
        assert answer.code == 3
        assert answer.err == (
            "Error: There is no setting called 'foo'. See ask-copilot settings. [unknown_name]\n"
        )
    near = place("settings", "set", "budget_max=1").err.partition("Did you mean ")[2]
    assert 1 <= near.partition("?")[0].count(",") + 1 <= 3


def test_each_setting_is_listed_with_what_it_is_for(place):
    shown = place("settings").out
    for one in place("settings", "--json").json["settings"]:
        assert f"{one['name']} = " in shown
        assert one["description"] in shown


def test_a_paused_workflow_starts_nothing_until_it_is_unpaused(place):
    name = "outbound-follow-up"
    assert place("workflows", "pause", name, "--reason", "the template is missing").code == 0
    refused = place("run", name, "--json")
    assert (refused.code, error_of(refused)) == (5, "workflow_paused")
    assert "the template is missing" in refused.json["error"]["message"]
    assert "paused" in place("workflows").out
    assert place("workflows", "unpause", name, "--json").json["paused"] is None
    assert place("run", name, "--json").json["execution"]["status"] == "failed"


def test_what_failed_is_listed_page_by_page_and_shown_step_by_step(place):
    for _ in range(2):
        place("run", "urgent-mail-digest")
    first = place("failures", "--limit", "1", "--json").json
    second = place("failures", "--cursor", first["next_cursor"], "--json").json
    assert first["items"][0]["execution_id"] not in {one["execution_id"] for one in second["items"]}
    assert "--cursor" in place("failures", "--limit", "1").out
    groups = place("patterns", "urgent-mail-digest", "--json").json["patterns"]
    assert groups[0]["pattern"]["failure_count"] == 2
    timeline = place("debug", "urgent-mail-digest").out
    assert "✓ 1. Read the inbox" in timeline
    assert "✗ 2. Read the urgent mail" in timeline
    assert "missing_resource (confirmed)" in timeline
    assert "quick: gets it going again" in timeline
    wrong = place("failures", "--cursor", "nope", "--json")
    assert wrong.code == 3


def test_a_night_and_its_report(place):
    place("run", "urgent-mail-digest")
    digest = place("nightly", "--credit-cap", "1", "--json").json
    assert digest["credit_cap"] == 1
    analysis = next(item["analysis_id"] for item in digest["items"] if item["analysis_id"])
    assert place("report", analysis, "--json").json["analysis_id"] == analysis
    assert place("nightly", "--latest", "--json").json == digest
    assert place("nightly", "--latest", "--markdown").out.startswith("Workspace `default`")
    assert place("nightly", "--spend-cap", "much").code == 3
    assert place("nightly", "--json", "--markdown").code == 2


def test_what_it_cost_and_who_did_what(place):
    place("credits", "grant", "50", "--key", "k")
    assert place("credits", "grant", "50", "--key", "k", "--json").json["balance"] <= 50
    entries = place("audit", "--limit", "100", "--json").json["items"]
    assert {"grant_credits", "set_settings", "pause_workflow"} <= {one["action"] for one in entries}
    assert place("credits", "receipts", "--json").json["items"]
    runtimes = place("runtimes", "--json").json["runtimes"]
    assert any(one["name"] == "offline" and one["available"] for one in runtimes)


def test_what_yaml_would_make_of_an_input_stays_what_was_typed(place):
    step = "steps:\n  - {id: a, action: write_file, with: {path: a.txt, content: '{{ inputs.day }}'}}\n"
    path = place.write("day.yaml", f"name: Day\ninputs: {{day: {{}}}}\n{step}")
    run = place("run", path, "--input", "day=2026-01-31", "--json")
    assert run.json["execution"]["inputs"] == {"day": "2026-01-31"}


def test_a_run_that_takes_longer_is_waited_for(place):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("copilot.surfaces.cli._ending.PATIENCE", 0.0)
        patch.setattr("copilot.surfaces.cli._ending.REDRAW", 0.01)
        run = place("run", "urgent-mail-digest")
    assert run.code == 1
    assert "1 of 5 steps complete" in run.out
