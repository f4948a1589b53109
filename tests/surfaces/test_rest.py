"""The use cases over HTTP, from a failed run to a fix that is taken back, and every way it says no."""

import asyncio
import dataclasses
import sqlite3
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from copilot.demo import URGENT_MAIL, workflow_text
from tests.surfaces.rest_client import TOKEN, Client, new_client, one_database, says


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with one_database(tmp_path_factory.mktemp("data")) as app:
        yield app


@pytest.fixture(scope="module")
def client(shared):
    """In a workspace where nothing that a test leaves behind disturbs another."""
    return new_client(shared)


@pytest.fixture
def fresh(shared):
    return new_client(shared)


@pytest.fixture
def failed(fresh):
    return fresh.failed()


# ---------------------------------------------------------------- the way through


def test_from_failure_to_verified_to_reverted(fresh, failed):
    fix_id = fresh.fix_for(failed)
    preview = fresh("GET", f"/fixes/{fix_id}/preview").json()
    assert "+    range: DefinedRange" in preview["diff"]
    change_id = fresh.applied(fix_id)
    resumed = fresh("POST", f"/executions/{failed}/resume", json={"resume_mode": "partial"})
    assert (resumed.status_code, resumed.json()["workflow_version"]) == (202, 2)
    assert fresh.ended(failed)["progress_percentage"] == 100
    assert fresh("GET", f"/changes/{change_id}/outcome").json()["state"] == "watching"
    for _night in range(2):
        assert fresh.ended(fresh.run())["status"] == "succeeded"
    assert fresh("GET", f"/changes/{change_id}/outcome").json()["state"] == "verified"
    undone = fresh("POST", f"/changes/{change_id}/undo").json()
    assert (undone["change"]["version"], undone["runs_started"] > 0) == (3, True)
    assert "already started" in undone["notice"]
    says(fresh("POST", f"/changes/{change_id}/revert"), 409, "not_reversible")
    assert fresh("GET", "/credits").json()["spent"] == 1


def test_a_run_is_shown_with_its_steps_and_with_outputs_only_on_request(fresh):
    answer = fresh("POST", "/executions", json={"workflow_id": URGENT_MAIL, "test_mode": True})
    where = answer.headers["location"]
    fresh.ended(answer.json()["id"])
    plain = fresh.http.get(where).json()
    assert plain["execution"]["test_mode"] is True
    assert [step["status"] for step in plain["steps"]][:2] == ["succeeded", "failed"]
    assert all("output" not in shown for shown in [plain["execution"], *plain["steps"]])
    whole = fresh.http.get(where, params={"outputs": True}).json()
    assert len(whole["steps"][0]["output"]) == 420
    assert whole["steps"][1]["error"]["code"] == plain["steps"][1]["error"]["code"]


def test_runs_are_listed_newest_first_and_filtered(fresh, failed):
    second = fresh.failed()
    listed = fresh("GET", "/executions").json()["executions"]
    assert [one["id"] for one in listed] == [second, failed]
    assert all("output" not in one for one in listed)

    def ids(**params):
        found = fresh("GET", "/executions", params=params).json()["executions"]
        return [one["id"] for one in found]

    assert ids(status="failed", limit=1) == [second]
    assert ids(status="succeeded") == ids(workflow_id="another") == []
    assert ids(workflow_id=URGENT_MAIL) == [second, failed]


