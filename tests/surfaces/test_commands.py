"""A workflow of one's own, command by command, and what each wrong use is answered."""

import json
import time

import pytest

WORKFLOW = "urgent-mail-digest"


@pytest.fixture
def failed(example):
    answer = example("run", WORKFLOW, "--json")
    assert answer.code == 1
    return answer.json["execution"]["id"]


@pytest.fixture
def fix_id(example, failed):
    report = example("analyze", failed, "--json").json
    return next(fix["fix_id"] for fix in report["suggested_fixes"] if fix["fix_id"])


def error_of(answer):
    return answer.json["error"]["code"]


def test_from_failure_to_verified_by_hand(example, failed, fix_id):
    digest = example("fix", "preview", fix_id, "--json").json["digest"]
    approval = example("fix", "approve", fix_id, "--digest", digest, "--json").json
    change = example("fix", "apply", approval["approval_id"], "--json").json
    assert change["version"] == 2
    assert example("resume", failed, "--mode", "partial").code == 0
    for _night in range(2):
        assert example("run", WORKFLOW).code == 0
    assert example("outcome", change["change_id"], "--json").json["state"] == "verified"


def test_a_question_can_be_answered_with_no(example, fix_id):
    answer = example("fix", "apply", fix_id, stdin="n\n")
    assert answer.code == 1
    assert "+    range: DefinedRange" in answer.out
    assert example("run", WORKFLOW, "--json").json["execution"]["workflow_version"] == 1


def test_undo_within_its_window_and_revert_after_it(example, fix_id):
    change = example("fix", "apply", fix_id, stdin="y\n", env={"ASK_COPILOT_UNDO_SECONDS": "60"})
    change_id = change.out.split("ask-copilot undo ")[1].split()[0]
    undone = example("undo", change_id, "--json", env={"ASK_COPILOT_UNDO_SECONDS": "60"})
    assert undone.json["change"]["version"] == 3
    again = example("undo", change_id, "--json")
    assert (again.code, error_of(again)) == (5, "not_reversible")


def test_undo_too_late_says_what_to_do_instead(example, fix_id):
    quick = {"ASK_COPILOT_UNDO_SECONDS": "0"}
    change = example("fix", "apply", fix_id, stdin="y\n", env=quick)
    change_id = change.out.split("ask-copilot undo ")[1].split()[0]
    late = example("undo", change_id, env=quick)
    assert late.code == 5
    assert "Use revert" in late.err
    assert example("revert", change_id, "--json").json["change"]["kind"] == "revert"


def test_an_approval_works_once_and_only_for_its_own_diff(example, fix_id):
    wrong = example("fix", "approve", fix_id, "--digest", "0" * 64, "--json")
    assert (wrong.code, error_of(wrong)) == (5, "stale_base")
    digest = example("fix", "preview", fix_id, "--json").json["digest"]
    approval = example("fix", "approve", fix_id, "--digest", digest, "--json").json["approval_id"]
    assert example("fix", "apply", approval).code == 0
    second = example("fix", "apply", approval, "--json")
    assert second.code != 0
    assert error_of(second) in {"approval_refused", "invalid_fix"}


@pytest.mark.parametrize("command", ["apply", "approve"])
@pytest.mark.parametrize("digest", ["", " "], ids=["empty", "blank"])
def test_an_empty_digest_approves_nothing(example, fix_id, command, digest):
    for options in ((), ("--json",)):
        refused = example("fix", command, fix_id, "--digest", digest, *options)
        assert (refused.code, "--digest" in refused.err + refused.out) == (3, True)
    audit = example("audit", "--json").json["items"]
    assert not {"approve_fix", "apply_fix"} & {one["action"] for one in audit}


def test_an_expired_approval_is_refused(example, fix_id):
    digest = example("fix", "preview", fix_id, "--json").json["digest"]
    brief = {"ASK_COPILOT_APPROVAL_SECONDS": "1"}
    approved = example("fix", "approve", fix_id, "--digest", digest, "--json", env=brief)
    time.sleep(1.1)
    late = example("fix", "apply", approved.json["approval_id"], "--json")
    assert (late.code, error_of(late)) == (5, "approval_refused")
    assert "expired" in late.json["error"]["message"]


