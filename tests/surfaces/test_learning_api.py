"""What is learned, thumbs and levels over HTTP and on the command line; a fix as a case."""

import json

import pytest
import yaml

from copilot.pipeline.examine import examine
from copilot.sources import jsonl
from tests.golden import stage as golden
from tests.golden.cases import RAW_LINES, Case, Goldens
from tests.golden.product import Product
from tests.golden.servers import Mailbox, Web
from tests.surfaces.rest_client import one_database, says
from tests.surfaces.rest_requests import World

GREETING = {
    "name": "Greeting",
    "instructions": "Write to ada.byron@example.com with the template.",
    "steps": [
        {
            "id": "greet",
            "action": "render_template",
            "with": {"template": "Welcome", "values": {"name": "Ada"}},
        }
    ],
}
HELLO = {"content": {"subject": "Hi", "body": "Hello {name}"}}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with one_database(tmp_path_factory.mktemp("data")) as server:
        yield server


@pytest.fixture(scope="module")
def world(server):
    return World(server.client())


def test_rates_come_with_counts_and_an_interval(world):
    found = world.client.get("/learning")
    (kind,) = found["fix_types"]
    assert kind["verified"] == kind["judged"] == 1
    assert kind["rate"] == 1.0
    assert 0.2 < kind["low"] < 0.21
    assert [one["name"] for one in found["runtimes"]] == ["offline"]
    assert [one["name"] for one in found["root_causes"]] == ["missing_resource"]
    assert [one["name"] for one in found["entries"]] == ["named_range_missing"]
    assert found["models"] == found["not_offered"] == []


def test_a_thumb_is_counted_once_a_person(world):
    client, path = world.client, f"/analyses/{world.ids['analysis_id']}/feedback"
    client.post(path, {"helpful": True})
    client.post(path, {"helpful": False, "reason": "It was the firewall."})
    client.colleague("operator").post(path, {"helpful": True})
    (runtime,) = client.get("/learning")["thumbs_by_runtime"]
    assert (runtime["name"], runtime["helpful"], runtime["not_helpful"]) == ("offline", 1, 1)
    assert client.app.store.audit.page(client.workspace, limit=1).items[0].action == "give_feedback"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "helpful"),
        ({"helpful": "yes"}, "helpful"),
        ({"helpful": True, "reason": "x" * 1001}, "reason"),
    ],
    ids=["nothing", "words", "too long"],
)
def test_a_thumb_is_up_or_down(world, body, field):
    path = f"/analyses/{world.ids['analysis_id']}/feedback"
    answer = says(world.client("POST", path, json=body), 422, "invalid_request")
    assert answer["errors"][0]["field"].endswith(field)


def test_levels_are_told_and_set(world):
    client = world.client
    assert client.get("/autonomy")["levels"][0] == {
        "fix_type": "all",
        "level": "approve",
        "effective": "approve",
        "is_default": True,
        "set_by_name": None,
        "set_at": None,
        "meets_floor": False,
        "missing": [],
    }
    answer = client("PUT", "/autonomy", json={"fix_type": "split_step", "level": "suggest"})
    (own,) = [one for one in answer.json()["levels"] if one["fix_type"] == "split_step"]
    assert (own["effective"], own["is_default"]) == ("suggest", False)
    wrong = {"fix_type": "all", "level": "standing"}
    says(client("PUT", "/autonomy", json=wrong), 422, "invalid_input")


def test_only_what_has_held_becomes_a_case(world):
    answer = world.client("GET", f"/changes/{world.ids['change_id']}/case")
    assert "is not verified" in says(answer, 422, "invalid_input")["detail"]


def test_a_run_that_needs_files_becomes_a_case_that_is_explained(world):
    made = world.client.get(f"/changes/{world.verified}/case")
    assert (made["form"], sorted(made["files"])) == ("run", ["0_case.yaml", RAW_LINES])
    case = Case.model_validate(yaml.safe_load(made["files"]["0_case.yaml"]))
    lines = made["files"][RAW_LINES].splitlines()
    (run,) = jsonl.read(lines, source=RAW_LINES, workspace_id="case")
    report = world.client.app.owner("case").analyses.analyze_foreign(run)
    golden.check_report(report, case.expect)
    assert examine(run).step_number == case.expect.step == 2
    assert "UrgentEmails" in case.about