def test_cancelling_what_has_ended_changes_nothing(fresh, failed):
    cancelled = fresh("POST", f"/executions/{failed}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "failed")


def test_a_workflow_is_stored_read_and_replaced_only_if_nobody_else_did(fresh):
    text = workflow_text(URGENT_MAIL)
    created = fresh("POST", "/workflows", json={"workflow_id": "mine", "definition": text})
    assert (created.status_code, created.headers["etag"]) == (201, '"1"')
    got = fresh.http.get(created.headers["location"])
    assert got.json() == created.json()
    definition = got.json()["definition"] | {"name": "Changed"}

    def put(**headers):
        return fresh("PUT", "/workflows/mine", json={"definition": definition}, headers=headers)

    says(put(), 428, "precondition_required")
    says(put(**{"If-Match": "3"}), 422, "invalid_input")
    replaced = put(**{"If-Match": got.headers["etag"]})
    assert (replaced.status_code, replaced.headers["etag"]) == (200, '"2"')
    assert replaced.json()["definition"]["name"] == "Changed"
    says(put(**{"If-Match": got.headers["etag"]}), 412, "stale_version")
    again = fresh("POST", "/workflows", json={"workflow_id": "mine", "definition": text})
    says(again, 409, "already_exists")
    listed = fresh("GET", "/workflows").json()["workflows"]
    assert {"mine": 2, URGENT_MAIL: 1}.items() <= {
        one["workflow_id"]: one["version"] for one in listed
    }.items()


@pytest.mark.parametrize("value", ['"\\ud800"', '"a\\u0000"', "NaN", "-1e999", "1e400", "9" * 400])
def test_values_that_are_hard_to_store_or_to_show_are_stored_and_shown(client, value):
    step = {
        "id": "a",
        "action": "filter_rows",
        "with": {"rows": "{{ inputs.x }}", "where": [{"field": "v", "op": "is_not_empty"}]},
    }
    definition = {"name": "x", "inputs": {"x": {}}, "steps": [step]}
    stored = client("POST", "/workflows", json={"definition": definition})
    assert stored.status_code == 201, stored.text
    workflow_id = stored.json()["workflow_id"]
    started = client(
        "POST",
        "/executions",
        content=f'{{"workflow_id": "{workflow_id}", "inputs": {{"x": [{{"v": {value}}}]}}}}',
        headers={"Content-Type": "application/json"},
    )
    assert started.status_code == 202, started.text
    client.ended(started.json()["id"])
    shown = client("GET", f"/executions/{started.json()['id']}", params={"outputs": True}).json()
    assert shown["execution"]["inputs"] == started.json()["inputs"]
    assert shown["execution"]["output"] == shown["execution"]["inputs"]["x"]
    assert "$type" in shown["execution"]["output"][0]["v"]


SURROGATE = "\\ud800"


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/workflows", f'{{"definition": {{"name": "{SURROGATE}", "steps": []}}}}'),
        ("/workflows", f'{{"definition": {{"name": "x", "steps": [{{"{SURROGATE}": 1}}]}}}}'),
        ("/workflows", f'{{"definition": "name: {SURROGATE}"}}'),
        ("/workflows", f'{{"{SURROGATE}": 1}}'),
        ("/executions", f'{{"workflow_id": "{SURROGATE}"}}'),
        ("/executions", f'{{"workflow_id": "{URGENT_MAIL}", "inputs": {{"{SURROGATE}": 1}}}}'),
        ("/executions/x/resume", f'{{"resume_mode": "{SURROGATE}"}}'),
        ("/fixes/x/approve", f'{{"digest": "{SURROGATE}", "version": 1}}'),
    ],
)
def test_text_that_is_no_text_is_refused_and_breaks_nothing(client, path, content):
    headers = {"Content-Type": "application/json"}
    answer = client("POST", path, content=content, headers=headers)
    assert answer.status_code in {202, 422}, answer.text
    assert client("GET", "/workflows").status_code == 200
    assert client("GET", "/executions").status_code == 200


# ---------------------------------------------------------------- the ways to say no


def test_a_preview_that_is_out_of_date_is_answered_with_the_fresh_diff(fresh, failed):
    fix_id = fresh.fix_for(failed)
    approval_id = fresh.approved(fix_id)
    stored = fresh("GET", f"/workflows/{URGENT_MAIL}")
    definition = stored.json()["definition"] | {"description": "edited meanwhile"}
    fresh(
        "PUT",
        f"/workflows/{URGENT_MAIL}",
        json={"definition": definition},
        headers={"If-Match": stored.headers["etag"]},
    )
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
    answer = fresh("POST", f"/approvals/{approval_id}/apply")
    says(answer, 409, "approval_refused")


