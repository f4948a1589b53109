"""The schema: made from nothing, from every older version, and the same as the tables in code."""

import importlib.resources
import json
import subprocess
import sys

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from engine.engine import Engine
from engine.storage import migrations
from engine.storage.database import connect
from engine.storage.migrations import HEAD, VERSION_TABLE, current, upgrade
from engine.storage.tables import METADATA
from engine.testing import settings

REVISIONS = [
    script.revision
    for script in ScriptDirectory(str(importlib.resources.files(migrations))).walk_revisions()
][::-1]


@pytest.fixture
def database(tmp_path):
    database = connect(f"sqlite:///{tmp_path / 'engine.db'}")
    yield database
    database.dispose()


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
        "import sys; from engine.engine import Engine; from engine.testing import settings;"
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


def test_versions_of_before_get_the_name_in_their_definition(database):
    upgrade(database, "0001")
    insert = (
        "INSERT INTO workflow_version (workspace_id, workflow_id, version, definition, created_at) "
        "VALUES ('acme', 'w', ?, ?, '2026-01-05 09:00:00')"
    )
    with database.begin() as connection:
        for version, name in enumerate(("First", "Ünique 'quoted'"), start=1):
            definition = json.dumps({"name": name, "steps": []})
            connection.exec_driver_sql(insert, (version, definition))
    upgrade(database)
    with database.connect() as connection:
        names = connection.scalars(sa.text("SELECT name FROM workflow_version ORDER BY version"))
        assert names.all() == ["First", "Ünique 'quoted'"]
