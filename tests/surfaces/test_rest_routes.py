"""What holds for every route, generated from the routes themselves: a new one can't be forgotten."""

import inspect
import re
from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts

from copilot.demo import URGENT_MAIL, install_example, workflow_text
from copilot.surfaces._errors import ADVICE, EXIT_CODES, HTTP_STATUSES
from copilot.surfaces.rest.app import create_app
from copilot.surfaces.rest.gate import PUBLIC
from tests.surfaces.rest_client import TOKEN, Client, in_workspace, one_database

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with one_database(tmp_path_factory.mktemp("data")) as app:
        yield app


@pytest.fixture(scope="module")
def mine(shared):
    app = in_workspace(shared, "mine")
    install_example(app)
    return Client(app)


ROUTES = sorted(
    (method, route.path)
    for route in iter_route_contexts(create_app(None, token=TOKEN).routes)
    for method in route.methods or ()
    if route.path not in PUBLIC | {"/openapi.json"} and method != "HEAD"
)
IF_MATCH = {"headers": {"If-Match": "*"}}
WORKFLOW = {"definition": {"name": "x", "steps": [{"id": "a", "prompt": "p"}]}}
#: A request that each route would accept, if what it names were there. `*` stands for an id.
REQUESTS = {
    ("GET", "/workflows"): {},
    ("POST", "/workflows"): {"json": WORKFLOW},
    ("GET", "/workflows/{workflow_id}"): {},
    ("PUT", "/workflows/{workflow_id}"): {"json": WORKFLOW, **IF_MATCH},
    ("GET", "/executions"): {},
    ("POST", "/executions"): {"json": {"workflow_id": "*"}},
    ("GET", "/executions/{execution_id}"): {},
    ("GET", "/executions/{execution_id}/progress"): {},
    ("POST", "/executions/{execution_id}/cancel"): {},
    ("POST", "/executions/{execution_id}/resume"): {"json": {"resume_mode": "full"}},
    ("POST", "/executions/{execution_id}/analyze"): {},
    ("GET", "/fixes/{fix_id}/preview"): {},
    ("POST", "/fixes/{fix_id}/approve"): {"json": {"digest": "0" * 64, "version": 1}},
    ("POST", "/approvals/{approval_id}/apply"): {},
    ("POST", "/changes/{change_id}/undo"): {},
    ("POST", "/changes/{change_id}/revert"): {},
    ("GET", "/changes/{change_id}/outcome"): {},
    ("GET", "/credits"): {},
}


@pytest.fixture(scope="module")
def theirs(shared):
    """Another workspace with one of everything, and the ids of it."""
    other = in_workspace(shared, "theirs")
    install_example(other)
    client = Client(other)
    text = workflow_text(URGENT_MAIL)
    client("POST", "/workflows", json={"workflow_id": "theirs-alone", "definition": text})
    execution_id = client.failed()
    fix_id = client.fix_for(execution_id)
    approval_id = client.approved(fix_id)
    ids = {
        "workflow_id": "theirs-alone",
        "execution_id": execution_id,
        "fix_id": fix_id,
        "approval_id": approval_id,
        "change_id": client.applied(fix_id),
    }
    return client, ids


def everything(client, ids):
    """All of a workspace that a request could have changed."""
    app, workspace = client.app, client.workspace
    return (
        app.engine.executions(workspace),
        app.engine.workflows(workspace),
        app.copilot.changes(workspace, URGENT_MAIL),
        app.copilot.credits(workspace),
        app.engine.history(workspace, ids["execution_id"]),
    )


def asked(client, method, path, *, ids, workspace=None):
    request = dict(REQUESTS[method, path])
    body = request.get("json", {})
    if "workflow_id" in body:
        request["json"] = body | {"workflow_id": ids["workflow_id"]}
    return client(method, path.format(**ids), workspace=workspace, **request)


def short(path):
    return path.removeprefix("/api/workspaces/{workspace_id}")


def test_every_route_is_inside_a_workspace_and_has_a_request():
    assert all(path.startswith("/api/workspaces/{workspace_id}/") for _, path in ROUTES)
    assert {(method, short(path)) for method, path in ROUTES} == REQUESTS.keys()


@pytest.mark.parametrize(("method", "path"), [(method, short(path)) for method, path in ROUTES])
def test_what_is_somebody_elses_is_as_missing_as_what_never_was(mine, theirs, method, path):
    other, ids = theirs
    before = everything(other, ids)
    nothing = dict.fromkeys(ids, "0" * 32)
    reference = mine("GET", f"/executions/{'0' * 32}")
    answers = [
        asked(mine, method, path, ids=ids, workspace="theirs"),
        asked(mine, method, path, ids=nothing, workspace="theirs"),
        asked(mine, method, path, ids=nothing, workspace="nobodys"),
    ]
    if names_something(method, path):
        answers += [asked(mine, method, path, ids=named) for named in (ids, nothing)]
    if "{" in path:
        answers.append(asked(mine, method, path, ids=dict.fromkeys(ids, "x" * 201)))
    for answer in answers:
        assert (answer.status_code, answer.content) == (404, reference.content)
        assert answer.headers.keys() == reference.headers.keys()
    assert everything(other, ids) == before


def names_something(method, path):
    return "{" in path or "workflow_id" in REQUESTS[method, path].get("json", {})


def test_what_takes_time_is_kept_off_the_event_loop():
    for route in iter_route_contexts(create_app(None, token=TOKEN).routes):
        if route.path not in PUBLIC | {"/openapi.json"}:
            assert not inspect.iscoroutinefunction(route.endpoint), route.path


def test_the_description_names_every_route_its_problems_and_who_may_ask(mine):
    schema = mine.http.get("/openapi.json").json()
    described = {
        (method.upper(), path): operation
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    }
    assert {key for key in described if key[1] not in PUBLIC} == set(ROUTES)
    for (_, path), operation in described.items():
        assert (operation.get("security") == []) is (path in PUBLIC)
        wrong = [status for status in operation["responses"] if status >= "400"]
        assert {"500", "503"} <= set(wrong)
        for status in wrong:
            (media,) = operation["responses"][status]["content"]
            assert media == "application/problem+json"
    assert schema["components"]["schemas"]["Report"]
    assert set(map(str, set(HTTP_STATUSES.values()))) == {
        status
        for (_, path), operation in described.items()
        for status in operation["responses"]
        if status >= "400"
    } | {"405"}


def test_every_code_has_a_status_and_is_in_the_readme():
    outcomes_of_runs = {"run_timeout", "run_crashed"}
    assert EXIT_CODES.keys() - HTTP_STATUSES.keys() == outcomes_of_runs
    assert ADVICE.keys() <= HTTP_STATUSES.keys()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+)`", readme))
    assert HTTP_STATUSES.keys() - named == set()
