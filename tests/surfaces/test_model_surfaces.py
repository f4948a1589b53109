"""A model that answers, as every surface shows it: over HTTP, on the command line, as a document."""

import json

import pytest
from click.testing import CliRunner

from copilot.demo import URGENT_MAIL
from copilot.postmortem import as_markdown
from copilot.surfaces.cli import cli
from copilot.types import Report
from tests.surfaces.rest_client import one_database

EXPLANATION = "The sheet has no such range. Somebody has renamed it. Nothing else is wrong."
ANSWER = {
    "explanation": EXPLANATION,
    "root_cause": "missing_resource",
    "evidence": [],
    "fixes": [],
    "missing": [],
    "suspicious": True,
}
RUN = {
    "id": "load-1",
    "agent": "load",
    "status": "failed",
    "error": "The thing did not do what the other thing wanted, token sk"
    + "-ant-api03-"
    + "Ab1" * 20,
}


def script(folder, *answers):
    path = folder / "answers.json"
    path.write_text(json.dumps(list(answers)), encoding="utf-8")
    return {"runtimes": ("scripted",), "scripted_answers": path}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    with one_database(folder / "data", **script(folder, {"json": ANSWER, "repeat": True})) as one:
        yield one


@pytest.fixture
def client(server):
    client = server.client()
    client("PATCH", "/settings", json={"model_policy": "always"})
    return client


def failed(client):
    execution_id = client.run(URGENT_MAIL)
    client.ended(execution_id)
    return execution_id


def test_an_answer_says_who_gave_it(client) -> None:
    report = client.post(f"/executions/{failed(client)}/analyze")
    assert report["explanation"] == EXPLANATION
    assert report["produced_by"] == "scripted"
    assert report["model"]["answered"] is True
    assert report["receipt"]["credits"] == 2
    markdown = as_markdown(Report.model_validate(report))
    assert "scripted" in markdown


def test_a_model_can_be_required_and_turned_off(client) -> None:
    execution_id = failed(client)
    client("PATCH", "/settings", json={"model_policy": "when_unsure"})
    rules = client.post(f"/executions/{execution_id}/analyze")
    assert rules["model"] is None
    required = client.post(f"/executions/{execution_id}/analyze", {"require_model": True})
    assert required["produced_by"] == "scripted"
    again = client.post(f"/executions/{execution_id}/analyze", {"require_model": True})
    assert again["served_from"] == required["analysis_id"]
    assert again["receipt"]["credits"] == 0
    refused = client("POST", f"/executions/{execution_id}/analyze", json={"require_model": "yes"})
    assert refused.status_code == 422


def test_the_exact_words_are_there_to_be_read(client) -> None:
    execution_id = failed(client)
    before = client.get(f"/executions/{execution_id}/prompt")
    assert before["analysis_id"] is None
    report = client.post(f"/executions/{execution_id}/analyze")
    kept = client.get(f"/executions/{execution_id}/prompt")
    assert kept["analysis_id"] == report["analysis_id"]
    assert kept["system"] == before["system"]
    assert kept["calls"][0]["outcome"] == "answered"
    other = client.server.client()
    answer = other("GET", f"/executions/{execution_id}/prompt")
    nobody = other("GET", "/executions/nope/prompt")
    assert (answer.status_code, nobody.status_code) == (404, 404)


def events(answer):
    blocks = [block for block in answer.text.replace("\r\n", "\n").split("\n\n") if block]
    for block in blocks:
        lines = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if "event" in lines:
            yield lines["event"], json.loads(lines["data"])


def test_the_explanation_comes_before_the_report(client) -> None:
    execution_id = failed(client)
    answer = client("POST", f"/executions/{execution_id}/analyze/stream")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    *told, (last, report) = list(events(answer))
    assert last == "report"
    assert {kind for kind, _ in told} == {"explanation"}
    assert "".join(data["text"] for _, data in told).strip() == EXPLANATION
    assert Report.model_validate(report).explanation == EXPLANATION
    single = client.post(f"/executions/{execution_id}/analyze")
    assert single["served_from"] == report["analysis_id"]


def test_what_is_refused_is_refused_before_the_stream_begins(client) -> None:
    assert client("POST", "/executions/nope/analyze/stream").status_code == 404
    client.post("/credits/grant", {"credits": 0})
    answer = client("POST", f"/executions/{failed(client)}/analyze/stream")
    assert answer.status_code == 402
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_secrets_of_another_system_go_neither_into_the_report_nor_to_a_model(client) -> None:
    secret = RUN["error"].split()[-1]
    body = {
        "source": "cron",
        "execution_id": "load-1",
        "workflow_id": "load",
        "workflow_name": "Load",
        "status": "failed",
        "error": {"message": RUN["error"], "details": {"header": f"Bearer {secret}"}},
    }
    report = client.post("/analyses", {"run": body})
    assert report["model"]["runtime"] == "scripted"
    assert secret not in json.dumps(report)
    assert secret not in json.dumps(client.get("/executions/load-1/prompt"))


def test_every_runtime_is_listed_with_how_it_did(client) -> None:
    client.post(f"/executions/{failed(client)}/analyze")
    listed = {one["name"]: one for one in client.get("/runtimes")["runtimes"]}
    assert {"offline", "openai", "anthropic", "vertex", "google", "compatible"} <= listed.keys()
    assert listed["scripted"]["measured"]["asked"] == 1
    assert listed["openai"]["reason"]


def test_a_setting_can_name_only_what_is_asked_here(client) -> None:
    unknown = client("PATCH", "/settings", json={"analysis_runtime": "opanai"})
    assert unknown.status_code in (400, 404, 422)
    assert "openai" in unknown.text
    elsewhere = client("PATCH", "/settings", json={"analysis_runtime": "openai"})
    assert "ASK_COPILOT_RUNTIMES" in elsewhere.text
    assert client("PATCH", "/settings", json={"analysis_runtime": "scripted"}).is_success


def test_the_command_line_shows_the_words_without_a_database(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps(RUN))
    shown = CliRunner().invoke(cli, ["prompt", "--run", "run.json", "--json"])
    assert shown.exit_code == 0, shown.output
    words = json.loads(shown.stdout)
    assert words["system"]
    assert "did not do" in words["user"]
    assert RUN["error"].split()[-1] not in shown.stdout
    assert not (tmp_path / ".ask-copilot").exists()
    both = CliRunner().invoke(cli, ["prompt", "run_1", "--run", "run.json"])
    assert both.exit_code == 2
