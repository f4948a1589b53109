"""Questions to people, effects, quotas, estimates and schedules of runs, as clients meet them."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.surfaces.rest_client import one_database, says
from tests.surfaces.rest_requests import DEFINITION, asking


class Outside(BaseHTTPRequestHandler):
    """A service that takes everything, and counts it."""

    taken = 0

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        type(self).taken += 1
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def outside():
    class Own(Outside):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Own)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    Own.url = f"http://127.0.0.1:{server.server_port}/"
    Own.place = f"127.0.0.1:{server.server_port}"
    yield Own
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def server(tmp_path_factory, outside):
    folder = tmp_path_factory.mktemp("data")
    with one_database(folder, allowed_hosts=(outside.place,)) as server:
        yield server


@pytest.fixture
def client(server):
    return server.client(example=False)


def started(client, definition):
    """The id of a run of it that has ended or stands still."""
    made = client.post("/workflows", {"definition": definition})
    execution_id = client.run(made["workflow_id"])
    client.ended(execution_id)
    return execution_id


def status(client, execution_id):
    return client.get(f"/executions/{execution_id}")["execution"]["status"]


def post_step(outside, **more):
    call = {"url": outside.url, "method": "POST", **more.pop("given", {})}
    return {"id": "send", "action": "http_request", "with": call, **more}


# ---------------------------------------------------------------- questions to people


def test_a_question_is_seen_decided_and_its_run_goes_on(client):
    execution_id = started(client, asking())
    (waiting,) = client.get("/approvals")["approvals"]
    assert (waiting["execution_id"], waiting["path"]) == (execution_id, "/ok")
    detail = client.get(f"/executions/{execution_id}")
    assert (detail["waits_for"], detail["approvals"]) == ("approval", [waiting])
    body = {"decision": "approved", "comment": "Read it."}
    decided = client.post(f"/executions/{execution_id}/approvals/ok", body)
    assert decided["status"] in {"queued", "running", "succeeded"}
    assert client.get("/approvals")["approvals"] == []
    (told,) = client.get(f"/executions/{execution_id}/approvals")["approvals"]
    assert (told["status"], told["decided_by"]) == ("approved", client.get("/me")["id"])
    assert client.ended(execution_id)["status"] == "succeeded"
    entry = client.get("/audit", params={"limit": 1})["items"][0]
    assert (entry["action"], entry["subject"]) == ("decide_approval", execution_id)
    assert entry["details"] == {"path": "/ok", "decision": "approved"}


def test_a_question_is_decided_once_and_a_repeated_request_answered_again(client):
    execution_id = started(client, asking())
    path, key = f"/executions/{execution_id}/approvals/ok", {"Idempotency-Key": "a"}
    body = {"decision": "rejected"}
    first, again = (client("POST", path, json=body, headers=key) for _ in range(2))
    assert (first.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert first.content == again.content
    late = says(client("POST", path, json={"decision": "approved"}), 409, "approval_closed")
    assert "rejected" in late["detail"]
    assert client.ended(execution_id)["status"] == "failed"


def test_a_question_of_a_run_that_was_cancelled_is_closed(client):
    execution_id = started(client, asking())
    assert client.post(f"/executions/{execution_id}/cancel")["status"] == "cancelled"
    assert client.get("/approvals")["approvals"] == []
    path = f"/executions/{execution_id}/approvals/ok"
    says(client("POST", path, json={"decision": "approved"}), 409, "approval_closed")


@pytest.mark.parametrize("body", [{}, {"decision": "maybe"}, {"decision": "approved", "by": "me"}])
def test_a_decision_is_one_of_two(client, body):
    execution_id = started(client, asking())
    answer = client("POST", f"/executions/{execution_id}/approvals/ok", json=body)
    says(answer, 422, "invalid_request")
    assert status(client, execution_id) == "paused"


# ---------------------------------------------------------------- effects


def test_what_was_done_is_not_done_again_unless_somebody_says_so(client, outside):
    refused = {"name": "json_schema", "with": {"schema": {"type": "string"}}}
    definition = {"name": "Send", "steps": [post_step(outside, validators=[refused])]}
    before = outside.taken
    execution_id = started(client, definition)
    assert status(client, execution_id) == "failed"
    path = f"/executions/{execution_id}/resume"
    body = says(client("POST", path, json={}), 409, "effect_would_repeat")
    assert body["paths"] == ["/send"]
    assert status(client, execution_id) == "failed"
    assert outside.taken == before + 1
    answer = client("POST", path, json={"repeat_effects": True})
    assert (answer.status_code, answer.json()["round"]) == (202, 2)
    client.ended(execution_id)
    assert outside.taken == before + 2
    entry = client.get("/audit", params={"limit": 1})["items"][0]
    assert entry["details"]["repeat_effects"] is True


# ---------------------------------------------------------------- quotas


def test_a_limit_is_set_used_up_waited_for_and_lifted(client, outside):
    account = {"content": {"type": "crm"}}
    client("PUT", "/resources/integration/CRM", json=account)
    limit = "/quotas/CRM/requests/day"
    assert client("PUT", limit, json={"limit": 1}).status_code == 200
    given = {"integration": "CRM"}
    steps = [post_step(outside, given=given), post_step(outside, given=given) | {"id": "more"}]
    execution_id = started(client, {"name": "Invite", "steps": steps})
    detail = client.get(f"/executions/{execution_id}")
    assert (detail["execution"]["status"], detail["waits_for"]) == ("paused", "quota")
    (account,) = client.get("/quotas")["accounts"]
    (allowance,) = account["allowances"]
    assert (allowance["used"], allowance["left"]) == (1, 0)
    (waiting,) = client.get("/quotas/waiting")["runs"]
    assert waiting["execution_id"] == execution_id
    assert waiting["auto_resume_at"] == allowance["resets_at"] == detail["execution"]["wake_at"]
    assert client("DELETE", limit).status_code == 200
    says(client("DELETE", limit), 404, "not_found")
    done = [(one["action"], one["subject"]) for one in client.get("/audit")["items"]]
    assert done[0] == ("restore_quota", "CRM/requests/day")
    assert ("override_quota", "CRM/requests/day") in done


def test_the_name_of_an_account_may_hold_a_slash(client):
    answer = client("PUT", "/quotas/Google%2FWork/sends/day", json={"limit": 5})
    assert answer.json()["integration"] == "Google/Work"
    assert [one["integration"] for one in client.get("/quotas")["accounts"]] == ["Google/Work"]
    assert client("DELETE", "/quotas/Google%2FWork/sends/day").status_code == 200


# ---------------------------------------------------------------- estimates, schedules, hints


def test_a_run_that_is_sure_to_break_a_limit_it_keeps_to_is_not_started(client):
    definition = {
        "name": "Read it all",
        "estimate": "enforce",
        "budget": {"max_tokens": 1000},
        "steps": [{"id": "a", "type": "agent", "prompt": "word " * 20_000}],
    }
    client.post("/workflows", {"workflow_id": "much", "definition": definition})
    answer = client("POST", "/executions", json={"workflow_id": "much"})
    assert "over the limit of 1000" in says(answer, 409, "budget_exceeded")["detail"]
    assert client.get("/executions")["executions"] == []
    freely = definition | {"estimate": "advise"}
    client.post("/workflows", {"workflow_id": "freely", "definition": freely})
    advised = client.post("/executions", {"workflow_id": "freely"})
    assert "over the limit of 1000" in advised["estimate"]["warnings"][0]["text"]


def test_a_schedule_that_nobody_can_read_is_refused_with_its_workflow(client):
    trigger = {"trigger": {"type": "schedule", "schedule": "5 mins"}}
    client.post("/workflows", {"workflow_id": "greeting", "definition": DEFINITION})
    body = {"definition": DEFINITION | trigger}
    for method, path in (("POST", "/workflows"), ("PUT", "/workflows/greeting")):
        answer = client(method, path, json=body, headers={"If-Match": "*"})
        told = says(answer, 422, "invalid_schedule")
        assert (told["name"], told["schedule"]) == ("Greeting", "5 mins")
        assert told["reason"].endswith("Write 5m")
    assert client.get("/workflows/greeting")["version"] == 1


def test_a_schedule_is_seen_as_soon_as_it_is_stored_and_gone_with_it(client):
    client.post("/workflows", {"workflow_id": "greeting", "definition": DEFINITION})
    told = client.get("/workflows/greeting/schedule")
    assert (told["schedule"]["expression"], told["starts"]) == ("0 0 29 2 *", [])
    assert [one["workflow_id"] for one in client.get("/schedules")["schedules"]] == ["greeting"]
    client.post("/workflows/greeting/pause")
    assert client.get("/workflows/greeting/schedule")["schedule"]["paused"] is True
    manual = {name: value for name, value in DEFINITION.items() if name != "trigger"}
    client("PUT", "/workflows/greeting", json={"definition": manual}, headers={"If-Match": "*"})
    says(client("GET", "/workflows/greeting/schedule"), 404, "not_found")
    assert client.get("/schedules")["schedules"] == []


def test_hints_need_runs_and_then_tell(client):
    client.post("/workflows", {"workflow_id": "greeting", "definition": DEFINITION})
    assert "Not enough runs yet (0 of 3)" in client.get("/workflows/greeting/hints")["note"]
    for _ in range(3):
        client.ended(client.run("greeting"))
    hints = client.get("/workflows/greeting/hints")
    assert (hints["note"], hints["runs"], hints["stats"]["success_rate"]) == (None, 3, 1.0)