def test_a_file_from_before_the_fix_does_not_undo_it_by_accident(example, fix_id):
    from copilot.demo import workflow_text

    path = example.write("mail.yaml", workflow_text(WORKFLOW))
    assert example("fix", "apply", fix_id, stdin="y\n").code == 0
    answer = example("run", path)
    assert answer.code == 3
    assert "version 2 is newer" in answer.err
    assert example("run", WORKFLOW).code == 0


def test_the_last_credit(example, failed):
    assert example("credits", "grant", "1", "--json").json == {"balance": 1}
    report = example("analyze", failed, "--json").json
    assert report["receipt"]["balance"] == 0
    again = example("analyze", failed, "--json")
    assert again.json["receipt"]["credits"] == 0, "the same answer again is free"
    other = example("run", "outbound-follow-up", "--json").json["execution"]["id"]
    refused = example("analyze", other, "--json")
    assert (refused.code, error_of(refused)) == (6, "insufficient_credits")
    assert example("credits", "--json").json["spent"] == 1


def test_what_did_not_fail_is_not_analysed(example, fix_id):
    example("fix", "apply", fix_id, stdin="y\n")
    good = example("run", WORKFLOW, "--json").json["execution"]["id"]
    answer = example("analyze", good, "--json")
    assert (answer.code, error_of(answer)) == (3, "not_a_failed_execution")


@pytest.mark.parametrize(
    "command",
    [
        ("analyze", "nope"),
        ("resume", "nope"),
        ("status", "nope"),
        ("cancel", "nope"),
        ("run", "nope"),
        ("fix", "preview", "fix_nope"),
        ("undo", "nope"),
        ("outcome", "nope"),
    ],
    ids=" ".join,
)
def test_what_is_not_there_is_not_found_and_its_id_not_echoed(example, command):
    answer = example(*command, "--json")
    assert (answer.code, error_of(answer)) == (4, "not_found")
    assert "nope" not in answer.out


def test_another_workspaces_run_is_as_missing_as_one_that_never_was(example, failed):
    stranger = example("analyze", failed, "--workspace", "other", "--json")
    nobody = example("analyze", "0" * 32, "--workspace", "other", "--json")
    assert (stranger.code, stranger.out) == (nobody.code, nobody.out)


def test_without_a_data_folder_the_way_to_one_is_named(ask):
    answer = ask("status")
    assert answer.code == 2
    assert "ask-copilot init" in answer.err
    assert not list(ask.folder.iterdir())


def test_runs_of_other_systems(example):
    runs = [
        {"id": "r1", "agent": "crm", "status": "Failed", "steps": [
            {"action": "load", "status": "success"},
            {"action": "send", "stepStatus": "failed", "result": {"error": "Token expired"}},
            {"action": "log", "status": "failed", "error": "no message to log"},
        ]},
        {"id": "r2", "agent": "crm", "status": "Failed", "error": "LinkedIn rate limit exceeded"},
    ]  # fmt: skip
    path = example.write("runs.jsonl", "".join(json.dumps(run) + "\n" for run in runs))
    first, second = example("analyze", "--file", path, "--json").lines
    assert (first["root_cause"], first["failed_step"]["step_number"]) == ("auth_error", 2)
    assert first["later_failures"] == 1
    assert (second["root_cause"], second["failed_step"]["step_number"]) == ("rate_limit", None)
    assert not first["can_auto_fix"]


def test_a_line_that_makes_no_sense_gets_its_error_and_the_rest_goes_on(example):
    good = '{"id": "r2", "status": "Failed", "error": "Token expired"}\n'
    bad = '{"id": "r1", "status": "Failde", "error": "x"}\n{"id": "r3", "status": "Success"}\n'
    path = example.write("runs.jsonl", bad + good)
    answer = example("analyze", "--file", path, "--json")
    assert answer.code == 3
    one, two, three = answer.lines
    assert "line 1" in one["error"]["message"]
    assert "Did you mean failed?" in one["error"]["message"]
    assert two["error"]["code"] == "not_a_failed_execution"
    assert three["root_cause"] == "auth_error"


def test_runs_of_nobody_in_particular_make_no_pattern(example):
    lines = [f'{{"id": "r{n}", "status": "Failed", "error": "Token expired"}}\n' for n in range(6)]
    path = example.write("runs.jsonl", "".join(lines))
    *_, last = example("analyze", "--file", path, "--json").lines
    assert not last["pattern_detected"]["is_pattern"]


