"""The engine's routes on a bare application of their own, without the copilot."""

from contextlib import contextmanager
from typing import Annotated
from urllib.parse import quote

import pytest
from fastapi import FastAPI, Header, Path
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient

from engine.definition import WorkflowRecord
from engine.errors import EngineError
from engine.execution import Execution, ExecutionPage
from engine.http import create_router
from engine.testing import actions, inline_engine

ECHO = {"name": "Echo", "steps": [{"id": "a", "action": "echo", "with": {"value": 1}}]}
STATUSES = {
    "not_found": 404,
    "already_exists": 409,
    "workflow_paused": 409,
    "not_resumable": 409,
    "request_key_reused": 409,
    "stale_version": 412,
    "precondition_required": 428,
}


@contextmanager
def opened_engine(folder):
    def fail():
        raise ValueError

    with inline_engine(folder, actions=actions(fail=fail)) as engine:
        yield engine


@contextmanager
def client_of(engine):
    def opened(
        workspace_id: Annotated[str, Path()],
        idempotency_key: Annotated[str | None, Header()] = None,
    ):
        return engine.workspace(workspace_id, actor="ada", request_key=idempotency_key)

    app = FastAPI()
    app.include_router(create_router(opened), prefix="/at/{workspace_id}")

    @app.exception_handler(EngineError)
    async def answer(_request, error):
        return JSONResponse({"code": error.code}, STATUSES.get(error.code, 422))

    with TestClient(app, base_url="http://testserver/at/acme/") as client:
        yield client


@pytest.fixture
def engine(tmp_path):
    with opened_engine(tmp_path) as engine:
        yield engine


@pytest.fixture
def client(engine):
    with client_of(engine) as client:
        yield client


@pytest.fixture(scope="module")
def refusing(tmp_path_factory):
    """For requests that change nothing: one for all of them, with the workflow `w`."""
    with opened_engine(tmp_path_factory.mktemp("http")) as engine, client_of(engine) as client:
        make(client)
        yield client


def says(answer, status, code=None):
    assert answer.status_code == status, answer.text
    if code is not None:
        assert answer.json() == {"code": code}


def make(client, workflow_id="w", definition=ECHO):
    answer = client.post("workflows", json={"workflow_id": workflow_id, "definition": definition})
    says(answer, 201)
    return answer


def test_a_workflow_is_made_read_replaced_and_listed(client):
    made = make(client)
    assert made.headers["location"] == "/at/acme/workflows/w"
    assert made.headers["etag"] == '"1"'
    got = client.get("workflows/w")
    assert got.json() == made.json()
    record = WorkflowRecord.model_validate_json(got.content)
    assert (record.version, record.definition["name"], record.paused) == (1, "Echo", None)
    says(client.post("workflows", json={"workflow_id": "w", "definition": ECHO}), 409)
    text = "name: Loud\nsteps: [{id: a, action: echo}]"
    put = client.put("workflows/w", json={"definition": text}, headers={"If-Match": '"1"'})
    says(put, 200)
    assert (put.headers["etag"], put.json()["name"]) == ('"2"', "Loud")
    listed = client.get("workflows").json()["workflows"]
    assert [set(one) for one in listed] == [
        {"workflow_id", "version", "name", "created_at", "paused"}
    ]
    whole = client.get("workflows", params={"definitions": True}).json()["workflows"]
    assert WorkflowRecord.model_validate(whole[0]).model_dump(mode="json") == put.json()
    versions = client.get("workflows/w/versions").json()["versions"]
    assert [(one["version"], one["name"]) for one in versions] == [(2, "Loud"), (1, "Echo")]
    assert client.get("workflows/w/versions/1").json() == made.json()


def test_replacing_needs_the_version_that_was_seen(client):
    make(client)

    def put(workflow_id="w", **headers):
        return client.put(f"workflows/{workflow_id}", json={"definition": ECHO}, headers=headers)

    says(put(), 428, "precondition_required")
    says(put("x"), 404, "not_found")
    says(put(**{"If-Match": '"7"'}), 412, "stale_version")
    for bad in ("1", 'W/"1"', '"1", "2"', '"x"', '"9999999999"'):
        says(put(**{"If-Match": bad}), 422, "invalid_parameters")
    says(put(**{"If-Match": "*"}), 200)


def test_what_the_caller_has_already_is_not_sent_again(client):
    make(client)
    for path in ("workflows/w", "workflows/w/versions/1"):
        for seen in ('"1"', 'W/"1"', '"0", "1"', "*"):
            answer = client.get(path, headers={"If-None-Match": seen})
            says(answer, 304)
            assert (answer.content, answer.headers["etag"]) == (b"", '"1"')
        says(client.get(path, headers={"If-None-Match": '"2"'}), 200)