def test_only_a_run_that_failed_is_analysed(fresh, failed):
    fresh.applied(fresh.fix_for(failed))
    good = fresh.run()
    fresh.ended(good)
    says(fresh("POST", f"/executions/{good}/analyze"), 400, "not_a_failed_execution")


def test_without_credits_it_is_402_with_price_and_what_is_left(fresh, failed):
    fresh.app.copilot.grant(fresh.workspace, 1, actor="test")
    fresh.fix_for(failed)
    second = fresh.run("outbound-follow-up")
    fresh.ended(second)
    body = says(fresh("POST", f"/executions/{second}/analyze"), 402, "insufficient_credits")
    assert (body["available"], body["price"]) == (0, 1)


def test_a_run_that_is_under_way_is_not_resumed(fresh, failed, monkeypatch):
    from engine.errors import AlreadyRunning

    def resume(*_args, **_options):
        raise AlreadyRunning("running")

    engine = SimpleNamespace(resume=resume)
    busy = Client(dataclasses.replace(fresh.app, engine=engine))
    body = says(busy("POST", f"/executions/{failed}/resume", json={}), 409, "already_running")
    assert "cancel it" in body["advice"]


CANARY = "sk-live-canary"
BAD_REQUESTS = {
    "unknown field": ("POST", "/executions", {"workflow_id": "x", "input": CANARY}, "body.input"),
    "wrong type": ("POST", "/executions", {"workflow_id": [CANARY]}, "body.workflow_id"),
    "wrong mode": ("POST", "/executions/x/resume", {"resume_mode": CANARY}, "body.resume_mode"),
    "missing": ("POST", "/fixes/x/approve", {"digest": CANARY}, "body.version"),
    "no object": ("POST", "/executions", CANARY, "body"),
}


@pytest.mark.parametrize(
    ("method", "path", "json", "field"), BAD_REQUESTS.values(), ids=BAD_REQUESTS
)
def test_a_bad_request_names_the_field_and_repeats_no_value(client, method, path, json, field):
    answer = client(method, path, json=json)
    body = says(answer, 422, "invalid_request")
    assert field in [error["field"] for error in body["errors"]]
    assert CANARY not in answer.text


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": "101"}, "query.limit"),
        ({"limit": CANARY}, "query.limit"),
        ({"status": CANARY}, "query.status"),
    ],
)
def test_a_bad_filter_too(client, params, field):
    answer = client("GET", "/executions", params=params)
    assert says(answer, 422, "invalid_request")["errors"][0]["field"] == field
    assert CANARY not in answer.text


@pytest.mark.parametrize("content", ["{", "", "[" * 100_000, b"\xff\xfe{"], ids=repr)
def test_what_is_not_json_is_said_to_be_none(client, content):
    headers = {"Content-Type": "application/json"}
    answer = client("POST", "/executions", content=content, headers=headers)
    assert answer.json()["code"] == ("invalid_json" if content else "invalid_request")


@pytest.mark.parametrize(
    "definition",
    [
        {"name": "x", "steps": [{"id": "a", "action": "write_file", "timeout_seconds": CANARY}]},
        f"name: x\nsteps:\n  - {{id: a, action: write_file, retry: {CANARY}}}\n",
        f"name: x\nsteps:\n  - {{id: a, action: http_request, with: {{timeout: {CANARY}}}}}\n",
        {"name": "x", "inputs": CANARY, "steps": []},
        {"name": "x", "steps": [{"id": "a", "prompt": "p", "output": CANARY}]},
    ],
)
def test_a_bad_definition_lists_its_problems_and_repeats_no_value(client, definition):
    answer = client("POST", "/workflows", json={"definition": definition})
    assert says(answer, 422, "invalid_definition")["problems"]
    assert CANARY not in answer.text


def test_a_misspelt_action_is_answered_with_the_likely_one(client):
    definition = {"name": "x", "steps": [{"id": "a", "action": "read_sheat", "with": {}}]}
    answer = client("POST", "/workflows", json={"definition": definition})
    assert "Did you mean read_sheet?" in says(answer, 422, "invalid_definition")["problems"][0]


