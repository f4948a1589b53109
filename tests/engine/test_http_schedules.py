"""Schedules over HTTP: when, what came of it, and what may go wrong."""

from typing import Annotated

import pytest
from fastapi import FastAPI, Path
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient

from engine.errors import EngineError
from engine.http import create_router
from engine.testing import inline_engine

from .schedules import DAY, HOUR, NINE, open_office

AGENT = {"id": "a", "type": "agent", "prompt": "Go through the list and look up each."}


@pytest.fixture
def office(tmp_path):
    with open_office(tmp_path) as office:
        office.engine.schedules = office.schedules
        yield office


@pytest.fixture
def client(office):
    def opened(workspace_id: Annotated[str, Path()]):
        return office.engine.workspace(workspace_id)

    app = FastAPI()
    app.include_router(create_router(opened), prefix="/at/{workspace_id}")

    @app.exception_handler(EngineError)
    async def answer(_request, error):
        return JSONResponse({"code": error.code}, 404 if error.code == "not_found" else 422)

    with TestClient(app, base_url="http://testserver/at/acme/") as client:
        yield client


def test_a_schedule_is_there_as_soon_as_its_workflow_is(client, office):
    office.put(expression="1h")
    told = client.get("workflows/report/schedule").json()
    assert (told["schedule"]["expression"], told["schedule"]["version"]) == ("1h", 1)
    assert told["schedule"]["next_at"] == "2026-01-05T09:00:00Z"
    assert (told["starts"], told["warnings"]) == ([], [])
    office.engine.put_workflow(
        "acme", office.engine.workflow("acme", "report").workflow, workflow_id="report"
    )
    assert client.get("schedules").json()["schedules"][0]["version"] == 2


def test_what_was_seen_early_is_started_when_it_is_due_and_once(client, office):
    office.put(expression="1h")
    client.get("schedules")
    office.every_minute(NINE, NINE + HOUR)
    told = client.get("workflows/report/schedule", params={"starts": 1}).json()
    assert [one["tick"] for one in told["starts"]] == ["2026-01-05T10:00:00Z"]
    assert len(office.runs()) == 2
    assert told["schedule"]["next_at"] == "2026-01-05T11:00:00Z"
    assert client.get("workflows/report/schedule", params={"starts": 0}).json()["starts"] == []


def test_how_it_fared_is_told(client, office):
    office.put(expression="1d")
    office.fail(ValueError("no"), ValueError("no"))
    office.tick(NINE)
    office.tick(NINE + DAY)
    told = client.get("workflows/report/schedule").json()
    assert [one["note"] for one in told["starts"]][-1] == "failed"
    assert sum(told["schedule"]["failures"].values()) >= 1
    assert told["starts"][-1]["execution_id"]


def test_what_may_go_wrong_is_said(tmp_path):
    definition = {
        "name": "Rounds",
        "trigger": {"type": "schedule", "schedule": "1d"},
        "steps": [AGENT],
    }
    with inline_engine(tmp_path) as engine:
        made = engine.workspace("acme").workflows.create(definition)
        found = engine.workspace("acme").schedules.warnings(made.workflow_id)
    assert [(one.code, one.severity, one.step) for one in found] == [("loop_pattern", "high", "a")]


def test_what_has_no_schedule_or_is_elsewhere_is_missing(client, office):
    office.put("manual", expression=None)
    office.put("theirs", workspace="globex")
    for path in ("workflows/manual", "workflows/theirs", "workflows/nothing"):
        answer = client.get(f"{path}/schedule")
        assert (answer.status_code, answer.json()) == (404, {"code": "not_found"})
    assert client.get("schedules").json() == {"schedules": []}
    assert client.get("http://testserver/at/globex/workflows/theirs/schedule").status_code == 200


@pytest.mark.parametrize("starts", [-1, 1001, "x"])
def test_more_starts_than_are_kept_are_refused(client, office, starts):
    office.put()
    answer = client.get("workflows/report/schedule", params={"starts": starts})
    assert answer.status_code == 422