def test_a_pause_is_seen_by_conditional_requests_and_stops_new_runs(client):
    make(client)
    says(client.post("workflows/x/pause"), 404, "not_found")
    paused = client.post("workflows/w/pause", json={"reason": "prices"})
    assert (paused.json()["paused"]["by"], paused.json()["paused"]["reason"]) == ("ada", "prices")
    says(client.get("workflows/w", headers={"If-None-Match": '"1"'}), 200)
    says(client.post("workflows/w/pause"), 200)
    says(client.post("executions", json={"workflow_id": "w"}), 409, "workflow_paused")
    says(client.post("executions", json={"workflow_id": "w", "test_mode": True}), 202)
    put = client.put(
        "workflows/w", json={"definition": ECHO}, headers={"If-Match": paused.headers["etag"]}
    )
    says(put, 200)
    assert put.json()["paused"] == paused.json()["paused"]
    assert client.post("workflows/w/unpause").json()["paused"] is None
    says(client.post("executions", json={"workflow_id": "w"}), 202)


def test_a_run_from_its_start_to_its_history(client):
    failing = {"name": "F", "steps": [*ECHO["steps"], {"id": "b", "action": "fail"}]}
    make(client, definition=failing)
    started = client.post("executions", json={"workflow_id": "w", "inputs": {"x": 1}})
    says(started, 202)
    run = started.json()
    assert started.headers["location"] == f"/at/acme/executions/{run['id']}"
    assert (run["user_id"], run["trigger"], run["inputs"]) == ("ada", "api", {"x": 1})
    path = f"executions/{run['id']}"
    detail = client.get(path).json()
    assert detail["execution"]["status"] == "failed"
    shown = ("progress_percentage", "agents_completed", "agents_total")
    assert [detail[name] for name in shown] == [50, 1, 2]
    assert client.get(f"{path}/progress").json()["progress_percentage"] == 50
    assert all("output" not in one for one in [detail["execution"], *detail["steps"]])
    whole = client.get(path, params={"outputs": True}).json()
    assert whole["steps"][0]["output"] == 1
    resumed = client.post(f"{path}/resume", json={"resume_mode": "partial"})
    says(resumed, 202)
    assert resumed.headers["location"] == f"/at/acme/{path}"
    history = client.get(f"{path}/history", params={"outputs": True}).json()["steps"]
    assert [(step["round"], step["path"]) for step in history] == [(1, "/a"), (1, "/b"), (2, "/b")]
    assert history[0]["output"] == 1
    assert "output" not in client.get(f"{path}/history").json()["steps"][0]
    assert client.post(f"{path}/cancel").json()["status"] == "failed"


def test_runs_are_listed_in_pages_and_filtered(client):
    make(client)
    make(client, "v")
    for workflow_id in ("w", "v", "w", "v", "w"):
        says(client.post("executions", json={"workflow_id": workflow_id}), 202)
    found, cursor = [], None
    while True:
        page = client.get(
            "executions", params={"limit": 2} | ({"cursor": cursor} if cursor else {})
        )
        parsed = ExecutionPage.model_validate_json(page.content)
        found += parsed.executions
        if (cursor := parsed.next_cursor) is None:
            break
    assert len({run.id for run in found}) == 5
    only = client.get("executions", params={"workflow_id": "v", "status": "succeeded"}).json()
    assert [run["workflow_id"] for run in only["executions"]] == ["v", "v"]
    says(client.get("executions", params={"cursor": "x"}), 422, "invalid_cursor")
    assert Execution.model_validate(only["executions"][0]) in found


def test_a_key_makes_a_request_happen_once(client):
    make(client)
    again = [
        client.post("executions", json={"workflow_id": "w"}, headers={"Idempotency-Key": "k"})
        for _ in range(2)
    ]
    assert again[0].json()["id"] == again[1].json()["id"]
    answer = client.post("workflows", json={"definition": ECHO}, headers={"Idempotency-Key": "k"})
    says(answer, 409, "request_key_reused")


@pytest.mark.parametrize("name", ["Outbound v3", "Q1/Q2", "100 % für Ü?#&+", "..x"])
def test_a_resource_may_have_any_name(client, name):
    path = f"resources/template/{quote(name, safe='')}"
    new = {"If-None-Match": "*"}
    put = client.put(path, json={"content": {"body": "Hi"}}, headers=new)
    says(put, 200)
    assert (put.json()["name"], put.headers["etag"]) == (name, '"1"')
    says(client.put(path, json={"content": {"body": "Hi"}}, headers=new), 412, "stale_version")
    got = client.get(path)
    assert got.json() == put.json()
    assert client.get("resources").json()["resources"] == [got.json()]
    assert client.get("resources", params={"kind": "document"}).json() == {"resources": []}
    says(client.put(path, json={"content": {"body": "2"}}, headers={"If-Match": '"1"'}), 200)
    says(client.delete(path, headers={"If-Match": '"1"'}), 412, "stale_version")
    says(client.delete(path, headers={"If-Match": "*"}), 204)
    says(client.delete(path), 404, "not_found")
    says(client.put(path, json={"content": {"body": "2"}}, headers={"If-Match": "*"}), 404)