def test_an_edited_file_does_not_drop_the_fix_silently(example, fix_id):
    from copilot.demo import workflow_text

    assert example("fix", "apply", fix_id, stdin="y\n").code == 0
    mine = workflow_text(WORKFLOW).replace("Read the inbox", "Read all mail")
    answer = example("run", example.write("mail.yaml", mine))
    assert answer.code == 3
    assert f"ask-copilot export {WORKFLOW}" in answer.err
    exported = example("export", WORKFLOW).out
    assert "range: DefinedRange" in exported
    assert example("run", example.write("mail.yaml", exported)).code == 0


def test_names_without_latin_letters_are_workflows_of_their_own(example):
    step = "steps:\n  - {id: a, action: write_file, with: {path: a, content: a}}\n"
    for name in ("日本", "中国"):
        path = example.write("w.yaml", f"name: {name}\n{step}")
        answer = example("run", path, "--json")
        assert answer.json["execution"]["workflow_version"] == 1


def test_a_database_that_can_not_be_used_is_said_in_one_line(example):
    for url in ("garbage", "sqlite:////proc/nowhere/x.db"):
        answer = example("credits", "--json", env={"ASK_COPILOT_DATABASE_URL": url})
        assert (answer.code, error_of(answer)) == (7, "store_unavailable")
    (example.folder / ".ask-copilot/ask-copilot.sqlite").write_bytes(b"not a database" * 500)
    answer = example("status", "--json")
    assert (answer.code, error_of(answer)) == (7, "store_unavailable")


BAD_WORKFLOWS = {
    "not yaml": ("steps: [", "bad.yaml"),
    "empty": ("", "bad.yaml"),
    "alias bomb": ("a: &a [x, x]\nb: [*a, *a]\nname: x\nsteps: []\n", "alias"),
    "too deep": ("name: x\nsteps: " + "[" * 200 + "]" * 200, "deep"),
    "unknown action": (
        "name: x\nsteps:\n  - {id: a, action: read_sheat, with: {}}\n",
        "Did you mean read_sheet?",
    ),
    "duplicate ids": (
        "name: x\nsteps:\n"
        "  - {id: a, action: write_file, with: {path: a, content: a}}\n"
        "  - {id: a, action: write_file, with: {path: b, content: b}}\n",
        "a",
    ),
    "cycle": (
        "name: x\nsteps:\n"
        "  - {id: a, action: write_file, with: {path: a, content: '{{ b }}'}}\n"
        "  - {id: b, action: write_file, with: {path: b, content: '{{ a }}'}}\n",
        "cycle",
    ),
}


@pytest.mark.parametrize(("text", "says"), BAD_WORKFLOWS.values(), ids=BAD_WORKFLOWS)
def test_a_workflow_that_can_not_be_run_is_explained(example, text, says):
    path = example.write("bad.yaml", text)
    answer = example("run", path)
    assert answer.code == 3, answer.out
    assert says in answer.err
    assert "Traceback" not in answer.err


def test_a_workbook_that_is_none_is_a_failure_with_an_answer(example):
    (example.folder / ".ask-copilot/files/default/inbox.xlsx").write_bytes(b"not a zip")
    run = example("run", WORKFLOW, "--json")
    assert run.code == 1
    report = example("analyze", run.json["execution"]["id"], "--json").json
    assert report["root_cause"] == "invalid_data"
    assert report["failed_step"]["step_number"] == 1


def test_a_misspelt_setting_is_an_error_and_not_ignored(example):
    answer = example("credits", env={"ASK_COPILOT_UNDO_SECOND": "9"})
    assert answer.code == 3
    assert "ASK_COPILOT_UNDO_SECONDS" in answer.err


def test_two_processes_wait_for_each_other_and_then_say_why(example):
    from copilot.bootstrap import open_app
    from copilot.settings import load

    with open_app(load(data=example.folder / ".ask-copilot"), dispatch=False):
        busy = example.process("status", "--json", env={"ASK_COPILOT_LOCK_WAIT_SECONDS": "0.3"})
    assert (busy.code, error_of(busy)) == (7, "store_busy")
    assert "Wait for it to finish" in busy.json["error"]["message"]
    assert example.process("status").code == 0
