"""The use cases over HTTP, from a failed run to a fix that is taken back, and every way it says no."""

import sqlite3
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from copilot.demo import URGENT_MAIL
from copilot.surfaces.rest.forms import prefers_markdown
from copilot.types.run import RunRecord
from tests.surfaces.rest_client import one_database, says
from tests.surfaces.rest_requests import FOREIGN_RUN


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with one_database(tmp_path_factory.mktemp("data")) as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    """In a workspace where nothing that a test leaves behind disturbs another."""
    return server.client()


@pytest.fixture
def fresh(server):
    return server.client()


@pytest.fixture
def failed(fresh):
    return fresh.failed()


# ---------------------------------------------------------------- the way through


def test_from_failure_to_verified_to_reverted(fresh, failed):
    fix_id = fresh.fix_for(failed)
    assert "+    range: DefinedRange" in fresh.get(f"/fixes/{fix_id}/preview")["diff"]
    change_id = fresh.applied(fix_id)
    resumed = fresh("POST", f"/executions/{failed}/resume", json={"resume_mode": "partial"})
    assert (resumed.status_code, resumed.json()["workflow_version"]) == (202, 2)
    assert fresh.ended(failed)["progress_percentage"] == 100
    assert fresh.get(f"/changes/{change_id}/outcome")["state"] == "watching"
    for _night in range(2):
        assert fresh.ended(fresh.run())["status"] == "succeeded"
    assert fresh.get(f"/changes/{change_id}/outcome")["state"] == "verified"
    undone = fresh.post(f"/changes/{change_id}/undo")
    assert (undone["change"]["version"], undone["runs_started"] > 0) == (3, True)
    assert "already started" in undone["notice"]
    says(fresh("POST", f"/changes/{change_id}/revert"), 409, "not_reversible")
    assert fresh.get("/credits")["spent"] == 1
    changes = fresh.get(f"/workflows/{URGENT_MAIL}/changes")["changes"]
    assert [change["kind"] for change in changes] == ["undo", "fix"]


def test_what_failed_is_listed_grouped_and_shown_step_by_step(fresh, failed):
    second = fresh.failed()
    page = fresh.get("/failures", params={"limit": 1})
    assert [one["execution_id"] for one in page["items"]] == [second]
    rest = fresh.get("/failures", params={"cursor": page["next_cursor"]})
    assert [one["execution_id"] for one in rest["items"]] == [failed]
    (group,) = fresh.get(f"/workflows/{URGENT_MAIL}/patterns")["patterns"]
    assert group["executions"] == [second, failed]
    view = fresh.get(f"/workflows/{URGENT_MAIL}/debug")
    assert view["execution_id"] == second
    assert [step["state"] for step in view["timeline"]][:2] == ["good", "bad"]
    assert fresh.get("/credits")["spent"] == 0


def test_a_run_of_another_system_is_analysed_and_its_report_kept(fresh):
    answer = fresh("POST", "/analyses", json={"run": FOREIGN_RUN})
    assert answer.status_code == 201
    report = answer.json()
    assert report["root_cause"] == "auth_error"
    assert fresh.get(f"/analyses/{report['analysis_id']}")["headline"] == report["headline"]
    (receipt,) = fresh.get("/credits/receipts")["items"]
    assert receipt["analysis_id"] == report["analysis_id"]


def test_a_foreign_run_has_no_say_in_whose_workspace_it_is(fresh):
    body = {"run": FOREIGN_RUN | {"workspace_id": "another"}}
    answer = fresh("POST", "/analyses", json=body)
    fields = says(answer, 422, "invalid_request")["errors"]
    assert fields[0]["field"] == "body.run.workspace_id"


def test_a_night_is_told_as_data_and_as_text(fresh, failed):
    digest = fresh.post("/nights", {"credit_cap": 5, "spend_cap_usd": "0.50"})
    assert [item["execution_id"] for item in digest["items"]] == [failed]
    latest = fresh("GET", "/nights/latest")
    assert latest.json()["pass_id"] == digest["pass_id"]
    text = fresh("GET", "/nights/latest", headers={"Accept": "text/markdown"})
    assert text.headers["content-type"] == "text/markdown; charset=utf-8"
    assert latest.headers["vary"] == text.headers["vary"] == "Accept"
    assert "`ask-copilot fix apply " in text.text


