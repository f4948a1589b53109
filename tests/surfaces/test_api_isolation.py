"""Another workspace's things: on every route, exactly like things that never were."""

import re
from contextlib import contextmanager

import pytest

from copilot.surfaces.rest.app import WORKSPACE, create_app
from tests.surfaces.rest_client import one_database
from tests.surfaces.rest_requests import OF_PAIRS, OPTIONS, World, routes
from tests.surfaces.test_api_permissions import Unopened, stored

INSIDE = sorted(routes(create_app(Unopened()))[0])
MAKES_WHAT_IT_NAMES = {
    "PUT /knowledge/{entry_id}",
    "PUT /resources/{kind}/{name}",
    "PUT /quotas/{integration}/{unit}/{window}",
}
PARAMETERS = [
    (row, name)
    for row in INSIDE
    for name in re.findall(r"{(\w+)}", row)
    if name not in {"kind", "version", "unit", "window"} and row not in MAKES_WHAT_IT_NAMES
]
#: Ids that a request carries elsewhere than in its path.
IN_BODIES = [
    ("POST /executions", "workflow_id"),
    ("POST /keys", "replaces"),
    ("POST /groups/{signature}/split", "other"),
    ("POST /groups/{signature}/merge", "other"),
]
IN_QUERIES = [("/executions", "workflow_id"), ("/failures", "workflow_id")]
NEVER = "0" * 32


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with one_database(tmp_path_factory.mktemp("data")) as server:
        yield server


@pytest.fixture(scope="module")
def mine(server):
    return World(server.client("mine"))


@pytest.fixture(scope="module")
def theirs(server):
    """A workspace that has something of everything that mine has not, by names too."""
    world = World(server.client("theirs"), own="theirs")
    client = world.client
    client.post("/workflows", {"workflow_id": "theirs", "definition": {**greeting(client)}})
    client.ended(client.run("theirs"))
    client("PUT", "/resources/template/theirs", json={"content": {"body": "Hello"}})
    world.ids |= {"workflow_id": "theirs", "name": "theirs"}
    return world


def greeting(client):
    return client.get("/workflows/greeting")["definition"]


@pytest.fixture(scope="module")
def missing(mine):
    """What every missing thing is answered with."""
    answer = mine.client("GET", f"/executions/{NEVER}")
    assert answer.status_code == 404
    assert NEVER not in answer.text
    return answer


def same(answer, missing):
    assert (answer.status_code, answer.content) == (404, missing.content)
    assert answer.headers.keys() == missing.headers.keys()


@contextmanager
def unchanged(world, row):
    """What only reads is not looked after: it takes too long."""
    for workspace in ("mine", "theirs"):  # what has ended there would be taken in at any moment
        world.client.app.copilot._parts.intake.catch_up(workspace)
    before = None if row.startswith("GET") else stored(world.client.app)
    yield
    if before is not None:
        assert stored(world.client.app) == before


@pytest.mark.parametrize(("row", "name"), PARAMETERS)
def test_their_ids_are_like_ids_that_never_were(mine, theirs, missing, row, name):
    with unchanged(mine, row):
        for foreign in (theirs.ids[name], NEVER, "x" * 201, "%00", "%ff..%2F.."):
            method, path, options = mine.request(row, **{name: foreign})
            same(mine.client(method, path, **options), missing)


@pytest.mark.parametrize("row", INSIDE)
def test_their_workspace_is_like_one_that_never_was(mine, theirs, missing, row):
    with unchanged(mine, row):
        for workspace, ids in (("theirs", theirs.ids), ("nobodys", theirs.ids)):
            method, path, options = mine.request(row, **ids)
            same(mine.client(method, path, workspace=workspace, **options), missing)


def test_a_name_that_they_use_too_is_another_thing(mine, theirs):
    path = "/resources/template/theirs"
    before = theirs.client.get(path)
    assert mine.client("PUT", path, json={"content": {"body": "Mine"}}).status_code == 200
    assert mine.client("DELETE", path).status_code == 204
    assert theirs.client.get(path) == before


def test_nobody_elsewhere_decides_a_question(mine, theirs, missing):
    path = f"/executions/{theirs.waiting}/approvals/theirs"
    same(mine.client("POST", path, json={"decision": "approved"}), missing)
    (asked,) = theirs.client.get("/approvals")["approvals"]
    assert (asked["execution_id"], asked["status"]) == (theirs.waiting, "waiting")


@pytest.mark.parametrize(("row", "name"), IN_BODIES)
def test_their_ids_in_bodies_too(mine, theirs, missing, row, name):
    method, path, options = mine.request(row)
    ids = {
        "workflow_id": theirs.ids["workflow_id"],
        "replaces": theirs.ids["key_id"],
        "other": theirs.ids["signature"],
    }
    for foreign in (ids[name], NEVER):
        same(mine.client(method, path, json=options["json"] | {name: foreign}), missing)


@pytest.mark.parametrize(("path", "name"), IN_QUERIES)
def test_a_filter_by_their_id_finds_as_much_as_one_by_none(mine, theirs, path, name):
    foreign, never = (
        mine.client("GET", path, params={name: value}) for value in (theirs.ids[name], NEVER)
    )
    assert (foreign.status_code, foreign.content) == (never.status_code, never.content)


@pytest.mark.parametrize("path", ["/executions", "/failures", "/credits/receipts", "/audit"])
def test_their_cursor_leads_to_nothing_of_theirs(mine, theirs, path):
    theirs.client.failed()
    cursor = theirs.client.get(path, params={"limit": 1})["next_cursor"]
    if cursor is None:
        theirs.client.fix_for(theirs.client.failed())
        cursor = theirs.client.get(path, params={"limit": 1})["next_cursor"]
    answer = mine.client("GET", path, params={"cursor": cursor})
    foreign = {one["execution_id"] for one in theirs.client.get("/failures")["items"]}
    assert answer.status_code in {200, 422}
    assert not any(execution_id in answer.text for execution_id in foreign)
    mark = theirs.client.get("/me")["id"]
    assert mark not in answer.text


def test_lists_hold_nothing_of_theirs(mine, theirs):
    for row in INSIDE:
        if row.startswith("GET") and "{" not in row:
            text = mine.client("GET", row.removeprefix("GET ")).text
            for name in ("execution_id", "analysis_id", "fix_id", "change_id", "key_id"):
                assert theirs.ids[name] not in text, row
            assert theirs.client.get("/me")["id"] not in text, row
            assert '"theirs"' not in text.replace('"template/theirs"', ""), row


def test_there_is_a_request_for_every_route_that_takes_a_body(server):
    schema = server.http.app.openapi()
    with_body = {
        f"{method.upper()} {path.removeprefix(WORKSPACE)}"
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
        if operation.get("requestBody", {}).get("required")
    }
    assert with_body <= OPTIONS.keys() | OF_PAIRS | {"POST /fixes/{fix_id}/approve"}
