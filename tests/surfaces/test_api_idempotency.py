"""A request with an Idempotency-Key is carried out once, and answered the same again."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from copilot.demo import URGENT_MAIL
from copilot.storage.requests import Requests
from copilot.surfaces.rest import idempotency
from tests.surfaces.rest_client import one_database, says
from tests.surfaces.rest_requests import DEFINITION

GRANT = ("POST", "/credits/grant")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with one_database(tmp_path_factory.mktemp("data")) as server:
        yield server


@pytest.fixture
def client(server):
    return server.client(example=False)


def keyed(key, **headers):
    return {"headers": {"Idempotency-Key": key, **headers}}


def granted(client):
    return client.get("/credits")["granted"]


def kept(client):
    """How many answers this workspace has in store."""
    with client.app.store.database.read() as connection:
        counted = "SELECT count(*) FROM copilot_request WHERE workspace_id = :workspace"
        return connection.execute(sa.text(counted), {"workspace": client.workspace}).scalar_one()


def test_the_same_again_is_the_same_answer_and_no_second_effect(client):
    first, again = (client(*GRANT, json={"credits": 5}, **keyed("a")) for _ in range(2))
    assert (first.status_code, first.json()) == (200, {"balance": 5})
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert granted(client) == 5


def test_status_location_and_etag_come_again_too(client):
    body = {"definition": DEFINITION}
    first, again = (client("POST", "/workflows", json=body, **keyed("a")) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    for name in ("location", "etag"):
        assert again.headers[name] == first.headers[name]
    assert len(client.get("/workflows")["workflows"]) == 1


def test_without_a_key_each_is_its_own(client):
    for _ in range(2):
        client.post("/credits/grant", {"credits": 5})
    assert granted(client) == 10
    assert kept(client) == 0


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [
        ("POST", "/credits/grant", {"json": {"credits": 6}}),
        ("POST", "/credits/grant", {"content": b'{"credits":  5}'}),
        ("POST", "/credits/grant?x=1", {"json": {"credits": 5}}),
        ("POST", "/nights", {"json": {"credits": 5}}),
        ("PATCH", "/settings", {"json": {"pattern_threshold": 3}}),
    ],
)
def test_another_request_with_the_key_is_refused_and_does_nothing(client, method, path, options):
    assert client(*GRANT, json={"credits": 5}, **keyed("a")).status_code == 200
    headers = {"Idempotency-Key": "a", "Content-Type": "application/json"}
    answer = client(method, path, headers=headers, **options)
    says(answer, 422, "idempotency_key_reused")
    assert granted(client) == 5
    assert client(*GRANT, json={"credits": 5}, **keyed("a")).headers["idempotent-replayed"]


def test_a_key_belongs_to_its_holder(client):
    other = client.colleague("owner")
    assert client(*GRANT, json={"credits": 5}, **keyed("a")).json() == {"balance": 5}
    assert other(*GRANT, json={"credits": 5}, **keyed("a")).json() == {"balance": 10}
    assert other(*GRANT, json={"credits": 9}, **keyed("a")).status_code == 422


def test_and_to_its_workspace(server, client):
    other = server.client(example=False)
    for one in (client, other):
        assert one(*GRANT, json={"credits": 5}, **keyed("a")).json() == {"balance": 5}


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "a b", "\xad", "ä"])
def test_what_can_be_no_key_is_refused(client, key):
    answer = client(*GRANT, json={"credits": 5}, **keyed(key.encode("latin-1")))
    assert answer.status_code == 422, answer.text
    assert granted(client) == 0


@pytest.mark.parametrize("key", ["x" * 255, "0';DROP/**/TABLE/**/copilot_request;--", "%00{}\\"])
def test_any_other_text_is_one(client, key):
    answers = [
        client(*GRANT, json={"credits": 5}, **keyed(key.encode("latin-1"))) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert granted(client) == 5


# ---------------------------------------------------------------- what is not kept


@pytest.mark.parametrize(
    ("status", "path", "options"),
    [
        (400, "/credits/grant", {"content": b"{"}),
        (404, "/executions/none/analyze", {}),
        (405, "/audit", {}),
        (415, "/credits/grant", {"content": b"credits=5", "headers": {"Content-Type": "a/b"}}),
        (422, "/credits/grant", {"json": {"credits": -1}}),
        (422, "/workflows", {"json": {"definition": {"name": "x", "steps": [{}]}}}),
    ],
)
def test_what_was_refused_before_it_began_leaves_the_key_free(client, status, path, options):
    headers = {"Content-Type": "application/json", "Idempotency-Key": "a"}
    options = options | {"headers": headers | options.get("headers", {})}
    for _ in range(2):
        answer = client("POST", path, **options)
        assert answer.status_code == status
        assert "idempotent-replayed" not in answer.headers
    assert kept(client) == 0
    assert client(*GRANT, json={"credits": 5}, **keyed("a")).status_code == 200


def test_who_may_not_leaves_it_free_too(client):
    viewer = client.colleague("viewer")
    says(viewer(*GRANT, json={"credits": 5}, **keyed("a")), 403, "forbidden")
    assert kept(client) == 0


def test_what_the_state_refused_is_answered_the_same_again(server):
    client = server.client()
    change_id = client.applied(client.fix_for(client.failed()))
    client.post(f"/changes/{change_id}/undo")
    first, again = (client("POST", f"/changes/{change_id}/revert", **keyed("a")) for _ in range(2))
    says(first, 409, "not_reversible")
    says(again, 409, "not_reversible")
    assert again.headers["idempotent-replayed"] == "true"


def test_our_own_failure_is_not_kept_and_may_be_repeated(server, client):
    def serve(*_args, **_options):
        raise RuntimeError("out of order")

    broken = client.on(server.changed(copilot=SimpleNamespace(serve=serve)))
    says(broken(*GRANT, json={"credits": 5}, **keyed("a")), 500, "internal_error")
    assert kept(client) == 0
    assert client(*GRANT, json={"credits": 5}, **keyed("a")).json() == {"balance": 5}


def test_the_secret_of_a_new_key_is_stored_nowhere_and_made_anew(client):
    body = {"name": "another", "kind": "machine", "role": "viewer"}
    first, again = (client("POST", "/keys", json=body, **keyed("a")).json() for _ in range(2))
    assert kept(client) == 0
    assert first["key_id"] == again["key_id"]
    assert first["secret"] != again["secret"]
    assert len(client.get("/keys")["keys"]) == 2
    client.key = again["secret"]
    assert client.get("/me")["name"] == "another"


def test_a_very_large_answer_is_not_kept_and_has_no_second_effect(client, monkeypatch):
    monkeypatch.setattr(idempotency, "LARGEST_KEPT", 10)
    body = {"definition": DEFINITION}
    first, again = (client("POST", "/workflows", json=body, **keyed("a")) for _ in range(2))
    assert kept(client) == 0
    assert first.json() == again.json()
    assert len(client.get("/workflows")["workflows"]) == 1


def test_after_a_day_it_is_forgotten(server, client):
    assert client(*GRANT, json={"credits": 5}, **keyed("a")).status_code == 200
    app = client.app
    app.requests.purge(older_than=timedelta(hours=24))
    assert kept(client) == 1
    moment = app.store.database.now() - timedelta(hours=24, minutes=1)
    with app.store.database.write() as connection:
        older = "UPDATE copilot_request SET created_at = :at WHERE workspace_id = :workspace"
        connection.execute(sa.text(older), {"at": str(moment), "workspace": client.workspace})
    restarted = client.on(server.changed())
    restarted(*GRANT, json={"credits": 1}, **keyed("b"))
    assert kept(client) == 1


# ---------------------------------------------------------------- at the same time


def test_while_it_is_answered_the_same_is_told_to_wait(server, client, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    finish = Requests.finish

    def slow(self, *args, **options):
        begun.set()
        assert go_on.wait(20)
        return finish(self, *args, **options)

    monkeypatch.setattr(Requests, "finish", slow)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(client, *GRANT, json={"credits": 5}, **keyed("a"))
        assert begun.wait(20)
        answer = client(*GRANT, json={"credits": 5}, **keyed("a"))
        body = says(answer, 409, "request_in_progress")
        assert body["retryable"] is True
        assert answer.headers["retry-after"] == "1"
        go_on.set()
        assert first.result().status_code == 200
    again = client(*GRANT, json={"credits": 5}, **keyed("a"))
    assert again.headers["idempotent-replayed"] == "true"
    assert granted(client) == 5


def test_many_at_once_have_one_effect(server):
    client = server.client()
    body = {"workflow_id": URGENT_MAIL}
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: client("POST", "/executions", json=body, **keyed("a")), range(16))
        )
    assert {answer.status_code for answer in answers} <= {202, 409}
    ids = {answer.json()["id"] for answer in answers if answer.status_code == 202}
    assert len(ids) == 1
    assert [one["id"] for one in client.get("/executions")["executions"]] == list(ids)


def test_two_who_approve_at_once_make_one_change(server):
    client = server.client()
    fix_id = client.fix_for(client.failed())
    first, second = (client.approved(fix_id) for _ in range(2))
    for paths in ([f"/approvals/{first}/apply"] * 2, [f"/approvals/{second}/apply"] * 2):
        with ThreadPoolExecutor(2) as pool:
            statuses = sorted(
                answer.status_code for answer in pool.map(lambda path: client("POST", path), paths)
            )
        assert statuses == ([200, 409] if first in paths[0] else [409, 409])
    changes = client.get(f"/workflows/{URGENT_MAIL}/changes")["changes"]
    assert [change["state"] for change in changes].count("applied") == 1