def test_a_report_is_told_as_data_and_as_a_document(fresh, failed):
    report = fresh.post(f"/executions/{failed}/analyze")
    path = f"/analyses/{report['analysis_id']}"
    data = fresh("GET", path)
    document = fresh("GET", path, headers={"Accept": "text/markdown"})
    assert data.json()["execution_id"] == failed
    assert data.headers["vary"] == document.headers["vary"] == "Accept"
    assert document.headers["content-type"] == "text/markdown; charset=utf-8"
    assert document.text.startswith("# Why `urgent-mail-digest` failed\n")
    assert "## Fix" in document.text


@pytest.mark.parametrize(
    ("accept", "markdown"),
    [
        ("text/markdown", True),
        ("text/*", True),
        ("text/markdown, application/json;q=0.9", True),
        ("TEXT/MARKDOWN; q=1", True),
        ("application/json, text/markdown;q=0.9", False),
        ("text/markdown;q=0, */*", False),
        ("application/json, text/markdown", False),
        ("*/*", False),
        ("", False),
        ("text/markdown;q=x", False),
        (";;,,=", False),
    ],
)
def test_which_form_a_client_would_rather_have(accept, markdown):
    assert prefers_markdown(accept) is markdown


def test_settings_are_changed_together_or_not_at_all(fresh):
    def value(name):
        return next(one for one in fresh.get("/settings")["settings"] if one["name"] == name)

    changed = {"pattern_window": 20, "pattern_threshold": 8}
    assert fresh("PATCH", "/settings", json=changed).status_code == 200
    assert value("pattern_window")["value"] == 20
    wrong = {"pattern_window": 30, "pattern_threshold": 101}
    body = says(fresh("PATCH", "/settings", json=wrong), 422, "invalid_input")
    assert "100" in body["detail"]
    assert value("pattern_window")["value"] == 20
    unknown = says(fresh("PATCH", "/settings", json={"patern_window": 3}), 422, "unknown_name")
    assert "pattern_window" in unknown["near"]
    assert fresh("PATCH", "/settings", json={"pattern_window": None}).status_code == 200
    assert value("pattern_window")["value"] == value("pattern_window")["default"]


def test_everybody_sees_who_did_what_in_pages(fresh):
    fresh.post("/credits/grant", {"credits": 5})
    fresh.post(f"/workflows/{URGENT_MAIL}/pause", {"reason": "a holiday"})
    says(fresh("POST", "/executions", json={"workflow_id": URGENT_MAIL}), 409, "workflow_paused")
    first = fresh.get("/audit", params={"limit": 1})
    second = fresh.get("/audit", params={"limit": 1, "cursor": first["next_cursor"]})
    actions = [page["items"][0]["action"] for page in (first, second)]
    assert actions == ["pause_workflow", "grant_credits"]
    me = fresh.get("/me")
    entry = first["items"][0]
    assert (entry["actor"], entry["actor_name"]) == (me["id"], me["name"])
    assert fresh.get("/runtimes")["runtimes"]


def test_people_are_shown_by_name_wherever_somebody_is_named(fresh, failed):
    robot = fresh.colleague("owner", "machine")
    fresh.post(f"/executions/{failed}/analyze")
    robot("PATCH", "/settings", json={"verify_runs": 9})
    local = fresh.app.copilot.serve(fresh.app.access.local_owner(fresh.workspace, "ada"))
    run = RunRecord.model_validate(FOREIGN_RUN | {"workspace_id": fresh.workspace})
    local.analyses.analyze_foreign(run)
    receipts = fresh.get("/credits/receipts")["items"]
    assert [one["asked_by_name"] for one in receipts] == ["ada", "Owner"]
    assert receipts[1]["asked_by"] == fresh.get("/me")["id"]
    assert {key["created_by_name"] for key in fresh.get("/keys")["keys"]} == {"Owner"}
    setting = next(
        one for one in fresh.get("/settings")["settings"] if one["name"] == "verify_runs"
    )
    assert (setting["changed_by_name"], setting["changed_by"]) == (
        "machine owner",
        robot.get("/me")["id"],
    )
    entries = fresh.get("/audit")["items"]
    assert [one["actor_name"] for one in entries[:2]] == ["machine owner", "Owner"]


@pytest.mark.parametrize("path", ["/executions", "/failures", "/audit", "/credits/receipts"])
@pytest.mark.parametrize("cursor", ["x", "YXVkaXQ6MQ", "0" * 200, "0" * 501, "ü !", ""])
def test_a_cursor_that_no_page_gave_is_refused(client, path, cursor):
    answer = client("GET", path, params={"cursor": cursor})
    if answer.status_code != 200:  # the audit's own form is a good one there
        says(answer, 422, "invalid_cursor")
    else:
        assert path == "/audit"


