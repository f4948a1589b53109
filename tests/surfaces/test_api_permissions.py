"""Who may ask what: every cell of permissions.yaml, for every route there is."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
import yaml

from copilot.settings import load
from copilot.storage.columns import Base
from copilot.surfaces.rest.app import WORKSPACE, create_app
from copilot.surfaces.rest.gate import PUBLIC
from engine.storage.tables import METADATA as ENGINE_TABLES
from tests.surfaces.rest_client import one_database, says
from tests.surfaces.rest_requests import World, routes

TABLE = yaml.safe_load(Path(__file__).with_name("permissions.yaml").read_text("utf-8"))
COLUMNS = TABLE["columns"]
ROWS = {row: cells.replace("|", " ").split() for row, cells in TABLE["rows"].items()}
MOVING = {"last_used_at"}
#: They leave a record of their own: a run, or a receipt.
RECORDED_ELSEWHERE = {
    "POST /executions",
    "POST /executions/{execution_id}/analyze",
    "POST /analyses",
}


class Unopened:
    """Enough of an application to see its routes."""

    settings = load({})
    store = SimpleNamespace(analyses=SimpleNamespace(listeners=[]))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with one_database(tmp_path_factory.mktemp("data")) as server:
        yield World(server.client())


@pytest.fixture(scope="module")
def holders(world):
    """A key for each column."""
    return [world.client.colleague(role, kind) for kind, role in map(str.split, COLUMNS)]


def test_every_route_has_a_row_and_every_row_a_route():
    inside, outside = routes(create_app(Unopened()))
    assert {row.partition(" (")[0] for row in ROWS} == inside
    assert outside == {"/api/me", "/openapi.json", "/metrics"}
    assert all(len(cells) == len(COLUMNS) for cells in ROWS.values())
    assert {cell for cells in ROWS.values() for cell in cells} == {"allow", "deny"}


#: Every table of the engine and of the copilot, but for columns that move by themselves.
TABLES = [
    sa.select(*(column for column in table.c if column.name not in MOVING))
    for metadata in (ENGINE_TABLES, Base.metadata)
    for table in metadata.sorted_tables
]
assert len(TABLES) > 20


def stored(app):
    """Everything in the database that a request could have changed."""
    engine = app.engine.database
    with engine.connect() as connection:
        return [sorted(map(repr, connection.execute(rows))) for rows in TABLES]


def audited(world):
    return world.client.app.store.audit.page(world.client.workspace, limit=1).items[0].entry_id


@pytest.mark.parametrize("row", [row for row, cells in ROWS.items() if "deny" in cells])
def test_who_may_not_is_told_so_and_changes_nothing(world, holders, row):
    denied = [one for one, cell in zip(holders, ROWS[row], strict=True) if cell == "deny"]
    method, path, options = world.request(row)
    before = stored(world.client.app)
    for one in denied:
        body = says(one(method, path, **options), 403, "forbidden")
        assert body["scope"]
        assert body["role"] in {"operator", "approver", "owner"}
    assert stored(world.client.app) == before


@pytest.mark.parametrize("row", ROWS)
def test_who_may_is_answered_and_what_changes_is_in_the_audit(world, holders, row):
    for column, one, cell in zip(COLUMNS, holders, ROWS[row], strict=True):
        if cell == "deny":
            continue
        method, path, options = world.request(row, consumed=True)
        last = audited(world)
        answer = one(method, path, **options)
        assert answer.is_success, (column, answer.text)
        entries = world.client.app.store.audit.page(world.client.workspace, limit=1).items
        if method == "GET" or row in RECORDED_ELSEWHERE:
            assert entries[0].entry_id == last
        else:
            assert entries[0].entry_id > last, column
            assert entries[0].actor == one.get("/me")["id"]


def test_without_a_key_only_the_public_paths_answer(world):
    inside, outside = routes(world.client.server.http.app)
    asked = [row.split(" ") for row in inside] + [("GET", path) for path in outside]
    for method, path in asked:
        where = path if ("GET", path) == (method, path) and path in outside else WORKSPACE + path
        for key in (None, "Bearer ask_x", "Basic abc"):
            answer = world.client.ask(method, where, headers={"Authorization": key})
            says(answer, 401, "unauthenticated")
            assert answer.headers["www-authenticate"].startswith("Bearer")
    for path in PUBLIC:
        assert world.client.ask("GET", path, headers={"Authorization": None}).status_code == 200


def test_any_key_may_read_what_is_outside_of_workspaces(world, holders):
    for one, column in zip(holders, COLUMNS, strict=True):
        for path in ("/openapi.json", "/metrics"):
            assert one.ask("GET", path).status_code == 200
        me = one.ask("GET", "/api/me").json()
        assert f"{me['kind']} {me['role']}" == column
        assert me["workspace_id"] == one.workspace
