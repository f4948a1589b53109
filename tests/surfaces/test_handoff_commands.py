"""`fix patch`, `fix handoff` and `notices`: for people, for programs, and piped into git."""

import json
import subprocess
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from copilot.bootstrap import open_app
from copilot.demo import URGENT_MAIL, install_example, workflow_text
from copilot.settings import load
from copilot.surfaces.cli import cli
from copilot.types.notice import Notice, NoticeEvent

PATH = "agents/mail.yaml"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="module")
def report(place):
    with open_app(load({}, data=place)) as app:
        install_example(app)
        owner = app.owner()
        started = owner.executions.start(URGENT_MAIL)
        owner.executions.wait(started.id, 30)
        return owner.analyses.analyze(started.id)


@pytest.fixture(scope="module")
def fix_id(report):
    return next(fix.fix_id for fix in report.suggested_fixes if fix.fix_id)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    file = tmp_path / PATH
    file.parent.mkdir()
    file.write_bytes(workflow_text(URGENT_MAIL).replace("\n", "\r\n").encode())
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(place, *arguments):
    return CliRunner().invoke(cli, [*arguments, "--data", str(place)])


def test_the_patch_can_be_piped_into_git(place, fix_id, repository):
    before = (repository / PATH).read_bytes()
    ran = call(place, "fix", "patch", fix_id, "--file", PATH)
    assert ran.exit_code == 0, ran.output
    subprocess.run(["git", "apply", "-"], input=ran.stdout_bytes, check=True)
    after = (repository / PATH).read_bytes()
    assert after != before
    assert after.count(b"\r\n") == after.count(b"\n")


def test_both_texts_go_into_a_folder(place, fix_id, repository):
    ran = call(place, "fix", "patch", fix_id, "--file", PATH, "--out", "handed/off")
    assert ran.exit_code == 0, ran.output
    assert ran.stdout == ""
    folder = repository / "handed" / "off"
    assert sorted(one.name for one in folder.iterdir()) == [f"{fix_id}.md", f"{fix_id}.patch"]
    subprocess.run(["git", "apply", str(folder / f"{fix_id}.patch")], check=True)


def test_a_program_gets_all_of_it(place, fix_id, repository):
    ran = call(place, "fix", "patch", fix_id, "--file", PATH, "--json")
    made = json.loads(ran.stdout)
    assert made["fix_id"] == fix_id
    assert made["in_place"] is True
    assert made["patch"].startswith("diff --git ")
    assert made["handoff"].startswith("# ")


@pytest.mark.parametrize("path", ["../outside.yaml", "not/there.yaml", ".git/config"])
def test_a_file_that_can_not_be_patched_is_refused(place, fix_id, repository, path):
    ran = call(place, "fix", "patch", fix_id, "--file", path)
    assert ran.exit_code != 0
    assert ran.stdout == ""


def test_words_are_printed_for_a_fix_and_for_an_analysis(place, report, fix_id):
    for subject in (fix_id, report.analysis_id):
        ran = call(place, "fix", "handoff", subject)
        assert ran.exit_code == 0, ran.output
        assert "## How to verify" in ran.stdout
    assert json.loads(call(place, "fix", "handoff", fix_id, "--json").stdout)["subject"] == fix_id


def test_notices_are_tested_listed_and_signed(place, report):
    none = call(place, "notices")
    assert "Nobody was told anything yet." in none.stdout
    refused = call(place, "notices", "test")
    assert refused.exit_code != 0
    call(place, "settings", "set", "notify_email_to=ada@example.com")
    tested = call(place, "notices", "test")
    assert tested.exit_code == 0, tested.output
    assert "given up" in tested.stdout
    assert "ASK_COPILOT_SMTP_HOST" in tested.stdout
    page = json.loads(call(place, "notices", "--json").stdout)
    assert [one["event"] for one in page["items"]] == ["test"]
    made = [json.loads(call(place, "notices", "secret", "--json").stdout) for _ in range(2)]
    assert made[0]["secret"] != made[1]["secret"]
    assert made[0]["previous_until"] is None
    assert made[1]["previous_until"] is not None
    shown = call(place, "notices", "secret").stdout
    assert shown.startswith("whsec_")
    assert "The one before signs too until" in shown


def test_what_waits_says_when_it_is_sent(place, report):
    now = datetime.now(UTC)
    with open_app(load({}, data=place), dispatch=False) as app:
        for name in ("due", "later"):
            told = Notice(
                event_id=name,
                event=NoticeEvent.RUN_PAUSED,
                workspace_id="default",
                workflow_id="w",
                text="It waits.\nDecide:\n  ask-copilot decide run-1 /ok --approve",
                at=now,
            )
            app.store.notices.add(told, ["webhook"])
        late = datetime(2099, 1, 2, 3, 4, tzinfo=UTC)
        (number,) = [n for n, one in app.store.notices.due(late) if one.event_id == "later"]
        app.store.notices.failed(number, "it is down", next_at=late)
    shown = call(place, "notices", "--limit", "2").stdout
    later, due = shown.split("run_paused")[1:]
    assert "tried again at 2099-01-02 03:04 UTC" in later
    assert "it is down" in later
    assert "waits: sent while `ask-copilot serve` runs" in due
    assert "\n  Decide:\n    ask-copilot decide run-1 /ok --approve\n" in due
    assert "serve" in call(place, "notices", "--help").stdout
