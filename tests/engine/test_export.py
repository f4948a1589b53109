"""A workspace's data goes out whole and without secrets, and goes away whole and alone."""

import json
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from engine.errors import InvalidParameters, WorkspaceInUse
from engine.export import WorkspaceData
from engine.storage.database import connect, writing
from engine.storage.holdings import ORDER, SHARED, _placed, holdings, raise_floor, version_floor
from engine.storage.migrations import upgrade
from engine.storage.tables import METADATA
from engine.testing import (
    WORKSPACE,
    FrozenClock,
    KnownSecrets,
    actions,
    inline_engine,
    tool,
    workflow,
)
from tests.engine.stored_rows import put_back, row_for

OTHER = "other"
TABLES = [holding.table for holding in holdings()]


@contextmanager
def migrated(folder, name):
    database = connect(f"sqlite:///{folder / name}")
    upgrade(database)
    yield database
    database.dispose()


@pytest.fixture
def database(tmp_path):
    """Two workspaces with a row in every table."""
    with migrated(tmp_path, "engine.db") as database:
        with database.begin() as connection:
            for table in reversed(TABLES):
                for number, workspace in enumerate((WORKSPACE, OTHER), start=1):
                    connection.execute(sa.insert(table).values(row_for(table, workspace, number)))
        yield database


def data_of(database, **changes):
    return WorkspaceData(database, now=FrozenClock().now, **changes)


def exported(database, workspace=WORKSPACE, **changes):
    head, *lines, end = map(json.loads, data_of(database, **changes).export(workspace))
    return head, lines, end


def everything(database, tables=None):
    with database.connect() as connection:
        return {
            table.name: [
                row._asdict()
                for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns))
            ]
            for table in tables or METADATA.sorted_tables
        }


def test_every_table_has_a_place_in_the_order_of_deletion():
    assert len(set(ORDER)) == len(ORDER)
    assert {table.name for table in TABLES} | SHARED == set(METADATA.tables)
    for table in TABLES:
        assert {"workspace_id", "execution_id"} & set(table.c.keys()), table.name
    for name in SHARED:
        assert "workspace_id" not in METADATA.tables[name].c, name


def test_a_table_without_a_place_is_an_error():
    metadata = sa.MetaData()
    sa.Table("newcomer", metadata, sa.Column("workspace_id", sa.Text))
    with pytest.raises(RuntimeError, match="newcomer"):
        _placed(metadata, ORDER)


def test_what_goes_out_can_be_put_back_as_it_was(tmp_path, database):
    _, lines, end = exported(database)
    by_name = METADATA.tables
    with migrated(tmp_path, "copy.db") as copy:
        with copy.begin() as connection:
            for line in lines:
                table = by_name[line["table"]]
                row = {name: put_back(table.c[name], line["row"][name]) for name in line["row"]}
                connection.execute(sa.insert(table).values(row))
        with database.begin() as connection:  # what is left is the other workspace's
            kept = {
                holding.table.name: connection.scalar(
                    sa.select(sa.func.count()).where(holding.of(WORKSPACE))
                )
                for holding in holdings()
            }
        copied = everything(copy, TABLES)
    original = everything(database, TABLES)
    for table in TABLES:
        mine = [row for row in original[table.name] if WORKSPACE in json.dumps(row, default=str)]
        assert copied[table.name] == mine, table.name
    assert end["counts"] == kept
    assert end["rows"] == len(lines) == len(TABLES)


def test_the_head_says_what_it_is_and_the_end_that_nothing_is_missing(database):
    head, _, end = exported(database, workspace="nobody")
    assert (head["format"], head["version"], head["workspace"]) == ("ask-copilot-data", 1, "nobody")
    assert head["exported_at"] == "2026-01-05T09:00:00+00:00"
    assert end["end"] is True
    assert end["rows"] == 0


def test_nothing_of_another_workspace_goes_out(database):
    lines = list(data_of(database).export(WORKSPACE))
    assert OTHER not in "".join(lines)


@pytest.mark.parametrize("secret", ["sk-12345678", 'quo"ted\\back', "gehéim-1234"])
def test_known_secrets_do_not_go_out(tmp_path, secret):
    """Also where they are written as JSON writes them, and inside JSON inside JSON."""
    nested = json.dumps({"answer": json.dumps({"token": secret})})
    flow = workflow(tool("a", value={"key": secret, "n": 1.50}), tool("b", value=nested))
    masker = KnownSecrets({"KEY": secret})
    with inline_engine(tmp_path, actions=actions()) as engine:
        engine.put_workflow(WORKSPACE, flow, workflow_id="w")
        engine.submit(WORKSPACE, "w")
        plain = "".join(data_of(engine.database).export(WORKSPACE))
        text = "".join(data_of(engine.database, masker=masker).export(WORKSPACE))
    forms = {secret}
    for _ in range(4):
        forms |= {json.dumps(form)[1:-1] for form in forms}
        forms |= {json.dumps(form, ensure_ascii=False)[1:-1] for form in forms}
    assert any(form in plain for form in forms)
    assert not any(form in text for form in forms)
    assert "***" in text


def test_clear_takes_everything_of_one_workspace_and_nothing_else(database):
    before = everything(database)
    counts = data_of(database).clear(WORKSPACE, confirm=WORKSPACE)
    assert counts == {table.name: 1 for table in TABLES}
    after = everything(database)
    for name, rows in after.items():
        if name in SHARED:
            continue
        assert rows == before[name][1:] or rows == before[name][:1], name
        assert WORKSPACE not in json.dumps(rows, default=str), name
    assert exported(database)[2]["rows"] == 0


def test_clear_wants_the_name_of_the_workspace(database):
    before = everything(database)
    with pytest.raises(InvalidParameters) as refused:
        data_of(database).clear(WORKSPACE, confirm="yes")
    assert refused.value.details == {"parameter": "confirm"}
    assert everything(database) == before


@pytest.mark.parametrize("status", ["queued", "running", "paused"])
def test_clear_waits_for_runs_to_end(database, status):
    execution = METADATA.tables["execution"]
    mine = execution.c.workspace_id == WORKSPACE
    with database.begin() as connection:
        connection.execute(sa.update(execution).where(mine).values(status=status))
    before = everything(database)
    with pytest.raises(WorkspaceInUse, match=f"1 {status}"):
        data_of(database).clear(WORKSPACE, confirm=WORKSPACE)
    assert everything(database) == before
    data_of(database).clear(OTHER, confirm=OTHER)


def test_what_fails_halfway_deletes_nothing(database):
    before = everything(database)
    with database.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER stop BEFORE DELETE ON workflow BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    with pytest.raises(sa.exc.IntegrityError):
        data_of(database).clear(WORKSPACE, confirm=WORKSPACE)
    assert everything(database) == before


def test_a_version_that_was_used_is_not_used_again(database):
    workflows = METADATA.tables["workflow"]
    with writing(database) as connection:
        assert version_floor(connection, WORKSPACE) == 0
        connection.execute(sa.update(workflows).values(version=7))
    data_of(database).clear(WORKSPACE, confirm=WORKSPACE)
    with writing(database) as connection:
        assert version_floor(connection, WORKSPACE) == 7
        assert version_floor(connection, OTHER) == 0
        row = row_for(workflows, WORKSPACE, 1) | {"version": 3}
        connection.execute(sa.insert(workflows).values(row))
        raise_floor(connection, WORKSPACE)
        assert version_floor(connection, WORKSPACE) == 7
