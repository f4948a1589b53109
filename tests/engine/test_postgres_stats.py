"""Learning, export and clearing on a real Postgres, with others at work at the same time."""

import threading

import pytest
import sqlalchemy as sa

from engine.errors import WorkspaceInUse
from engine.export import WorkspaceData
from engine.storage.database import connect, writing
from engine.storage.holdings import holdings
from engine.storage.tables import EXECUTION, WORKFLOW, WORKFLOW_VERSION
from engine.testing import WORKSPACE, FrozenClock, actions, inline_engine, tool, workflow
from tests.engine import test_stats
from tests.engine.stored_rows import row_for
from tests.postgres import new_database, on_postgres, same_tests

globals().update(same_tests(test_stats))
postgres = on_postgres()
OTHER = "other"


@pytest.fixture
def database():
    """Two workspaces with a row in every table."""
    with new_database() as url:
        database = connect(url)
        with database.begin() as connection:
            for holding in reversed(holdings()):
                for number, workspace in enumerate((WORKSPACE, OTHER), start=1):
                    values = row_for(holding.table, workspace, number)
                    connection.execute(sa.insert(holding.table).values(values))
        yield database
        database.dispose()


def data_of(database):
    return WorkspaceData(database, now=FrozenClock().now)


def start_a_run(connection, workspace=WORKSPACE):
    new = {"id": f"new-{workspace}", "status": "queued", "end_cursor": None}
    connection.execute(sa.insert(EXECUTION).values(row_for(EXECUTION, workspace, 3) | new))


def test_everything_goes_out_and_away_on_postgres_too(database):
    lines = list(data_of(database).export(WORKSPACE))
    assert len(lines) == len(holdings()) + 2
    counts = data_of(database).clear(WORKSPACE, confirm=WORKSPACE)
    assert set(counts.values()) == {1}
    assert len(list(data_of(database).export(OTHER))) == len(holdings()) + 2


def test_a_run_that_starts_while_it_is_cleared_waits_or_refuses_it(database):
    """Whoever comes first: the run is refused nothing, or the clearing is."""
    with database.connect() as first:
        with first.begin():
            start_a_run(first)
            refused: list[BaseException] = []

            def clear():
                try:
                    data_of(database).clear(WORKSPACE, confirm=WORKSPACE)
                except WorkspaceInUse as error:
                    refused.append(error)

            clearing = threading.Thread(target=clear)
            clearing.start()
            clearing.join(0.3)
            assert clearing.is_alive()  # it waits for the run's transaction
        clearing.join(20)
    assert [str(one) for one in refused] == [
        "Runs of this workspace have not ended (1 queued). Wait for them, or cancel them."
    ]
    with database.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(EXECUTION)) == 3


def test_a_workflow_that_is_edited_meanwhile_is_not_left_in_parts(database):
    """A new version is written between the moment that is seen and the deletion: it is tried again."""
    with database.connect() as editing:
        with editing.begin():
            head = sa.and_(WORKFLOW.c.workspace_id == WORKSPACE)
            editing.execute(sa.update(WORKFLOW).where(head).values(version=2))
            version = row_for(WORKFLOW_VERSION, WORKSPACE, 2)
            editing.execute(sa.insert(WORKFLOW_VERSION).values(version))
            clearing = threading.Thread(
                target=data_of(database).clear, args=(WORKSPACE,), kwargs={"confirm": WORKSPACE}
            )
            clearing.start()
            clearing.join(0.5)
            assert clearing.is_alive()
        clearing.join(20)
    with writing(database) as connection:
        for table in (WORKFLOW, WORKFLOW_VERSION):
            assert set(connection.scalars(sa.select(table.c.workspace_id))) == {OTHER}


def test_runs_that_end_at_the_same_moment_are_all_counted(tmp_path):
    with inline_engine(tmp_path, actions=actions()) as engine:
        engine.put_workflow(WORKSPACE, workflow(tool("a")), workflow_id="w")
        threads = [threading.Thread(target=engine.submit, args=(WORKSPACE, "w")) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        (found,) = test_stats.learning(engine).stats(WORKSPACE)
    assert (found.sample_count, found.success_rate) == (12, 1)
