"""Who may ask what: every cell of permissions.yaml, for every route there is."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
import yaml
from fastapi.routing import iter_route_contexts

from copilot.settings import load
from copilot.storage.columns import Base
from copilot.surfaces.rest import permissions
from copilot.surfaces.rest.app import WORKSPACE, create_app
from copilot.surfaces.rest.gate import PUBLIC
from copilot.surfaces.rest.permissions import SCOPES
from copilot.types.principal import Principal, Scope
from engine.storage.tables import METADATA as ENGINE_TABLES
from tests.surfaces.rest_client import one_database, says
from tests.surfaces.rest_requests import World, asking, routes

TABLE = yaml.safe_load(Path(__file__).with_name("permissions.yaml").read_text("utf-8"))
COLUMNS = TABLE["columns"]
ROWS = {row: cells.replace("|", " ").split() for row, cells in TABLE["rows"].items()}
NOT_A_PERSON = "not-a-person"
MOVING = {"last_used_at"}
#: What the jobs write by themselves, each second or each minute.
BY_THE_CLOCK = {"engine_worker", "job_tick", "workflow_schedule", "copilot_notice"}
#: What is read to be given to somebody else: who did is worth knowing.
RECORDED_READS = {"GET /fixes/{fix_id}/handoff"}
#: They leave a record of their own: a run, or a receipt.
RECORDED_ELSEWHERE = {
    "POST /diagnose",  # nothing is stored
    "POST /audit/verify",  # the same
    "POST /executions",
    "POST /workflows/optimize",  # the same
    "POST /executions/{execution_id}/analyze",
    "POST /executions/{execution_id}/analyze/stream",
    "POST /analyses",
}


class Unopened:
    """Enough of an application to see its routes."""

    settings = load({})
    store = SimpleNamespace(analyses=SimpleNamespace(listeners=[]))
    engine = SimpleNamespace(runs=SimpleNamespace(progress_listeners=[]))


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
    assert {cell for cells in ROWS.values() for cell in cells} == {"allow", "deny", NOT_A_PERSON}


#: Every table of the engine and of the copilot, but for what moves by itself.
TABLES = [
    sa.select(*(column for column in table.c if column.name not in MOVING))
    for metadata in (ENGINE_TABLES, Base.metadata)
    for table in metadata.sorted_tables
    if table.name not in BY_THE_CLOCK
]
assert len(TABLES) > 20


def stored(app):
    """Everything in the database that a request could have changed."""
    engine = app.engine.database
    with engine.connect() as connection:
        return [sorted(map(repr, connection.execute(rows))) for rows in TABLES]


def audited(world):
    return world.client.app.store.audit.page(world.client.workspace, limit=1).items[0].entry_id


@pytest.mark.parametrize("at_the_door", [True, False], ids=["door", "use case"])
@pytest.mark.parametrize("row", [row for row, cells in ROWS.items() if "deny" in cells])
def test_who_may_not_is_told_so_and_changes_nothing(world, holders, row, at_the_door, monkeypatch):
    denied = [one for one, cell in zip(holders, ROWS[row], strict=True) if cell == "deny"]
    method, path, options = world.request(row)
    if not at_the_door:  # and then the use case alone has to know
        monkeypatch.setattr(permissions, "SCOPES", dict.fromkeys(SCOPES, Scope.READ))
    before = stored(world.client.app)
    for one in denied:
        body = says(one(method, path, **options), 403, "forbidden")
        assert body["scope"]
        assert body["role"] in {"operator", "approver", "owner"}
    assert stored(world.client.app) == before


@pytest.mark.parametrize("row", [row for row, cells in ROWS.items() if NOT_A_PERSON in cells])
def test_a_machine_is_told_that_it_takes_a_person(world, holders, row):
    method, path, options = world.request(row)
    before = stored(world.client.app)
    for one, cell in zip(holders, ROWS[row], strict=True):
        if cell == NOT_A_PERSON:
            says(one(method, path, **options), 403, "approval_not_allowed")
    assert stored(world.client.app) == before


def test_nothing_of_the_engine_is_handed_out_unguarded(world):
    """A use case that the engine gains is open to everybody until it asks for a scope."""
    owner = world.client.app.owner(world.client.workspace).engine
    parts = [part for part in vars(owner).values() if not isinstance(part, str)]
    assert len(parts) == 6
    for part in parts:
        guard, plain = type(part), type(part).__mro__[1]
        assert guard.__module__ == "copilot.service.engine"
        use_cases = {name for name in vars(plain) if not name.startswith("_")}
        # it reads one page after another, and is asked for each
        assert use_cases - {"follow"} <= vars(guard).keys(), guard


@pytest.mark.parametrize(("step_role", "role", "may"), [
    ("operator", "operator", True),
    ("approver", "operator", False),
    ("approver", "approver", True),
    ("approver", "owner", True),
    ("owner", "approver", False),
    ("lawyer", "owner", False),
])  # fmt: skip
def test_a_question_is_for_the_role_that_it_names_and_those_above(world, step_role, role, may):
    client = world.client
    made = client.post("/workflows", {"definition": asking(role=step_role)})
    execution_id = client.run(made["workflow_id"])
    client.ended(execution_id)
    path, body = f"/executions/{execution_id}/approvals/ok", {"decision": "approved"}
    answer = client.colleague(role)("POST", path, json=body)
    if may:
        assert answer.status_code == 200
        assert client.ended(execution_id)["status"] == "succeeded"
    else:
        assert says(answer, 403, "approval_not_allowed")["role"] == step_role
        assert client.ended(execution_id)["status"] == "paused"


def test_each_route_takes_the_scope_that_its_row_tells():
    rest = create_app(Unopened())
    names = {
        f"{method} {route.path.removeprefix(WORKSPACE).replace(':path}', '}')}": route.name
        for route in iter_route_contexts(rest.routes)
        for method in route.methods or ()
        if route.path.startswith(f"{WORKSPACE}/")
    }
    assert {names[row] for row in ROWS if " (" not in row} == SCOPES.keys()
    for row, cells in ROWS.items():
        for column, cell in zip(COLUMNS, cells, strict=True):
            kind, role = column.split()
            one = Principal(id="x", name="x", workspace_id="x", kind=kind, role=role)
            if " (" not in row:
                assert one.may(SCOPES[names[row]]) is (cell != "deny"), (row, column)


@pytest.mark.parametrize("row", [row for row in ROWS if not row.startswith("GET")])
def test_who_may_not_is_not_told_how_to_ask_better(world, holders, row):
    """What is wrong with a request is for those who may make it."""
    method, path, _ = world.request(row)
    if " (" in row:  # what is in the body decides who may
        return
    for one, cell in zip(holders, ROWS[row], strict=True):
        if cell == "deny":
            for wrong in ({"nonsense": [1]}, [], "text"):
                says(one(method, path, json=wrong, params={"nonsense": "1"}), 403, "forbidden")


def test_elsewhere_everything_is_missing_whatever_the_role(world, holders):
    for one in holders:
        for method, path in (("POST", "/keys"), ("POST", "/workflows"), ("GET", "/audit")):
            answer = one(method, path, workspace="another", json={"nonsense": 1})
            says(answer, 404, "not_found")


@pytest.mark.parametrize("row", ROWS)
def test_who_may_is_answered_and_what_changes_is_in_the_audit(world, holders, row):
    for column, one, cell in zip(COLUMNS, holders, ROWS[row], strict=True):
        if cell != "allow":
            continue
        method, path, options = world.request(row, consumed=True)
        last = audited(world)
        answer = one(method, path, **options)
        assert answer.is_success, (column, answer.text)
        entries = world.client.app.store.audit.page(world.client.workspace, limit=1).items
        is_read = method == "GET" and row not in RECORDED_READS
        if is_read or row in RECORDED_ELSEWHERE:
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