class Held:
    """A fix of a workflow that needs nothing but its workspace, and that has held."""

    def __init__(self, client):
        self.client = client
        client("PUT", "/resources/template/Welcome%20back", json=HELLO)
        client.post("/workflows", {"workflow_id": "greet", "definition": GREETING})
        failed = client.run("greet")
        client.ended(failed)
        self.report = client.post(f"/executions/{failed}/analyze")
        fix = next(fix["fix_id"] for fix in self.report["suggested_fixes"] if fix["fix_id"])
        applied = client.post(f"/approvals/{client.approved(fix)}/apply")
        for _ in range(3):
            assert client.ended(client.run("greet"))["status"] == "succeeded"
        assert client.get(f"/changes/{applied['change_id']}/outcome")["state"] == "verified"
        self.change_id = applied["change_id"]


def test_an_exported_case_is_carried_out_by_the_golden_suite(server, tmp_path, monkeypatch):
    held = Held(server.client(example=False))
    made = held.client.get(f"/changes/{held.change_id}/case")
    assert (made["form"], list(made["files"])) == ("workflow", ["0_case.yaml"])
    assert "ada.byron" not in json.dumps(made)
    folder = tmp_path / made["slug"]
    folder.mkdir()
    (folder / "0_case.yaml").write_text(made["files"]["0_case.yaml"], "utf-8")
    monkeypatch.setattr(golden, "CASES", tmp_path)
    case = Case.model_validate(yaml.safe_load(made["files"]["0_case.yaml"]))
    since = server.app.store.database.now()
    for updating in (True, False):
        settings = server.app.settings.model_copy(
            update={
                "data": tmp_path / f"data-{updating}",
                "database": f"sqlite:///{tmp_path}/{updating}.db",
                "files": tmp_path / f"files-{updating}",
            }
        )
        product = Product(settings, model=None)
        product.start()
        try:
            goldens = Goldens(folder, since=since, updating=updating)
            stage = golden.Stage(made["slug"], case, product, Mailbox(), Web(), goldens)
            golden.go_on(stage, *golden.explain_ours(stage))
            goldens.finish()
        finally:
            product.stop()
    assert len(list(folder.iterdir())) == 9


def test_the_commands_say_what_is_known(example):
    ask = example
    assert "No fix has been applied yet" in ask("learning").out
    assert ask("learning", "--json").json["fix_types"] == []
    assert "approve" in ask("autonomy").out
    told = ask("autonomy", "timeout", "suggest", "--json").json["levels"]
    assert [(one["fix_type"], one["effective"]) for one in told] == [("timeout", "suggest")]
    assert ask("autonomy", "timeout").code == 3
    for_people = ask("autonomy", "pause_workflow", "standing", "--json")
    assert (for_people.code, for_people.json["error"]["code"]) == (3, "invalid_input")
    assert "no standing approval covers it" in for_people.json["error"]["message"]
    assert ask("feedback", "analysis_nope", "--helpful").code != 0
    assert ask("case", "export", "change_nope").code != 0


def test_a_verified_fix_is_written_as_a_folder_once(example):
    ask = example
    failed = ask("run", "urgent-mail-digest", "--json").json["execution"]["id"]
    report = ask("analyze", failed, "--json").json
    fix = next(one["fix_id"] for one in report["suggested_fixes"] if one["fix_id"])
    digest = ask("fix", "preview", fix, "--json").json["digest"]
    change = ask("fix", "apply", fix, "--digest", digest, "--json").json["change_id"]
    assert ask("case", "export", change).code == 3
    for _ in range(3):
        assert ask("run", "urgent-mail-digest").code == 0
    made = ask("case", "export", change, "--out", "cases", "--json").json
    assert (made["form"], made["files"]) == ("run", ["0_case.yaml", RAW_LINES])
    assert (ask.folder / made["folder"] / RAW_LINES).read_text("utf-8").startswith("{")
    again = ask("case", "export", change, "--out", "cases")
    assert (again.code, "is there already" in again.err) == (3, True)
    (ask.folder / "taken").write_text("a file")
    nowhere = ask("case", "export", change, "--out", "taken/cases", "--json")
    assert (nowhere.code, nowhere.json["error"]["code"]) == (3, "invalid_input")
    assert "taken/cases: Not a directory." in nowhere.json["error"]["message"]
    assert "1 of 1 judged fix" in ask("learning").out
    thumb = ask("feedback", report["analysis_id"], "--not-helpful", "--reason", "No.")
    assert thumb.out == "Noted: not helpful. Thank you.\n"