def test_a_workflow_id_that_needs_quoting_works(client, engine):
    record = WorkflowRecord.model_validate_json(make(client).content)
    engine.put_workflow("acme", record.workflow, workflow_id="Ü 1%?#")
    path = f"workflows/{quote('Ü 1%?#', safe='')}"
    assert client.get(path).json()["workflow_id"] == "Ü 1%?#"
    says(client.get(f"{path}/versions"), 200)
    run = client.post("executions", json={"workflow_id": "Ü 1%?#"})
    says(run, 202)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "workflows", {}),
        ("POST", "workflows", {"definition": 1}),
        ("POST", "workflows", {"definition": ECHO, "extra": 1}),
        ("POST", "workflows", {"definition": ECHO, "workflow_id": "A B"}),
        ("POST", "workflows", {"definition": ECHO, "workflow_id": "x" * 64}),
        ("POST", "workflows", {"definition": "x" * 1_000_001}),
        ("POST", "workflows", {"definition": {"name": "x", "steps": []}}),
        ("GET", "workflows?definitions=perhaps", None),
        ("GET", "workflows/w/versions/0", None),
        ("GET", "workflows/w/versions/x", None),
        ("GET", "workflows/w/versions/99999999999", None),
        ("GET", "workflows/%00", None),
        ("POST", "workflows/w/pause", {"reason": 1}),
        ("POST", "workflows/w/pause", {"reason": "x" * 501}),
        ("POST", "workflows/w/pause", {"because": "x"}),
        ("POST", "executions", {}),
        ("POST", "executions", {"workflow_id": ""}),
        ("POST", "executions", {"workflow_id": "a\u0000"}),
        ("POST", "executions", {"workflow_id": "x" * 201}),
        ("POST", "executions", {"workflow_id": "w", "inputs": []}),
        ("POST", "executions", {"workflow_id": "w", "test_mode": "perhaps"}),
        ("POST", "executions", {"workflow_id": "w", "timeout_seconds": 0}),
        ("POST", "executions", {"workflow_id": "w", "timeout_seconds": 86_401}),
        ("POST", "executions", {"workflow_id": "w", "trigger": "x"}),
        ("GET", "executions?limit=0", None),
        ("GET", "executions?limit=101", None),
        ("GET", "executions?status=broken", None),
        ("GET", "executions?workflow_id=%01", None),
        ("GET", f"executions?cursor={'x' * 501}", None),
        ("GET", "executions/%0A", None),
        ("GET", "executions/x?outputs=perhaps", None),
        ("POST", "executions/x/resume", {"resume_mode": "half"}),
        ("POST", "executions/x/resume", {"mode": "full"}),
        ("GET", "resources?kind=spell", None),
        ("PUT", "resources/template/x", {"body": "Hi"}),
        ("PUT", "resources/template/x", {"content": []}),
        ("PUT", "resources/template/x", {"content": {"nobody": "Hi"}}),
        ("PUT", f"resources/template/{'x' * 201}", {"content": {"body": "Hi"}}),
        ("PUT", "resources/template/%07", {"content": {"body": "Hi"}}),
    ],
)
def test_what_cannot_be_used_is_refused(refusing, method, path, body):
    says(refusing.request(method, path, json=body), 422)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "workflows/x", None),
        ("GET", "workflows/x/versions", None),
        ("GET", "workflows/w/versions/2", None),
        ("POST", "workflows/x/unpause", None),
        ("POST", "executions", {"workflow_id": "x"}),
        ("GET", "executions/x", None),
        ("GET", "executions/x/progress", None),
        ("GET", "executions/x/history", None),
        ("POST", "executions/x/cancel", None),
        ("POST", "executions/x/resume", {}),
        ("GET", "resources/template/x", None),
        ("GET", "resources/spell/x", None),
        ("PUT", "resources/spell/x", {"content": {}}),
        ("DELETE", "resources/spell/x", None),
    ],
)
def test_what_is_missing_is_not_found_here_and_next_door(refusing, method, path, body):
    says(refusing.request(method, path, json=body), 404, "not_found")
    elsewhere = f"http://testserver/at/other/{path.replace('versions/2', 'versions/1')}"
    says(refusing.request(method, elsewhere, json=body), 404, "not_found")


@pytest.mark.parametrize(
    "headers", [{"If-None-Match": '"1"'}, {"If-None-Match": "*", "If-Match": '"1"'}]
)
def test_a_condition_on_a_resource_that_makes_no_sense_is_refused(refusing, headers):
    answer = refusing.put("resources/template/x", json={"content": {"body": "x"}}, headers=headers)
    says(answer, 422, "invalid_parameters")


def test_a_workspace_called_like_a_collection_gets_right_addresses(client):
    body = {"workflow_id": "w", "definition": ECHO}
    made = client.post("http://testserver/at/workflows/workflows", json=body)
    assert made.headers["location"] == "/at/workflows/workflows/w"


def test_every_body_has_an_example_and_every_route_a_description(refusing):
    schema = refusing.get("http://testserver/openapi.json").json()
    models = schema["components"]["schemas"]
    for operations in schema["paths"].values():
        for operation in operations.values():
            assert operation["description"]
            if "requestBody" in operation:
                content = operation["requestBody"]["content"]["application/json"]["schema"]
                (name,) = {
                    part["$ref"].rsplit("/", 1)[1]
                    for part in [content, *content.get("anyOf", [])]
                    if "$ref" in part
                }
                assert models[name]["examples"], name
