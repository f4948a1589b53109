"""The use cases over HTTP, from a failed run to a fix that is taken back, and every way it says no."""

import inspect
import re
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from fastapi.routing import iter_route_contexts

from copilot.demo import URGENT_MAIL, workflow_text
from copilot.errors import CopilotError
from copilot.surfaces._errors import ADVICE, EXIT_CODES, HTTP_STATUSES, NOT_OVER_HTTP
from copilot.surfaces.rest.gate import PUBLIC
from copilot.surfaces.rest.nights import prefers_markdown
from engine.errors import EngineError, StepError
from tests.surfaces.rest_client import one_database, says
from tests.surfaces.rest_requests import FOREIGN_RUN

ROOT = Path(__file__).resolve().parents[2]


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
    assert text.text.startswith("#")


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
    assert first["items"][0]["actor"] == fresh.get("/me")["id"]
    assert fresh.get("/runtimes")["runtimes"]


@pytest.mark.parametrize("path", ["/executions", "/failures", "/audit", "/credits/receipts"])
@pytest.mark.parametrize("cursor", ["x", "YXVkaXQ6MQ", "0" * 200])
def test_a_cursor_that_no_page_gave_is_refused(client, path, cursor):
    answer = client("GET", path, params={"cursor": cursor})
    if answer.status_code != 200:  # the audit's own form is a good one there
        assert answer.json()["code"] in {"invalid_cursor", "invalid_input"}, answer.text
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
BAD_REQUESTS = {
    "unknown field": ("POST", "/executions", {"workflow_id": "x", "input": CANARY}, "body.input"),
    "wrong type": ("POST", "/executions", {"workflow_id": [CANARY]}, "body.workflow_id"),
    "wrong mode": ("POST", "/executions/x/resume", {"resume_mode": CANARY}, "body.resume_mode"),
    "missing": ("POST", "/fixes/x/approve", {"digest": CANARY}, "body.version"),
    "no object": ("POST", "/executions", CANARY, "body"),
    "a number in quotes": ("POST", "/credits/grant", {"credits": "5"}, "body.credits"),
    "a truth for a number": ("POST", "/credits/grant", {"credits": True}, "body.credits"),
    "a part of a credit": ("POST", "/credits/grant", {"credits": 1.5}, "body.credits"),
    "too many credits": ("POST", "/credits/grant", {"credits": 10**10}, "body.credits"),
    "no settings": ("PATCH", "/settings", {}, "body"),
    "a list of settings": ("PATCH", "/settings", [CANARY], "body"),
    "no such role": ("POST", "/keys", {"name": "x", "kind": "person", "role": CANARY}, "body.role"),
    "no such kind": ("POST", "/keys", {"name": "x", "kind": CANARY, "role": "viewer"}, "body.kind"),
    "no run": ("POST", "/analyses", {"run": CANARY}, "body.run"),
    "a debt": ("POST", "/nights", {"credit_cap": -1}, "body.credit_cap"),
    "no money": ("POST", "/nights", {"spend_cap_usd": CANARY}, "body.spend_cap_usd.decimal"),
}


@pytest.mark.parametrize(
    ("method", "path", "json", "field"), BAD_REQUESTS.values(), ids=BAD_REQUESTS
)
def test_a_bad_request_names_the_field_and_repeats_no_value(client, method, path, json, field):
    answer = client(method, path, json=json)
    body = says(answer, 422, "invalid_request")
    assert any(error["field"].startswith(field) for error in body["errors"]), body
    assert CANARY not in answer.text


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": "101"}, "query.limit"),
        ({"limit": CANARY}, "query.limit"),
        ({"status": CANARY}, "query.status"),
        ({"workflow_id": "\x00"}, "query.workflow_id"),
        ({"limt": "5"}, "query.limt"),
        ({CANARY: "5"}, f"query.{CANARY}"),
    ],
)
def test_a_bad_filter_too(client, params, field):
    answer = client("GET", "/executions", params=params)
    error = says(answer, 422, "invalid_request")["errors"][0]
    assert error["field"] == field
    assert CANARY not in error["problem"]
    assert ("Did you mean limit?" in error["problem"]) is ("limt" in params)


