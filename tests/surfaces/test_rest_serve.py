"""The service as a process of its own, spoken to in bytes."""

import json
import signal
import socket
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.surfaces.rest_requests import asking
from tests.surfaces.serving import serving


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("data")) as server:
        yield server


@pytest.fixture
def client(served):
    with httpx2.Client(
        base_url=f"{served.url}/api/workspaces/default",
        headers={"Authorization": f"Bearer {served.key}", "Content-Type": "application/json"},
    ) as client:
        yield client


def connected(served):
    address = urlsplit(served.url)
    connection = socket.create_connection((address.hostname, address.port), timeout=20)
    return connection, connection.makefile("rb")


def head(served, *lines):
    """Of a POST that grants credits."""
    fixed = (
        "POST /api/workspaces/default/credits/grant HTTP/1.1",
        "Host: here",
        f"Authorization: Bearer {served.key}",
        "Content-Type: application/json",
    )
    return "\r\n".join((*fixed, *lines, "", "")).encode()


def status(answer):
    return int(answer.readline().split()[1])


def test_a_body_without_end_is_told_so(served, client):
    pieces = (b" " * 100_000 for _ in range(70))
    answer = client.post("/credits/grant", content=pieces)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert client.get("/me").status_code == 200


def test_who_asks_first_sends_nothing_in_vain(served):
    connection, answer = connected(served)
    with connection:
        connection.sendall(head(served, "Content-Length: 3000000", "Expect: 100-continue"))
        assert status(answer) == 413


def test_less_than_was_announced_does_nothing(served, client):
    before = client.get("/credits").json()["granted"]
    connection, _ = connected(served)
    with connection:
        connection.sendall(head(served, "Content-Length: 5000") + b'{"credits": 5}')
    assert client.get("/credits").json()["granted"] == before


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: -5",),
        ("Content-Length: 14", "Content-Length: 15"),
        ("Transfer-Encoding: gzip",),
        ("Content-Length: x",),
    ],
)
def test_what_is_not_http_is_400_and_the_server_goes_on(served, client, lines):
    connection, answer = connected(served)
    with connection:
        connection.sendall(head(served, *lines) + b'{"credits": 5}')
        assert status(answer) in {400, 501}
    assert client.get("/credits").json()["granted"] == 0


def test_what_is_under_way_when_it_is_told_to_stop_is_answered(tmp_path):
    body = json.dumps({"credits": 5}).encode()
    with serving(tmp_path) as server:
        connection, answer = connected(server)
        with connection:
            connection.sendall(head(server, f"Content-Length: {len(body)}") + body[:4])
            assert httpx2.get(f"{server.url}/healthz").status_code == 200
            server.process.send_signal(signal.SIGTERM)
            connection.sendall(body[4:])
            assert status(answer) == 200
        server.process.communicate(timeout=20)
        assert server.process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_streams_are_ended_in_order_when_it_is_told_to_stop(tmp_path, number):
    with serving(tmp_path) as server:
        headers = {"Authorization": f"Bearer {server.key}"}
        base = f"{server.url}/api/workspaces/default"
        with httpx2.Client(base_url=base, headers=headers, timeout=30) as client:
            workflow = {"workflow_id": "asking", "definition": asking()}
            assert client.post("/workflows", json=workflow).status_code == 201
            run = client.post("/executions", json={"workflow_id": "asking"}).json()["id"]
            with client.stream("GET", f"/executions/{run}/events") as answer:
                lines = answer.iter_lines()
                while next(lines) != "event: execution_paused":
                    pass
                server.process.send_signal(number)
                rest = list(lines)  # raises when it is cut off instead of ended
        assert "event: end" not in rest
        server.process.communicate(timeout=60)
        assert server.process.returncode == 0
