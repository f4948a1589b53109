"""The packaged migrations lead from every version to the tables as they are declared."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData, inspect, text

from copilot.storage.columns import Base
from copilot.storage.migrate import HEAD, VERSION_TABLE, current_version, migrate
from copilot.storage.store import Store


def script() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", "copilot.storage:migrations")
    return ScriptDirectory.from_config(config)


def revisions() -> Sequence[str]:
    return [one.revision for one in reversed(list(script().walk_revisions()))]


def differences(engine: Engine) -> list[object]:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_name": lambda name, kind, _parents: (
                    kind != "table" or (name.startswith("copilot_") and name != VERSION_TABLE)
                ),
            },
        )
        return list(compare_metadata(context, Base.metadata))


def test_the_newest_migration_is_the_one_the_code_expects() -> None:
    assert script().get_current_head() == HEAD


@pytest.mark.parametrize("oldest", revisions())
def test_every_version_leads_to_the_declared_tables(engine: Engine, oldest: str) -> None:
    migrate(engine, to=oldest)
    assert current_version(engine) == oldest
    migrate(engine)
    assert differences(engine) == []


def test_the_comparison_would_notice_a_missing_index(engine: Engine) -> None:
    migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX ix_copilot_failure_recent")
    assert differences(engine) != []


def test_data_survive_the_way_from_the_oldest_version(engine: Engine) -> None:
    migrate(engine, to=revisions()[0])
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO copilot_ledger_entry"
            " (workspace_id, kind, key, credits, effect, reason, created_at)"
            " VALUES ('acme', 'grant', 'start', 7, 7, 'trial', '2026-01-02 03:04:05.000000')"
        )
        connection.exec_driver_sql("INSERT INTO copilot_workspace_limit VALUES ('acme', 7)")
    store = Store.open(engine)
    assert store.ledger.balance("acme") == 7
    assert store.ledger.audit("acme").balanced


def test_a_row_of_every_table_of_the_oldest_version_is_as_it_was(engine: Engine) -> None:
    migrate(engine, to=revisions()[0])
    before = rows_of_every_table(engine, fill=True)
    migrate(engine)
    after = rows_of_every_table(engine, tables=list(before))
    assert len(before) >= 10
    for table, rows in before.items():  # later versions may add columns, and touch none
        kept = [{name: row[name] for name in rows[0]} for row in after[table]]
        assert kept == rows, table


@pytest.mark.parametrize(
    ("said", "since"), [("edited:4", 4), ("edited", 1), ("passed", None), ("editor:4", None)]
)
def test_an_edit_that_a_run_spoke_of_is_found_in_its_column(
    engine: Engine, said: str, since: int | None
) -> None:
    migrate(engine, to=revisions()[0])
    rows_of_every_table(engine, fill=True)  # the change has made version 1
    with engine.begin() as connection:
        connection.execute(text("UPDATE copilot_judged_run SET finding = :said"), {"said": said})
    migrate(engine)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT edited_since FROM copilot_outcome")).scalars()
        assert found.all() == [since]
        kept = connection.execute(text("SELECT finding FROM copilot_judged_run")).scalars().all()
    assert kept == [said if since is None else "edited"]


def rows_of_every_table(
    engine: Engine, *, fill: bool = False, tables: list[str] | None = None
) -> dict[str, list[object]]:
    """All rows by table; with *fill*, each gets one first with a value in every column."""
    known = MetaData()
    known.reflect(engine, only=tables or (lambda name, _: name.startswith("copilot_")))
    found = {}
    with engine.begin() as connection:
        for table in known.sorted_tables:
            if table.name == VERSION_TABLE:
                continue
            if fill:
                row = {column.name: VALUES[column.type.python_type] for column in table.columns}
                connection.execute(table.insert(), row)
            found[table.name] = [row._asdict() for row in connection.execute(table.select())]
            assert found[table.name], table.name
    return found


VALUES = {
    str: "text",
    int: 1,
    bool: True,
    float: 1.5,
    bytes: b"1",
    datetime: datetime(2026, 1, 2, tzinfo=UTC),
}


def test_other_tables_in_the_file_and_their_version_are_left_alone(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('of the engine')")
        connection.exec_driver_sql("CREATE TABLE execution (id INTEGER)")
    migrate(engine)
    with engine.connect() as connection:
        version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    assert version == "of the engine"
    assert "execution" in inspect(engine).get_table_names()


def test_a_migration_that_fails_leaves_nothing_behind(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE copilot_workspace_limit (old INTEGER)")
    with pytest.raises(Exception, match="already exists"):
        migrate(engine)
    assert inspect(engine).get_table_names() == ["copilot_workspace_limit"]


def test_a_second_opening_runs_no_migration(engine: Engine) -> None:
    migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX ix_copilot_failure_recent")
    migrate(engine)
    assert differences(engine) != []
