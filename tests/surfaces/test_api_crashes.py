"""kill -9 in the middle of a request, and the same request again: one effect, whatever it was."""

import random
import sqlite3
from collections import Counter
from itertools import count

import pytest

from copilot.demo import URGENT_MAIL
from copilot.storage.columns import Base
from engine.storage.tables import METADATA as ENGINE_TABLES
from tests.surfaces.mortal_server import mortal_server
from tests.surfaces.rest_client import Client
from tests.surfaces.rest_requests import DEFINITION, asking
from tests.surfaces.test_api_permissions import BY_THE_CLOCK

_numbers = count()
#: Notes of who did what, the bookkeeping of requests, and what a run that was taken up again told of
#: it: another try may add to them. So it may add a nightly pass, over nothing new and for nothing.
BOOKKEEPING = {
    "copilot_request",
    "copilot_audit",
    "copilot_audit_head",
    "engine_request",
    "execution_event",
} | BY_THE_CLOCK
TABLES = (ENGINE_TABLES.tables.keys() | Base.metadata.tables.keys()) - BOOKKEEPING


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with mortal_server(tmp_path_factory.mktemp("data")) as server:
        yield server


class Mine(Client):
    """In a workspace of its own, at a server that may die."""

    def __init__(self, server):
        workspace = f"crash-{next(_numbers)}"
        key = server.http.get(f"/new-workspace/{workspace}").text
        super().__init__(server, workspace, key)

    def ask(self, method, path, *, headers=None, **options):
        headers = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        return self.server.request(method, path, headers=headers, **options)


def analyze(client):
    return "POST", f"/executions/{client.failed()}/analyze", None


def analyze_foreign(client):
    run = {
        "source": "airflow",
        "execution_id": "load-1",
        "workflow_id": "load",
        "workflow_name": "Load",
        "status": "failed",
        "error": {"message": "401 Unauthorized: token expired"},
    }
    return "POST", "/analyses", {"run": run}


def start(client):
    return "POST", "/executions", {"workflow_id": URGENT_MAIL}


def resume(client):
    return "POST", f"/executions/{client.failed()}/resume", {"resume_mode": "partial"}


def decide(client):
    client.post("/workflows", {"workflow_id": "asking", "definition": asking()})
    execution_id = client.run("asking")
    client.ended(execution_id)
    return "POST", f"/executions/{execution_id}/approvals/ok", {"decision": "approved"}


def approve(client):
    fix_id = client.fix_for(client.failed())
    return "POST", f"/fixes/{fix_id}/approve", client.seen(fix_id)


def apply(client):
    return "POST", f"/approvals/{client.approved(client.fix_for(client.failed()))}/apply", None


def undo(client):
    return "POST", f"/changes/{client.applied(client.fix_for(client.failed()))}/undo", None


def revert(client):
    return "POST", f"/changes/{client.applied(client.fix_for(client.failed()))}/revert", None


def grant(client):
    return "POST", "/credits/grant", {"credits": 7}


def change_settings(client):
    return "PATCH", "/settings", {"pattern_threshold": 3}


def create_key(client):
    return "POST", "/keys", {"name": "another", "kind": "machine", "role": "viewer"}


def create_workflow(client):
    return "POST", "/workflows", {"definition": DEFINITION}


def pause(client):
    return "POST", f"/workflows/{URGENT_MAIL}/pause", {"reason": "a holiday"}


def night(client):
    client.failed()
    return "POST", "/nights", None


OPERATIONS = [
    analyze,
    analyze_foreign,
    start,
    resume,
    decide,
    approve,
    apply,
    undo,
    revert,
    grant,
    change_settings,
    create_key,
    create_workflow,
    pause,
    night,
]


def rows(server):
    """How many rows each table of ours has, read beside the server."""
    with sqlite3.connect(f"file:{server.folder}/ask-copilot.sqlite?mode=ro", uri=True) as database:
        counts = {
            name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
            for name in TABLES
        }
    return Counter(counts)


def settled(client):
    """The tables when no run is under way."""
    for execution in client.get("/executions")["executions"]:
        client.ended(execution["id"])
    return rows(client.server)


def effect(server, operation, *, deaths):
    """(what the operation added to each table, its last answer) when it dies so and is repeated."""
    client = Mine(server)
    method, path, body = operation(client)
    before = settled(client)
    key = {"Idempotency-Key": f"{operation.__name__}-{next(_numbers)}"}
    for moment in deaths:
        answer = client(method, path, json=body, headers=key | {"X-Die": moment})
        assert answer is None or moment not in {"done", "kept"}
        server.start()
    answer = client(method, path, json=body, headers=key)
    assert answer.is_success, answer.text
    assert client.get("/credits")["problems"] == []
    return settled(client) - before, answer


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_was_done_when_it_died_is_not_done_again(server, operation):
    expected, _ = effect(server, operation, deaths=[])
    found, answer = effect(server, operation, deaths=["done"])
    assert found == expected
    assert "idempotent-replayed" not in answer.headers


@pytest.mark.parametrize("operation", [analyze, apply])
def test_what_was_kept_when_it_died_is_answered_again(server, operation):
    expected, _ = effect(server, operation, deaths=[])
    found, answer = effect(server, operation, deaths=["done", "kept"])
    assert found == expected
    assert answer.headers["idempotent-replayed"] == "true"


@pytest.mark.long
@pytest.mark.parametrize("operation", OPERATIONS)
def test_whenever_it_dies(server, operation):
    expected, _ = effect(server, operation, deaths=[])
    chance = random.Random(operation.__name__)
    for _ in range(8):
        moments = [f"{chance.uniform(0, 0.03):.4f}" for _ in range(3)]
        assert effect(server, operation, deaths=moments)[0] == expected
