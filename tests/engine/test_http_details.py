"""What one run shows over HTTP: its stages, what it waits for, and when it goes on."""

from contextlib import contextmanager
from typing import Annotated

import pytest
from fastapi import FastAPI, Path
from fastapi.testclient import TestClient

from engine.http import create_router
from engine.testing import actions, inline_engine
from tests.engine.nested import approval, call, definition, echo, parallel, start

from .quota_office import MIDNIGHT, open_office


@contextmanager
def client_of(engine):
    def opened(workspace_id: Annotated[str, Path()]):
        people = {"actor": "ada", "actor_kind": "person", "roles": frozenset({"approver"})}
        return engine.workspace(workspace_id, **people)

    app = FastAPI()
    app.include_router(create_router(opened), prefix="/at/{workspace_id}")
    with TestClient(app, base_url="http://testserver/at/acme/") as client:
        yield client


@pytest.fixture
def engine(tmp_path):
    def fail():
        raise ValueError

    with inline_engine(tmp_path, actions=actions(fail=fail)) as engine:
        yield engine


@pytest.fixture
def client(engine):
    with client_of(engine) as client:
        yield client


def detail(client, run):
    return client.get(f"executions/{run.id}").json()


def test_stages_show_where_a_run_is_and_how_far_by_weight(client, engine):
    stages = [
        {"name": "Preparing", "steps": ["a"], "weight": 1},
        {"name": "Sending", "steps": ["b"], "weight": 3},
    ]
    run = start(engine, echo("a", 1), call("b", "fail"), stages=stages)
    shown = detail(client, run)
    assert (shown["current_stage"], shown["stage_progress_percentage"]) == ("Sending", 100.0)
    assert (shown["progress_percentage"], shown["progress_calculation_method"]) == (
        50,
        "agent-based",
    )
    progress = client.get(f"executions/{run.id}/progress").json()
    assert {name: shown[name] for name in progress.keys() & shown.keys()} == {
        name: progress[name] for name in progress.keys() & shown.keys()
    }


def test_without_stages_the_step_is_named_and_nothing_is_weighted(client, engine):
    shown = detail(client, start(engine, echo("a", 1), call("b", "fail", name="Send")))
    assert (shown["current_stage"], shown["stage_progress_percentage"]) == ("Send", None)
    assert (shown["waits_for"], shown["approvals"]) == (None, [])


def test_the_estimate_is_there_from_the_start(client, engine):
    engine.put_workflow("acme", definition(echo("a", 1)), workflow_id="w")
    started = client.post("executions", json={"workflow_id": "w"}).json()
    assert started["estimate"]["least_tokens"] == 0
    assert (
        client.get(f"executions/{started['id']}").json()["execution"]["estimate"]
        == (started["estimate"])
    )


def test_a_run_that_waits_for_a_person_says_for_what_and_until_when(client, engine):
    run = start(engine, approval("ok", "Send it?", role="approver", expires_after="2h"), echo("a"))
    shown = detail(client, run)
    assert (shown["execution"]["status"], shown["waits_for"]) == ("paused", "approval")
    (asked,) = shown["approvals"]
    assert (asked["path"], asked["message"], asked["role"]) == ("/ok", "Send it?", "approver")
    assert asked["expires_at"] == shown["execution"]["wake_at"]
    client.post(f"executions/{run.id}/approvals/ok", json={"decision": "approved"})
    shown = detail(client, run)
    assert (shown["execution"]["status"], shown["waits_for"], shown["approvals"]) == (
        "succeeded",
        None,
        [],
    )


def test_only_questions_that_are_open_now_are_shown(client, engine):
    run = start(engine, parallel("fan", a=[approval("one")], b=[approval("two")]))
    client.post(f"executions/{run.id}/approvals/fan/a/one", json={"decision": "approved"})
    assert [one["path"] for one in detail(client, run)["approvals"]] == ["/fan/b/two"]
    client.post(f"executions/{run.id}/cancel")
    assert detail(client, run)["approvals"] == []
    client.post(f"executions/{run.id}/resume", json={"resume_mode": "full"})
    again = detail(client, run)["approvals"]
    assert sorted(one["path"] for one in again) == ["/fan/a/one", "/fan/b/two"]
    assert len(client.get(f"executions/{run.id}/approvals").json()["approvals"]) == 4


def test_a_run_that_waits_for_a_quota_says_when_it_goes_on(tmp_path):
    with open_office(tmp_path) as office, client_of(office.engine) as client:
        run = office.start(60, 60)
        shown = detail(client, run)
        assert (shown["execution"]["status"], shown["waits_for"]) == ("paused", "quota")
        assert shown["execution"]["error"]["code"] == "quota_exhausted"
        when = "2026-01-06T00:00:00Z"
        assert shown["execution"]["wake_at"] == when
        (listed,) = client.get("executions").json()["executions"]
        assert listed["wake_at"] == when
        (waiting,) = client.get("quotas/waiting").json()["runs"]
        assert (waiting["execution_id"], waiting["auto_resume_at"]) == (run.id, when)
        office.tick(MIDNIGHT)
        shown = detail(client, run)
        assert (shown["execution"]["status"], shown["execution"]["wake_at"]) == ("succeeded", None)
        assert shown["waits_for"] is None
