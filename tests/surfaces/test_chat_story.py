"""A conversation over the real application: why, can you fix it, and what only a person does."""

import pytest
import yaml

from copilot.bootstrap import open_app
from copilot.demo import OUTREACH, install_example, workflow_text
from copilot.errors import Forbidden
from copilot.settings import load
from copilot.surfaces.chat.toolbox import Toolbox
from engine.testing import ScriptedModel
from tests.surfaces.chat_service import CALLS, chat_principal

WORKFLOW = "mails"


def mails():
    """The outreach, with an agent that the failing step listens to: all three kinds of fix fit."""
    definition = yaml.safe_load(workflow_text(OUTREACH))
    read, write, save = definition["steps"]
    agent = {"id": "tone", "type": "agent", "prompt": "Which greeting shall the mails have?"}
    write["with"]["values"] = {"greeting": "{{ tone }}"}
    definition["steps"] = [read, agent, write, save]
    return definition


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    data = tmp_path_factory.mktemp("chat")
    model = ScriptedModel(["Hello"] * 20)
    with open_app(load({}, data=data), model=model) as opened:
        install_example(opened)
        opened.owner().workflows.create(mails(), workflow_id=WORKFLOW)
        yield opened


def run_that_fails(app, workflow_id):
    executions = app.owner().executions
    run = executions.wait(executions.start(workflow_id).id, 30)
    assert run.status.value == "failed"
    return run.id


@pytest.fixture(scope="module")
def theirs(app):
    """Ids that exist in the default workspace, of a failure nobody repairs here."""
    execution_id = run_that_fails(app, OUTREACH)
    fixes = app.owner().analyses.analyze(execution_id).suggested_fixes
    return {"execution_id": execution_id, "workflow_id": OUTREACH, "fix_id": fixes[0].fix_id}


@pytest.fixture
def chat(app):
    box = Toolbox.of(app.copilot.serve(chat_principal("default")))

    def ask(name, **arguments):
        answer = box.call(name, arguments)
        assert not answer.is_error, answer.data
        return answer.data

    ask.box = box
    return ask


def test_why_can_you_fix_it_and_the_person_says_yes(app, chat):
    failed = run_that_fails(app, WORKFLOW)
    (line, *_) = chat("list_failures", workflow_id=WORKFLOW)["failures"]
    assert line["execution_id"] == failed
    why = chat("analyze_execution", execution_id=failed)
    assert (why["root_cause"], why["verdict"]) == ("missing_template", "confirmed")
    assert "Outbound v3" in why["explanation_text"]

    offer = chat("propose_fix", execution_id=failed)
    assert offer["cost"]["credits"] == 0, "asked and paid before"
    assert "can't approve" in offer["next"]
    by_kind = {one["kind"]: one for one in offer["proposals"]}
    assert set(by_kind) == {
        "Create missing resource",
        "Adjust configuration",
        "Update instructions",
    }
    assert "+    template: Outbound v2" in by_kind["Adjust configuration"]["change"]["diff_text"]
    assert "+subject:" in by_kind["Create missing resource"]["change"]["diff_text"]
    added = by_kind["Update instructions"]["change"]["diff_text"]
    assert "Outbound v2" in added
    for one in offer["proposals"]:
        assert one["approving"]["command"] == f"ask-copilot fix apply {one['fix_id']}"

    chosen = by_kind["Adjust configuration"]
    shown = chat("preview_fix", fix_id=chosen["fix_id"])["change"]
    assert shown == chosen["change"]
    person = app.owner()
    approval = person.fixes.approve(
        chosen["fix_id"], digest=shown["digest"], version=shown["base_version"]
    )
    assert person.fixes.apply(approval.approval_id).version == 2

    resumed = chat("resume_execution", execution_id=failed, mode="partial")
    assert (resumed["round"], resumed["mode"]) == (2, "partial")
    assert person.executions.wait(failed, 30).status.value == "succeeded"
    assert chat("get_execution", execution_id=failed)["progress_percentage"] == 100