def test_a_path_or_method_that_is_none_is_a_problem_too(client):
    says(client("GET", "/nothing"), 404, "not_found")
    answer = client("DELETE", "/executions")
    says(answer, 405, "method_not_allowed")
    assert answer.headers["allow"]


def test_our_own_mistake_shows_a_request_id_and_nothing_else(client, caplog):
    def credits(_workspace):
        raise RuntimeError(CANARY)

    broken = Client(dataclasses.replace(client.app, copilot=SimpleNamespace(credits=credits)))
    answer = broken("GET", "/credits")
    body = says(answer, 500, "internal_error")
    assert body.keys() == {"type", "title", "status", "code", "request_id"}
    assert body["request_id"] == answer.headers["x-request-id"]
    assert body["request_id"] in caplog.text
    assert CANARY not in caplog.text


def test_a_busy_database_is_503_and_worth_another_try(client):
    def credits(_workspace):
        locked = sqlite3.OperationalError("database is locked")
        raise sa.exc.OperationalError("SELECT 1", {"secret": CANARY}, locked)

    busy = Client(dataclasses.replace(client.app, copilot=SimpleNamespace(credits=credits)))
    answer = busy("GET", "/credits")
    assert says(answer, 503, "store_busy")["retryable"] is True
    assert answer.headers["retry-after"]


def test_readiness_asks_the_database_and_health_does_not(client, tmp_path):
    assert client.http.get("/readyz").status_code == 200
    gone = SimpleNamespace(database=sa.create_engine(f"sqlite:///{tmp_path}/none/x.sqlite"))
    broken = Client(dataclasses.replace(client.app, engine=gone), token="")
    says(broken.http.get("/readyz"), 503, "store_busy")
    assert broken.http.get("/healthz").json() == {"status": "ok"}
    assert broken.http.get("/version").json()["name"] == "ask-copilot"


# ---------------------------------------------------------------- the gate


@pytest.mark.parametrize(
    ("announced", "read"),
    [
        ({}, 50),
        ({b"content-length": b"5"}, 50),
        ({b"content-length": b"2500000"}, 50),
        ({b"content-length": b"2500000", b"expect": b"100-continue"}, 0),
    ],
)
def test_a_body_is_counted_while_it_comes_whatever_its_length_says(client, announced, read):
    """It is read to its end, or the client would be cut off and not see the answer."""
    pieces = [
        {"type": "http.request", "body": b" " * 50_000, "more_body": left > 0}
        for left in reversed(range(50))
    ]
    sent = []

    async def receive():
        return pieces.pop(0)

    async def send(message):
        sent.append(message)

    headers = {b"authorization": f"Bearer {TOKEN}".encode(), b"content-type": b"application/json"}
    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/api/workspaces/{client.workspace}/executions",
        "query_string": b"",
        "headers": list((headers | announced).items()),
    }
    asyncio.run(client.http.app(scope, receive, send))
    assert (sent[0]["status"], 50 - len(pieces)) == (413, read)
    assert b"body_too_large" in sent[1]["body"]


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer",
        "Bearer \xff",
    ],
)
def test_without_the_token_nothing_is_read_and_nothing_is_said(client, given):
    sent = []

    async def receive():
        raise AssertionError("the body was read")

    async def send(message):
        sent.append(message)

    headers = [] if given is None else [(b"authorization", given.encode("latin-1"))]
    for path in (f"/api/workspaces/{client.workspace}/credits", "/openapi.json", "/nothing"):
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "query_string": b"",
            "headers": headers,
        }
        asyncio.run(client.http.app(scope, receive, send))
    starts = [message for message in sent if message["type"] == "http.response.start"]
    bodies = {message["body"] for message in sent if message["type"] == "http.response.body"}
    assert [start["status"] for start in starts] == [401] * 3
    assert all((b"www-authenticate", b'Bearer realm="ask-copilot"') in s["headers"] for s in starts)
    assert len(bodies) == 1


def test_answers_are_not_kept_and_not_guessed_about(client):
    for path in ("/healthz", "/nothing"):
        headers = client.http.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
