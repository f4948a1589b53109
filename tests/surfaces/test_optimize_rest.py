"""Suggestions over HTTP: about a definition, about a workflow, and dismissed."""

import pytest

from tests.surfaces.rest_client import one_database, says
from tests.surfaces.rest_requests import ROUNDS


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with one_database(tmp_path_factory.mktemp("data")) as server:
        client = server.client(example=False)
        client.post("/workflows", {"workflow_id": "rounds", "definition": ROUNDS})
        yield client


@pytest.mark.parametrize("body", [{}, {"definition": None}, None], ids=["empty", "null", "none"])
def test_a_definition_is_required(client, body):
    answer = client("POST", "/workflows/optimize", json=body)
    assert says(answer, 400, "definition_required")["detail"] == "definition is required"


def test_a_definition_that_is_not_valid_is_refused(client):
    answer = client("POST", "/workflows/optimize", json={"definition": {"name": "None"}})
    says(answer, 422, "invalid_definition")
    answer = client("POST", "/workflows/optimize", json={"definition": ROUNDS, "workflow_id": "no"})
    says(answer, 404, "not_found")


def test_a_definition_comes_back_changed(client):
    found = client.post("/workflows/optimize", {"definition": ROUNDS})
    (one,) = found["suggestions"]
    assert (one["kind"], one["code"], one["fix_id"]) == ("prompt", "loop_pattern", None)
    assert client.post("/workflows/optimize", {"definition": one["changed"]})["suggestions"] == []


def test_a_workflow_has_fixes_until_they_are_dismissed(client):
    (one,) = client.get("/workflows/rounds/optimize")["suggestions"]
    assert client.get(f"/fixes/{one['fix_id']}/preview")["diff"] == one["preview"]["diff"]
    path = f"/workflows/rounds/suggestions/{one['suggestion_id']}/dismiss"
    assert client.post(path, {"reason": "meant so"})["reason"] == "meant so"
    told = client.get("/workflows/rounds/optimize")
    assert (told["suggestions"], told["dismissed"]) == ([], 1)