# ---------------------------------------------------------------- the ways to say no


def test_a_preview_that_is_out_of_date_is_answered_with_the_fresh_diff(fresh, failed):
    fix_id = fresh.fix_for(failed)
    approval_id = fresh.approved(fix_id)
    stored = fresh("GET", f"/workflows/{URGENT_MAIL}")
    definition = stored.json()["definition"] | {"description": "edited meanwhile"}
    headers = {"If-Match": stored.headers["etag"]}
    path = f"/workflows/{URGENT_MAIL}"
    fresh("PUT", path, json={"definition": definition}, headers=headers)
    stale = {"digest": "0" * 64, "version": 1}
    for answer in (
        fresh("POST", f"/fixes/{fix_id}/approve", json=stale),
        fresh("POST", f"/approvals/{approval_id}/apply"),
    ):
        body = says(answer, 409, "stale_base")
        assert "+    range: DefinedRange" in body["fresh_diff"]
        assert (body["seen_version"], body["current_version"]) == (1, 2)


def test_an_approval_works_once(fresh, failed):
    approval_id = fresh.approved(fresh.fix_for(failed))
    assert fresh("POST", f"/approvals/{approval_id}/apply").status_code == 200
    says(fresh("POST", f"/approvals/{approval_id}/apply"), 409, "approval_refused")


def test_only_a_run_that_failed_is_analysed(fresh, failed):
    fresh.applied(fresh.fix_for(failed))
    good = fresh.run()
    fresh.ended(good)
    body = says(fresh("POST", f"/executions/{good}/analyze"), 400, "not_a_failed_execution")
    assert body["run_status"] == "succeeded"


def test_without_credits_it_is_402_with_price_and_what_is_left(fresh, failed):
    fresh.post("/credits/grant", {"credits": 1})
    fresh.fix_for(failed)
    second = fresh.run("outbound-follow-up")
    fresh.ended(second)
    body = says(fresh("POST", f"/executions/{second}/analyze"), 402, "insufficient_credits")
    assert (body["available"], body["price"]) == (0, 1)


def test_what_waits_in_the_queue_is_not_resumed(tmp_path):
    with one_database(tmp_path, dispatch=False) as server:
        client = server.client()
        queued = client.run()
        answer = client("POST", f"/executions/{queued}/resume", json={})
        assert "cancel it" in says(answer, 409, "already_running")["advice"]
        assert client.post(f"/executions/{queued}/cancel")["status"] == "cancelled"


CANARY = "sk-live-canary"


def test_our_own_mistake_shows_a_request_id_and_nothing_else(server, client, caplog):
    def serve(*_args, **_options):
        raise RuntimeError(CANARY)

    broken = client.on(server.changed(copilot=SimpleNamespace(serve=serve)))
    answer = broken("GET", "/credits")
    body = says(answer, 500, "internal_error")
    assert body.keys() == {"type", "title", "status", "code", "request_id"}
    assert body["request_id"] == answer.headers["x-request-id"]
    assert body["request_id"] in caplog.text
    assert CANARY not in caplog.text


def test_a_busy_database_is_503_and_worth_another_try(server, client):
    def serve(*_args, **_options):
        locked = sqlite3.OperationalError("database is locked")
        raise sa.exc.OperationalError("SELECT 1", {"secret": CANARY}, locked)

    busy = client.on(server.changed(copilot=SimpleNamespace(serve=serve)))
    answer = busy("GET", "/credits")
    assert says(answer, 503, "store_busy")["retryable"] is True
    assert answer.headers["retry-after"]
    assert CANARY not in answer.text


def test_readiness_asks_the_database_and_health_does_not(server, client, tmp_path):
    assert client.ask("GET", "/readyz").json() == {"status": "ready"}
    gone = SimpleNamespace(
        database=sa.create_engine(f"sqlite:///{tmp_path}/none/x.sqlite"),
        runs=SimpleNamespace(progress_listeners=[]),
    )
    broken = client.on(server.changed(engine=gone))
    says(broken.ask("GET", "/readyz"), 503, "store_busy")
    assert broken.ask("GET", "/healthz").json() == {"status": "ok"}
    assert broken.ask("GET", "/version").json()["name"] == "ask-copilot"
