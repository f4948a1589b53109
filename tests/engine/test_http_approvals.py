"""Approvals and resumes of nested runs over HTTP."""

from typing import Annotated

import pytest
from fastapi import FastAPI, Header, Path
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient

from engine.errors import EngineError
from engine.http import create_router
from engine.testing import FunctionAction, actions, inline_engine
from tests.engine.nested import approval, call, echo, parallel, start

STATUSES = {"not_found": 404, "approval_not_allowed": 403, "approval_closed": 409}


@pytest.fixture
def engine(tmp_path):
    def fail():
        raise ValueError

    functions = actions(fail=fail, send=FunctionAction(lambda: 1, repeatable=False))
    with inline_engine(tmp_path, actions=functions) as engine:
        yield engine


@pytest.fixture
def client(engine):
    def opened(
        workspace_id: Annotated[str, Path()],
        actor_kind: Annotated[str, Header()] = "person",
        idempotency_key: Annotated[str | None, Header()] = None,
    ):
        return engine.workspace(
            workspace_id,
            actor="ada",
            actor_kind=actor_kind,
            roles=frozenset({"approver"}),
            request_key=idempotency_key,
        )

    app = FastAPI()
    app.include_router(create_router(opened), prefix="/at/{workspace_id}")

    @app.exception_handler(EngineError)
    async def answer(_request, error):
        return JSONResponse({"code": error.code}, STATUSES.get(error.code, 422))

    with TestClient(app, base_url="http://testserver/at/acme/") as client:
        yield client


def test_what_waits_is_listed_and_decided_by_its_path(client, engine):
    run = start(
        engine, parallel("fan", a=[approval("ok", "Send?", role="approver")], b=[echo("x")])
    )
    assert client.get(f"executions/{run.id}").json()["execution"]["status"] == "paused"
    (waiting,) = client.get("approvals").json()["approvals"]
    assert (waiting["path"], waiting["message"], waiting["status"]) == (
        "/fan/a/ok",
        "Send?",
        "waiting",
    )
    body = {"decision": "approved", "comment": "fine"}
    answer = client.post(f"executions/{run.id}/approvals/fan/a/ok", json=body)
    assert (answer.status_code, answer.json()["id"]) == (200, run.id)
    assert "output" not in answer.json()
    assert client.get("approvals").json() == {"approvals": []}
    (decided,) = client.get(f"executions/{run.id}/approvals").json()["approvals"]
    assert (decided["status"], decided["decided_by"], decided["comment"]) == (
        "approved",
        "ada",
        "fine",
    )
    assert engine.execution("acme", run.id).status.value == "succeeded"
    again = client.post(f"executions/{run.id}/approvals/fan/a/ok", json=body)
    assert (again.status_code, again.json()["code"]) == (409, "approval_closed")


def test_a_machine_and_another_workspace_get_nowhere(client, engine):
    run = start(engine, approval("ok"))
    path, body = f"executions/{run.id}/approvals/ok", {"decision": "rejected"}
    refused = client.post(path, json=body, headers={"actor-kind": "machine"})
    assert (refused.status_code, refused.json()["code"]) == (403, "approval_not_allowed")
    for address in (f"http://testserver/at/globex/{path}", f"executions/{run.id}/approvals/no"):
        assert client.post(address, json=body).status_code == 404
    assert client.get("http://testserver/at/globex/approvals").json() == {"approvals": []}
    assert (
        client.get(f"http://testserver/at/globex/executions/{run.id}/approvals").status_code == 404
    )
    assert client.post(path, json={"decision": "maybe"}).status_code == 422


def test_the_same_request_again_is_answered_and_does_nothing(client, engine):
    run = start(engine, approval("ok"), approval("next"))
    path, body = f"executions/{run.id}/approvals/ok", {"decision": "approved"}
    for _ in range(2):
        answer = client.post(path, json=body, headers={"idempotency-key": "k"})
        assert answer.status_code == 200
    assert engine.execution("acme", run.id).current_step == "next"


def test_a_resume_answers_with_its_report(client, engine):
    run = start(engine, call("mail", "send"), echo("x", 1), call("bad", "fail"))
    answer = client.post(f"executions/{run.id}/resume", json={"resume_mode": "full"})
    report = answer.json()["resume_report"]
    assert report["kept_effects"] == ["/mail"]
    assert report["stale"] == [
        {"path": "/x", "reason": "asked", "because": None},
        {"path": "/bad", "reason": "asked", "because": None},
    ]
    body = {"resume_mode": "full", "repeat_effects": True}
    report = client.post(f"executions/{run.id}/resume", json=body).json()["resume_report"]
    assert (report["kept_effects"], report["stale_total"]) == ([], 3)
