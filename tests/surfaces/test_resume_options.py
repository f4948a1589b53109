"""What can be done with a failed run: told with what each way takes, and done in one go."""

from functools import partial

import pytest

from copilot.demo import URGENT_MAIL
from engine.run.resume_options import ResumeOptions
from tests.surfaces.conftest import CommandLine
from tests.surfaces.rest_client import one_database, says
from tests.surfaces.serving import serving


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with one_database(tmp_path_factory.mktemp("data")) as server:
        yield server


@pytest.fixture
def client(server):
    return server.client()


@pytest.fixture(scope="module", params=["here", "at a server"])
def place(request, tmp_path_factory):
    ask = CommandLine(tmp_path_factory.mktemp("options"))
    assert ask("init", "--example").code == 0
    if request.param == "here":
        yield ask
        return
    with serving(ask.folder):
        yield ask


def by_mode(found):
    return {one["mode"]: one for one in found["options"]}


def options(client, execution_id):
    return client.get(f"/executions/{execution_id}/resume-options")


def test_the_choices_have_the_words_that_people_know(client):
    found = options(client, client.failed())
    assert found["headline"].startswith("Step 2 Failed: Range 'UrgentEmails' not found")
    chosen = by_mode(found)
    assert list(chosen) == ["full", "partial", "dependencies"]
    full, partly = chosen["full"], chosen["partial"]
    assert full["title"] == "Re-run Entire Workflow (Recommended)"
    assert full["pros"] == ["Ensures all data is fresh", "Tests complete workflow after fix"]
    assert full["cons"] == ["Uses more tokens"]
    assert partly["title"] == "Continue from Failed Step (Advanced)"
    assert partly["pros"] == ["Faster, skips completed steps"]
    assert partly["cons"] == ["May fail if data from previous steps needed"]
    assert found["edit"] == {
        "title": "Edit Workflow (Manual)",
        "description": "Navigate to wizard to edit step definitions",
    }
    assert [one["recommended"] for one in found["options"]] == [True, False, False]


def test_each_way_tells_what_it_would_keep_and_the_resume_does_just_that(client):
    failed = client.failed()
    told = by_mode(options(client, failed))
    assert told["partial"]["report"]["reused"] == ["/step1"]
    assert told["full"]["report"]["reused"] == []
    body = {"resume_mode": "partial"}
    resumed = client.post(f"/executions/{failed}/resume", body)
    assert resumed["resume_report"] == told["partial"]["report"]


def test_looking_changes_nothing(client):
    failed = client.failed()
    before = client.get(f"/executions/{failed}"), client.get(f"/executions/{failed}/history")
    assert options(client, failed) == options(client, failed)
    assert (client.get(f"/executions/{failed}"), client.get(f"/executions/{failed}/history")) == (
        before
    )


def test_what_nobody_knows_is_null_and_then_known_from_runs(client):
    failed = client.failed()
    told = by_mode(options(client, failed))["full"]["estimate"]
    assert (told["milliseconds"], told["samples"]) == (None, 0)
    assert "Read the urgent mail" in told["unknown"]
    assert (told["tokens"], told["cost_usd"]) == (0, "0")  # no step of it asks a model
    change = client.applied(client.fix_for(failed))
    client.post(f"/executions/{failed}/resume", {"resume_mode": "partial"})
    assert client.ended(failed)["status"] == "succeeded"
    client.post(f"/changes/{change}/revert")
    again = options(client, client.failed())
    known = by_mode(again)
    assert known["full"]["estimate"]["milliseconds"] is not None
    assert known["full"]["estimate"]["samples"] >= 1
    assert known["full"]["estimate"]["unknown"] == []
    assert again["next_version"] == again["ran_version"] == 3


def test_after_a_fix_the_next_round_follows_the_new_version(client):
    failed = client.failed()
    client.applied(client.fix_for(failed))
    found = options(client, failed)
    assert (found["ran_version"], found["next_version"]) == (1, 2)


def test_a_run_that_succeeded_has_no_way_to_resume_and_says_why(client):
    made = client.post(
        "/workflows",
        {"definition": {"name": "g", "steps": [
            {"id": "a", "action": "render_template", "with": {"body": "Hi"}}]}},
    )  # fmt: skip
    run = client.run(made["workflow_id"])
    client.ended(run)
    found = options(client, run)
    assert {one["refused_code"] for one in found["options"]} == {"not_resumable"}
    assert all("start a new run" in one["refused"] for one in found["options"])
    assert {(one["report"], one["estimate"]) for one in found["options"]} == {(None, None)}
    assert found["headline"] == "Run Succeeded"


def test_another_workspace_has_no_such_run(client, server):
    failed = client.failed()
    stranger = server.client(example=False)
    answer = stranger("GET", f"/executions/{failed}/resume-options")
    says(answer, 404, "not_found")


def test_a_dry_run_is_asked_for_and_told(client):
    fix_id = client.fix_for(client.failed())
    assert client.get(f"/fixes/{fix_id}/preview")["dry_run"] is None
    tried = client.get(f"/fixes/{fix_id}/preview", params={"dry_run": True})
    assert tried["dry_run"]["state"] == "passed"
    assert tried["plain"]
    assert tried["sides"][0]["part"] == "workflow.yaml"


def failed_run(place):
    return place("run", URGENT_MAIL, "--json").json["execution"]["id"]


def fix_of(place, execution):
    report = place("analyze", execution, "--json").json
    fixes = report["suggested_fixes"]
    return next(one["fix_id"] for one in fixes if one["type"] == "replace_value")


def test_the_command_shows_the_options_and_does_nothing(place):
    execution = failed_run(place)
    shown = place("resume", execution, "--options")
    assert shown.code == 0
    for words in ("Step 2 Failed: Range", "Re-run Entire Workflow (Recommended)",
                  "Ensures all data is fresh", "Edit Workflow (Manual)",
                  f"ask-copilot resume {execution} --mode partial", "kept",
                  "ask-copilot export urgent-mail-digest > urgent-mail-digest.yaml",
                  "ask-copilot run urgent-mail-digest.yaml"):  # fmt: skip
        assert words in shown.out
    assert "wizard" not in shown.out
    data = place("resume", execution, "--options", "--json").json
    assert ResumeOptions.model_validate(data).execution_id == execution
    assert place("status", execution, "--json").json["execution"]["round"] == 1


def test_preview_apply_and_run_again_in_one_go(place):
    execution = failed_run(place)
    fix_id = fix_of(place, execution)
    shown = place("fix", "preview", fix_id, "--dry-run")
    assert "Dry run  Tried on the failed input: passes." in shown.out
    assert "In step 'Read the urgent mail': range becomes" in shown.out
    digest = place("fix", "preview", fix_id, "--json").json["digest"]
    apply = partial(place, "fix", "apply", fix_id, "--digest", digest, "--then-run")
    done = apply("partial")
    assert done.code == 0, done.err
    version = place("status", execution, "--json").json["execution"]["workflow_version"]
    assert f"Retry with Fixed Value in version {version}." in done.out
    assert "Round 2 keeps what succeeded (partial)." in done.out
    change = next(word for word in done.out.replace(")", " ").replace("(", " ").split()
                  if word.startswith("change_"))  # fmt: skip
    assert place("revert", change).code == 0
    twice = apply("full", "--json")
    assert twice.code == 3
    assert "nothing was applied" in twice.json["error"]["message"]


def test_the_run_again_needs_the_id_of_a_fix(place):
    refused = place("fix", "apply", "approval_1", "--then-run", "full", "--json")
    assert refused.code == 3
    assert "it needs the id of a fix" in refused.json["error"]["message"]