def test_the_machine_behind_the_tools_can_not_approve_whatever_it_tries(app, theirs):
    machine = app.copilot.serve(chat_principal("default"))
    shown = machine.fixes.preview(theirs["fix_id"])
    tries = (
        lambda: machine.fixes.approve(shown.fix_id, digest=shown.digest, version=1),
        lambda: machine.fixes.apply("approval_1"),
        lambda: machine.fixes.undo("change_1"),
        lambda: machine.fixes.revert("change_1"),
        lambda: machine.account.grant(1),
        lambda: machine.account.create_key("x", kind="person", role="owner"),
        lambda: machine.workflows.create(mails(), workflow_id="other"),
        lambda: machine.workflows.replace(WORKFLOW, mails(), expected_version=1),
    )
    for attempt in tries:
        with pytest.raises(Forbidden):
            attempt()


def error_of(chat, name, **arguments):
    answer = chat.box.call(name, arguments)
    assert answer.is_error
    return answer.data["error"]


def test_settings_can_be_tightened_and_not_loosened(chat):
    every = {one["name"]: one for one in chat("get_settings")["settings"]}
    assert every["verify_runs"]["writable"] is True
    assert every["offline_credit_cost"]["writable"] is False
    tighter = {"name": "verify_runs", "value": 5}
    assert chat("set_settings", changes=[tighter])["settings"][0]["value"] == 5
    looser = [{"name": "verify_runs", "value": 4}]
    assert error_of(chat, "set_settings", changes=looser)["code"] == "forbidden"
    beyond = [{"name": "budget_max_cost_per_task", "value": 51}]
    assert "at most 50" in error_of(chat, "set_settings", changes=beyond)["message"]
    typo = [{"name": "verify_run", "value": 5}]
    assert "verify_runs" in error_of(chat, "set_settings", changes=typo)["message"]
    both = [{"name": "undo_seconds", "value": 60}, *beyond]
    error_of(chat, "set_settings", changes=both)
    after = {one["name"]: one["value"] for one in chat("get_settings")["settings"]}
    assert (after["verify_runs"], after["undo_seconds"]) == (5, 5)


def test_a_paused_workflow_starts_nothing_until_a_person_says_so(app, chat):
    app.owner().workflows.create(mails(), workflow_id="paused-mails")
    chat("pause_workflow", workflow_id="paused-mails", reason="the same every night")
    workflows = app.owner().workflows
    assert workflows.get("paused-mails").paused.reason == "the same every night"
    workflows.unpause("paused-mails")
    assert workflows.get("paused-mails").paused is None


def test_what_the_tools_did_is_in_the_audit_as_done_by_a_machine(app, chat):
    chat("set_settings", changes=[{"name": "verify_runs", "value": 7}])
    newest = app.owner().account.audit(limit=1).items[0]
    assert (newest.action, newest.actor_kind.value) == ("set_settings", "machine")


@pytest.mark.parametrize("name", [name for name in CALLS if CALLS[name] and name != "set_settings"])
def test_somebody_elses_thing_is_exactly_like_a_missing_one(app, theirs, name):
    stranger = Toolbox.of(app.copilot.serve(chat_principal("elsewhere")))
    foreign = {key: theirs.get(key, value) for key, value in CALLS[name].items()}
    missing = {key: "nope" if key in theirs else value for key, value in CALLS[name].items()}
    answer = stranger.call(name, foreign)
    assert answer.data["error"]["code"] == "not_found"
    assert answer == stranger.call(name, missing)


def test_a_stranger_lists_nothing_of_others(app, theirs):
    stranger = Toolbox.of(app.copilot.serve(chat_principal("elsewhere")))
    assert stranger.call("list_failures", {}).data["failures"] == []
    filtered = stranger.call("list_failures", {"workflow_id": theirs["workflow_id"]})
    assert filtered == stranger.call("list_failures", {"workflow_id": "nope"})