SURROGATE = "\\ud800"


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/workflows", f'{{"definition": {{"name": "{SURROGATE}", "steps": []}}}}'),
        ("/workflows", f'{{"definition": "name: {SURROGATE}"}}'),
        ("/workflows", f'{{"{SURROGATE}": 1}}'),
        ("/executions", f'{{"workflow_id": "{SURROGATE}"}}'),
        ("/executions", f'{{"workflow_id": "{URGENT_MAIL}", "inputs": {{"{SURROGATE}": 1}}}}'),
        ("/executions/x/resume", f'{{"resume_mode": "{SURROGATE}"}}'),
        ("/fixes/x/approve", f'{{"digest": "{SURROGATE}", "version": 1}}'),
        ("/keys", f'{{"name": "{SURROGATE}", "kind": "person", "role": "viewer"}}'),
        ("/keys", '{"name": "a\\u0000b", "kind": "person", "role": "viewer"}'),
        ("/settings", f'{{"{SURROGATE}": "{SURROGATE}"}}'),
        ("/settings", f'{{"agent_model": "{SURROGATE}"}}'),
        (f"/workflows/{URGENT_MAIL}/pause", f'{{"reason": "{SURROGATE}\\u0000"}}'),
    ],
)
def test_text_that_is_no_text_is_refused_and_breaks_nothing(client, path, content):
    method = "PATCH" if path == "/settings" else "POST"
    answer = client(method, path, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in {200, 202, 404, 422}, answer.text
    client.post(f"/workflows/{URGENT_MAIL}/unpause")
    for shown in ("/workflows", "/executions", "/keys", "/settings", "/audit"):
        assert client("GET", shown).status_code == 200


def test_a_misspelt_action_is_answered_with_the_likely_one(client):
    definition = {"name": "x", "steps": [{"id": "a", "action": "read_sheat", "with": {}}]}
    answer = client("POST", "/workflows", json={"definition": definition})
    assert "Did you mean read_sheet?" in says(answer, 422, "invalid_definition")["problems"][0]


@pytest.mark.parametrize(
    "definition",
    [
        {"name": "x", "steps": [{"id": "a", "action": "write_file", "timeout_seconds": CANARY}]},
        f"name: x\nsteps:\n  - {{id: a, action: write_file, retry: {CANARY}}}\n",
        {"name": "x", "inputs": CANARY, "steps": []},
        workflow_text(URGENT_MAIL).replace("name:", f"{CANARY}:"),
    ],
)
def test_a_bad_definition_lists_its_problems_and_repeats_no_value(client, definition):
    answer = client("POST", "/workflows", json={"definition": definition})
    assert says(answer, 422, "invalid_definition")["problems"]
    assert f"not '{CANARY}'" not in answer.text


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
    gone = SimpleNamespace(database=sa.create_engine(f"sqlite:///{tmp_path}/none/x.sqlite"))
    broken = client.on(server.changed(engine=gone))
    says(broken.ask("GET", "/readyz"), 503, "store_busy")
    assert broken.ask("GET", "/healthz").json() == {"status": "ok"}
    assert broken.ask("GET", "/version").json()["name"] == "ask-copilot"


# ---------------------------------------------------------------- the description


def test_what_takes_time_is_kept_off_the_event_loop(server):
    quick = PUBLIC | {"/openapi.json", "/api/me", "/metrics"}
    for route in iter_route_contexts(server.http.app.routes):
        if route.path not in quick:
            assert not inspect.iscoroutinefunction(route.endpoint), route.path


def test_the_description_says_of_every_route_what_a_client_must_know(client):
    schema = client.ask("GET", "/openapi.json").json()
    operations = [
        (path, method, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]
    ids = [operation["operationId"] for _, _, operation in operations]
    assert len(set(ids)) == len(ids)
    for path, method, operation in operations:
        assert operation["summary"], path
        assert (operation.get("security") == []) is (path in PUBLIC)
        names = [parameter["name"] for parameter in operation.get("parameters", ())]
        assert ("Idempotency-Key" in names) is (method in {"post", "patch"})
        problems = {status: one for status, one in operation["responses"].items() if status >= "4"}
        if path != "/metrics":
            assert {"500", "503"} <= set(problems)
        for answer in problems.values():
            assert list(answer["content"]) == ["application/problem+json"]
    assert schema["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


def test_every_body_is_described_with_an_example_that_works(client):
    schema = client.ask("GET", "/openapi.json").json()
    found = 0
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            for form in operation.get("requestBody", {}).get("content", {}).values():
                body = form["schema"]
                named = [one for one in body.get("anyOf", [body]) if "$ref" in one] or [body]
                name = named[0].get("$ref", "").rpartition("/")[2]
                described = schema["components"]["schemas"].get(name, body)
                assert described.get("examples"), (method, path)
                found += 1
    assert found >= 10


def test_every_deliberate_error_has_a_status_an_exit_code_and_is_in_the_readme():
    step_errors = {StepError, *_below(StepError)}
    raised = {
        kind.code
        for base in (CopilotError, EngineError)
        for kind in _below(base)
        if kind not in step_errors
    }
    assert raised - EXIT_CODES.keys() == set()
    assert raised - HTTP_STATUSES.keys() == NOT_OVER_HTTP & raised
    assert EXIT_CODES.keys() - HTTP_STATUSES.keys() == NOT_OVER_HTTP
    assert ADVICE.keys() <= HTTP_STATUSES.keys()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+)`", readme))
    assert HTTP_STATUSES.keys() - named == set()


def _below(kind):
    return {one for child in kind.__subclasses__() for one in (child, *_below(child))}
