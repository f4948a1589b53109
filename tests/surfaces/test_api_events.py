"""Streams of runs through the whole application: not kept back, not in anybody's way, and ended."""

import socket
import threading
import time
from contextlib import ExitStack, contextmanager

import httpx2
import pytest
import uvicorn

from copilot.surfaces.rest import lasting
from copilot.surfaces.rest.app import create_app
from tests.surfaces.rest_client import one_database, says
from tests.surfaces.rest_requests import DEFINITION, asking

#: More than there are threads for requests.
MANY = 60


@contextmanager
def listening(app):
    """*app* over real connections; gives its address."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    config = uvicorn.Config(create_app(app), log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with one_database(tmp_path_factory.mktemp("data")) as server, listening(server.app) as url:
        server.url = url
        yield server


@pytest.fixture
def client(server):
    return server.client(example=False)


@contextmanager
def stream(client, execution_id, *, key=None, **headers):
    """The lines of a stream as they come."""
    url = f"{client.server.url}/api/workspaces/{client.workspace}/executions/{execution_id}/events"
    headers["Authorization"] = f"Bearer {key or client.key}"
    with (
        httpx2.Client(timeout=30, trust_env=False) as http,
        http.stream("GET", url, headers=headers) as answer,
    ):
        yield answer


def begun(answer):
    """The lines of a stream, once it has begun."""
    assert answer.status_code == 200
    lines = answer.iter_lines()
    assert next(lines) == ": watching"
    return lines


def kinds(lines):
    return [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]


def waiting_run(client):
    made = client.post("/workflows", {"definition": asking()})
    execution_id = client.run(made["workflow_id"])
    assert client.ended(execution_id)["status"] == "paused"
    return execution_id


def decide(client, execution_id):
    return client.post(f"/executions/{execution_id}/approvals/ok", {"decision": "approved"})


def test_what_happens_is_told_when_it_happens_and_the_answer_ends_with_the_run(client):
    execution_id = waiting_run(client)
    with stream(client, execution_id) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-accel-buffering"] == "no"
        lines = begun(answer)
        seen = []
        while "execution_paused" not in seen:
            seen += kinds([next(lines)])
        decide(client, execution_id)
        seen += kinds(lines)
    assert seen[-2:] == ["execution_completed", "end"]
    assert seen.count("approval_decided") == 1


def test_who_has_seen_all_of_a_run_that_has_ended_is_told_to_stop_asking(client):
    client.post("/workflows", {"workflow_id": "greeting", "definition": DEFINITION})
    execution_id = client.run("greeting")
    client.ended(execution_id)
    with stream(client, execution_id) as answer:
        seen = [line for line in begun(answer) if line.startswith("id: ")]
    last = {"Last-Event-ID": seen[-1].removeprefix("id: ")}
    with stream(client, execution_id, **last) as answer:
        assert (answer.status_code, answer.read()) == (204, b"")
    says(
        client("GET", f"/executions/{execution_id}/events", headers={"Last-Event-ID": "x"}),
        422,
        "invalid_parameters",
    )


def test_streams_that_wait_hold_no_thread_and_no_connection_of_the_database(server, client):
    execution_id = waiting_run(client)
    in_use = server.app.engine.database.pool.checkedout
    before = in_use()
    with ExitStack() as opened:
        answers = [opened.enter_context(stream(client, execution_id)) for _ in range(MANY)]
        every = [begun(answer) for answer in answers]
        assert server.app.engine.streams.watched == 1
        with httpx2.Client(timeout=30, trust_env=False) as http:
            path = f"{server.url}/api/workspaces/{client.workspace}/me"
            me = http.get(path, headers={"Authorization": f"Bearer {client.key}"})
        assert me.status_code == 200
        deadline = time.monotonic() + 20
        while in_use() > before:  # in the moment in which the log is asked
            assert time.monotonic() < deadline
        decide(client, execution_id)
        assert [kinds(lines)[-1] for lines in every] == ["end"] * MANY
    deadline = time.monotonic() + 20
    while server.app.engine.streams.watched:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_stream_ends_soon_after_its_key_was_revoked(client, monkeypatch):
    monkeypatch.setattr(lasting, "LOOK_AGAIN", 0.0)
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.05)
    execution_id = waiting_run(client)
    made = client.post("/keys", {"name": "watch", "kind": "machine", "role": "viewer"})
    with (
        stream(client, execution_id) as other,
        stream(client, execution_id, key=made["secret"]) as answer,
    ):
        going_on, lines = begun(other), begun(answer)
        client.post(f"/keys/{made['key_id']}/revoke")
        rest = list(lines)  # raises when it is cut off instead of ended
        assert "end" not in kinds(rest)
        decide(client, execution_id)
        assert kinds(going_on)[-1] == "end"
    with stream(client, execution_id, key=made["secret"]) as answer:
        assert answer.status_code == 401


def test_a_stream_is_one_request_however_much_it_tells(server, client):
    few = server.app.settings.model_copy(update={"requests_per_minute": 1})
    limited = server.changed(settings=few)
    with listening(limited.app) as limited.url:
        execution_id, watching = waiting_run(client), client.on(limited)
        with stream(watching, execution_id) as answer:
            lines = begun(answer)
            decide(client, execution_id)
            assert kinds(lines)[-1] == "end"
        with stream(watching, execution_id) as answer:
            assert answer.status_code == 429


def test_who_may_read_may_watch_and_another_workspace_is_missing(server, client):
    execution_id = waiting_run(client)
    elsewhere = server.client(example=False)
    for path in (f"/executions/{execution_id}/events", f"/executions/{execution_id}/live"):
        says(elsewhere("GET", path), 404, "not_found")
        says(client("GET", path, workspace=elsewhere.workspace), 404, "not_found")
    viewer = client.post("/keys", {"name": "v", "kind": "machine", "role": "viewer"})
    with stream(client, execution_id, key=viewer["secret"]) as answer:
        begun(answer)


def watched(client, name):
    """What the metric *name* says of streams."""
    with httpx2.Client(timeout=30, trust_env=False) as http:
        key = {"Authorization": f"Bearer {client.key}"}
        lines = http.get(f"{client.server.url}/metrics", headers=key).text.splitlines()
    found = [line for line in lines if line.startswith(name) and "/events" in line]
    return sum(float(line.rpartition(" ")[2]) for line in found)


def test_a_stream_is_counted_and_its_length_is_not(client):
    names = ("ask_copilot_requests_total", "ask_copilot_request_seconds_count")
    before = [watched(client, name) for name in names]
    execution_id = waiting_run(client)
    with stream(client, execution_id) as answer:
        lines = begun(answer)
        decide(client, execution_id)
        assert kinds(lines)[-1] == "end"
    assert [watched(client, name) for name in names] == [before[0] + 1, before[1]]


def test_the_tiles_of_a_run_that_waits(client):
    tiles = client.get(f"/executions/{waiting_run(client)}/live")
    assert (tiles["status"], tiles["tokens"]["used"]) == ("paused", 0)
    assert tiles["elapsed"]["seconds"] >= 0
