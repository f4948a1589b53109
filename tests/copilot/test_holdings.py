"""The copilot's own tables go out and go away with the engine's, secrets apart."""

import importlib
import json
import pkgutil

import pytest
import sqlalchemy as sa

from copilot import storage
from copilot.storage.columns import Base
from copilot.storage.holdings import WITHHELD, holdings
from copilot.storage.store import Store
from engine.export import WorkspaceData
from engine.storage.database import connect
from engine.storage.holdings import Holding
from engine.storage.migrations import upgrade
from engine.testing import FrozenClock
from tests.engine.stored_rows import put_back, row_for

MINE, OTHER = "acme", "other"
TABLES = [table for table, _ in holdings()]


@pytest.fixture
def database(tmp_path):
    database = connect(f"sqlite:///{tmp_path / 'engine.db'}")
    upgrade(database)
    Store.open(database)
    with database.begin() as connection:
        for table in reversed(TABLES):
            for number, workspace in enumerate((MINE, OTHER), start=1):
                connection.execute(sa.insert(table).values(row_for(table, workspace, number)))
    yield database
    database.dispose()


def data_of(database):
    beside = [Holding(table, withheld) for table, withheld in holdings()]
    return WorkspaceData(database, now=FrozenClock().now, beside=beside)


def test_every_table_of_the_copilot_is_there_and_is_bound_to_a_workspace():
    for module in pkgutil.iter_modules(storage.__path__):
        importlib.import_module(f"{storage.__name__}.{module.name}")
    assert set(TABLES) == set(Base.metadata.tables.values())
    assert all("workspace_id" in table.c for table in TABLES)


def test_what_goes_out_is_what_is_stored_but_for_what_is_withheld(database):
    head, *lines, _ = map(json.loads, data_of(database).export(MINE))
    assert [line["table"] for line in lines] == [table.name for table in reversed(TABLES)]
    by_name = Base.metadata.tables
    for line in lines:
        table = by_name[line["table"]]
        withheld = WITHHELD.get(table.name, frozenset())
        assert line["row"].keys() == set(table.c.keys()) - withheld
        wanted = row_for(table, MINE, 1)
        for name, value in line["row"].items():
            assert put_back(table.c[name], value) == wanted[name], f"{table.name}.{name}"
    assert head["withheld"] == {name: sorted(columns) for name, columns in WITHHELD.items()}


def test_no_column_that_keeps_a_secret_is_given_away():
    given = {
        f"{table.name}.{column.name}"
        for table, withheld in holdings()
        for column in table.columns
        if column.name not in withheld
    }
    assert {name for name in given if "secret" in name or isinstance_bytes(name)} == set()
    assert "copilot_api_key.digest" not in given


def isinstance_bytes(name):
    table, column = name.split(".")
    return isinstance(Base.metadata.tables[table].c[column].type, sa.LargeBinary)


def test_clear_leaves_the_rows_of_others(database):
    counts = data_of(database).clear(MINE, confirm=MINE)
    assert {table.name: counts[table.name] for table in TABLES} == {t.name: 1 for t in TABLES}
    with database.connect() as connection:
        for table in TABLES:
            (row,) = connection.execute(sa.select(table)).all()
            assert row.workspace_id == OTHER
