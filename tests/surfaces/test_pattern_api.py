"""Repeated failures over HTTP: where each stands, who has seen it, and why runs fail at all."""

import pytest

from tests.surfaces.rest_client import one_database, says
from tests.surfaces.rest_requests import BROKEN, FOREIGN_RUN

FINE = {
    "name": "Fine",
    "steps": [{"id": "broken", "action": "render_template", "with": {"body": "Hello"}}],
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with one_database(tmp_path_factory.mktemp("data")) as server:
        yield server


@pytest.fixture
def client(server):
    return server.client(example=False)


def fail(client, times, workflow_id="broken"):
    if client("GET", f"/workflows/{workflow_id}").status_code == 404:
        client.post("/workflows", {"workflow_id": workflow_id, "definition": BROKEN})
    for _ in range(times):
        client.ended(client.run(workflow_id))


def succeed(client, times):
    """The same workflow, put right, and broken again afterwards."""
    client("PUT", "/workflows/broken", json={"definition": FINE}, headers={"If-Match": "*"})
    for _ in range(times):
        client.ended(client.run("broken"))
    client("PUT", "/workflows/broken", json={"definition": BROKEN}, headers={"If-Match": "*"})


def patterns(client, **params):
    return client.get("/patterns", params=params)["patterns"]


def at(one, verb):
    return f"/workflows/{one['workflow_id']}/patterns/{one['signature']}/{verb}"


def test_from_new_over_resolved_to_regressed(client):
    fail(client, 4)
    assert patterns(client) == []
    fail(client, 1)
    (one,) = patterns(client)
    assert (one["life"]["state"], one["pattern"]["state"]) == ("new", "new")
    assert one["pattern"]["rhythm"] == "fails every time: in all of the last 5 runs"
    assert one["impact"]["runs"] == 5
    assert one["impact"]["cost_usd"] is None
    succeed(client, 3)
    assert patterns(client) == []
    (one,) = patterns(client, resolved=True)
    assert one["life"]["state"] == "resolved"
    assert one["rhythm"]["words"] == "has recovered: the last 3 runs succeeded"
    fail(client, 1)
    (one,) = patterns(client)
    assert [turn["state"] for turn in one["life"]["turns"]] == ["regressed", "resolved", "new"]


def test_a_report_says_where_its_pattern_stands(client):
    fail(client, 6)
    failed = client.get("/failures")["items"][0]["execution_id"]
    told = client.post(f"/executions/{failed}/analyze")["pattern_detected"]
    assert (told["state"], told["failure_count"]) == ("repeating", 6)
    assert told["rhythm"].startswith("fails every time")


def test_dismissed_with_name_and_reason_until_a_new_version_has_it(client):
    fail(client, 5)
    (one,) = patterns(client)
    life = client.post(at(one, "dismiss"), {"reason": "The file comes on Monday"})
    assert life["state"] == "dismissed"
    assert (life["dismissal"]["by_name"], life["dismissal"]["reason"]) == (
        "Owner",
        "The file comes on Monday",
    )
    fail(client, 1)
    assert patterns(client)[0]["life"]["state"] == "dismissed"
    client("PUT", "/workflows/broken", json={"definition": BROKEN}, headers={"If-Match": "*"})
    fail(client, 1)
    (one,) = patterns(client)
    assert one["life"]["state"] == "repeating"
    assert one["life"]["turns"][0]["reason"].endswith("version 2 of the workflow still has it")


def test_reopened_by_hand(client):
    fail(client, 5)
    (one,) = patterns(client)
    client.post(at(one, "dismiss"))
    assert client.post(at(one, "reopen"), {"reason": "wrong"})["state"] == "repeating"
    assert client.post(at(one, "reopen"))["state"] == "repeating"
    actions = [entry["action"] for entry in client.get("/audit")["items"]]
    assert actions[:3] == ["reopen_pattern", "reopen_pattern", "dismiss_pattern"]


def test_paused_in_one_call_with_the_pattern_as_the_reason(client):
    fail(client, 5)
    (one,) = patterns(client)
    paused = client.post(at(one, "pause"))
    assert paused["paused"]["reason"] == f"Repeated failure: {one['label']} (5 runs)"
    assert client("POST", "/executions", json={"workflow_id": "broken"}).status_code == 409
    client.post("/workflows/broken/unpause")
    assert client.post(at(one, "pause"), {"reason": "mine"})["paused"]["reason"] == "mine"


def test_what_was_never_repeated_is_not_found(client):
    fail(client, 1)
    for verb in ("dismiss", "reopen", "pause"):
        says(client("POST", f"/workflows/broken/patterns/n1:nope/{verb}"), 404, "not_found")
        says(client("POST", f"/workflows/nope/patterns/n1:nope/{verb}"), 404, "not_found")


def test_several_workflows_that_fail_together_are_told(client):
    fail(client, 5)
    fail(client, 1, workflow_id="second")
    (one,) = patterns(client)
    assert one["elsewhere"]["workflows"] == ["broken", "second"]
    assert one["elsewhere"]["shared"] == [{"kind": "file", "value": "missing.xlsx"}]
    assert one["elsewhere"]["words"].startswith("2 workflows fail with it since ")
    (here,) = client.get("/workflows/broken/patterns")["patterns"]
    assert here["elsewhere"] == one["elsewhere"]


def test_runs_of_other_systems_have_a_life_too_and_no_rhythm(client):
    for number in range(6):
        run = FOREIGN_RUN | {
            "execution_id": f"load-{number}",
            "finished_at": f"2026-03-01T0{number}:00:00Z",
            "cost_usd": "0.10",
        }
        client.post("/analyses", {"run": run})
    (one,) = patterns(client)
    assert one["workflow_id"] == "load"
    assert [turn["state"] for turn in one["life"]["turns"]] == ["repeating", "new"]
    assert (one["rhythm"], one["impact"]["cost_usd"], one["impact"]["tokens"]) == (
        None,
        "0.60",
        None,
    )
    assert client.post(at(one, "dismiss"))["state"] == "dismissed"
    says(client("POST", at(one, "pause")), 404, "not_found")


def test_causes_in_shares_that_sum_up(client):
    fail(client, 2)
    client.post("/analyses", {"run": FOREIGN_RUN | {"finished_at": None}})
    found = client.get("/failures/causes")
    assert [(one["root_cause"], one["failures"], one["percent"]) for one in found["causes"]] == [
        ("missing_resource", 2, 67),
        ("auth_error", 1, 33),
    ]
    assert (found["analysed"], found["by_rules"], found["not_analysed"]) == (1, 2, 0)
    mine = client.get("/failures/causes", params={"workflow_id": "broken"})
    assert [one["percent"] for one in mine["causes"]] == [100]
    nothing = client.get("/failures/causes", params={"workflow_id": "nope"})
    assert (nothing["failures"], nothing["causes"]) == (0, [])


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"}, "invalid_input"),
        ({"since": "2020-03-02T00:00:00Z"}, "invalid_input"),
        ({"since": "2026-03-02T00:00:00"}, "invalid_request"),
    ],
    ids=["turned round", "too long", "without a zone"],
)
def test_a_time_that_can_not_be_looked_at_is_refused(client, params, code):
    says(client("GET", "/failures/causes", params=params), 422, code)


def test_another_workspace_has_none_of_it(server, client):
    fail(client, 5)
    other = server.client(example=False)
    assert patterns(other) == []
    (one,) = patterns(client)
    for verb in ("dismiss", "reopen", "pause"):
        says(other("POST", at(one, verb)), 404, "not_found")
    assert other.get("/failures/causes")["failures"] == 0
    assert patterns(client)[0]["life"]["state"] == "new"
