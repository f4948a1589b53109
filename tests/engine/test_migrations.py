"""The schema: made from nothing, from every older version, and the same as the tables in code."""

import importlib.resources
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from engine.dispatch.inline import InlineDispatcher
from engine.engine import Engine
from engine.ports import EngineSettings
from engine.storage import migrations
from engine.storage.database import connect
from engine.storage.migrations import HEAD, VERSION_TABLE, current, upgrade
from engine.storage.tables import METADATA
from engine.testing import actions, settings

REVISIONS = [
    script.revision
    for script in ScriptDirectory(str(importlib.resources.files(migrations))).walk_revisions()
][::-1]


LONG_AGO = datetime(2025, 1, 5, 9, tzinfo=UTC)


@pytest.fixture
def database(tmp_path):
    database = connect(f"sqlite:///{tmp_path / 'engine.db'}")
    yield database
    database.dispose()


def inline_engine_on(database):
    """An engine on the database of a test, whatever it is."""
    chosen = EngineSettings(url=database.url.render_as_string(hide_password=False), files=Path())
    return Engine(chosen, actions=actions(), dispatcher=InlineDispatcher())


def differences(database):
    with database.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": VERSION_TABLE,
                "compare_type": False,
                "include_name": lambda name, kind, _: kind != "table" or name in METADATA.tables,
            },
        )
        return compare_metadata(context, METADATA)


def test_the_last_version_is_the_head():
    assert REVISIONS[-1] == HEAD


@pytest.mark.parametrize("start", REVISIONS)
def test_every_version_comes_up_to_the_tables_in_code(database, start):
    upgrade(database, start)
    assert current(database) == start
    upgrade(database)
    assert current(database) == HEAD
    assert differences(database) == []


def test_columns_have_the_types_of_the_code(database):
    upgrade(database)
    found = sa.inspect(database)
    for table in METADATA.sorted_tables:
        stored = {
            column["name"]: (str(column["type"]), column["nullable"])
            for column in found.get_columns(table.name)
        }
        wanted = {
            column.name: (column.type.compile(database.dialect), bool(column.nullable))
            for column in table.columns
        }
        assert stored == wanted, table.name


def test_migrating_again_does_nothing_and_does_not_need_alembic(tmp_path, database):
    upgrade(database)
    code = (
        "import sys; from engine.engine import Engine; from engine.testing import actions, settings;"
        "from pathlib import Path; e = Engine(settings(Path(sys.argv[1])));"
        "e.start(dispatch=False); e.workflows('acme'); e.close();"
        "print([m for m in ('alembic',) if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_the_copilots_tables_can_live_beside_ours(tmp_path):
    engine = Engine(settings(tmp_path))
    engine.start(dispatch=False)
    with engine.database.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT)")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('copilot-1')")
    upgrade(engine.database)
    assert current(engine.database) == HEAD
    engine.close()


def insert(database, table, *rows):
    """Rows of an older schema; what they leave out is null, zero or empty as its column needs it."""
    found = sa.Table(table, sa.MetaData(), autoload_with=database)
    with database.begin() as connection:
        for row in rows:
            values = {
                column.name: row.get(column.name, None if column.nullable else _nothing(column))
                for column in found.columns
            }
            connection.execute(sa.insert(found).values(values))


def _nothing(column):
    match column.type:
        case sa.DateTime():
            return LONG_AGO
        case sa.Boolean():
            return False
        case sa.Integer() | sa.Numeric():
            return 0
        case _:
            return ""


def test_versions_of_before_get_the_name_in_their_definition(database):
    upgrade(database, "0001")
    named = enumerate(("First", "Ünique 'quoted'"), start=1)
    versions = [
        {"version": version, "definition": json.dumps({"name": name, "steps": []})}
        for version, name in named
    ]
    insert(database, "workflow_version", *versions)
    upgrade(database)
    with database.connect() as connection:
        names = connection.scalars(sa.text("SELECT name FROM workflow_version ORDER BY version"))
        assert names.all() == ["First", "Ünique 'quoted'"]


def test_a_run_of_the_oldest_version_can_be_read_and_resumed(database):
    """An agent step that succeeded at its second attempt, and a tool step that failed."""
    upgrade(database, "0001")
    ids = {"workspace_id": "acme", "workflow_id": "w", "version": 1}
    steps = [
        {"id": "ask", "type": "agent", "prompt": "?"},
        {"id": "done", "type": "tool", "action": "echo", "with": {"value": "{{ ask }}"}},
    ]
    insert(database, "workflow", ids)
    definition = json.dumps({"name": "Old", "steps": steps})
    insert(database, "workflow_version", ids | {"definition": definition})
    failed = {"id": "r", "workflow_version": 1, "status": "failed", "round": 1, "dispatch": 1}
    failed |= {"trigger": "api", "steps_total": 2, "inputs": "{}", "started_at": LONG_AGO}
    insert(database, "execution", ids | failed)
    step = {"execution_id": "r", "round": 1, "workflow_version": 1, "depth": 1}
    ask = {"path": "/ask", "step_id": "ask", "number": 1, "action": "agent", "output": '"hello"'}
    done = {"path": "/done", "step_id": "done", "number": 2, "action": "echo", "status": "failed"}
    insert(
        database,
        "step_run",
        step | ask | {"attempts": 2, "tokens_used": 15, "status": "succeeded"},
        step | done | {"attempts": 1},
    )
    with inline_engine_on(database) as engine:
        found = [(one.path, one.kind, one.attempts, one.turns) for one in engine.steps("acme", "r")]
        assert found == [("/ask", "agent", 2, 2), ("/done", "tool", 1, 0)]
        engine.resume("acme", "r", mode="partial")
        ended = engine.execution("acme", "r")
        assert (ended.status.value, ended.output, ended.round) == ("succeeded", "hello", 2)


@pytest.mark.parametrize(("seconds", "then"), [(10, 60), (7, 7)], ids=["its workflow's", "its own"])
def test_a_run_of_the_oldest_version_is_resumed_with_the_limit_it_should_have(
    database, seconds, then
):
    upgrade(database, "0001")
    ids = {"workspace_id": "acme", "workflow_id": "w"}
    insert(database, "workflow", ids | {"version": 2})
    steps = [{"id": "done", "type": "tool", "action": "echo", "with": {"value": 1}}]
    for version, limit in ((1, 10), (2, 60)):
        definition = json.dumps({"name": "Old", "steps": steps, "timeout_seconds": limit})
        insert(database, "workflow_version", ids | {"version": version, "definition": definition})
    failed = {"id": "r", "workflow_version": 1, "status": "failed", "round": 1, "dispatch": 1}
    failed |= {"trigger": "api", "steps_total": 1, "inputs": "{}", "timeout_seconds": seconds}
    failed |= {"started_at": LONG_AGO}
    insert(database, "execution", ids | failed)
    with inline_engine_on(database) as engine:
        engine.resume("acme", "r")
    with database.connect() as connection:
        row = connection.execute(
            sa.text("SELECT workflow_version, timeout_seconds FROM execution")
        ).one()
    assert row == (2, then)
