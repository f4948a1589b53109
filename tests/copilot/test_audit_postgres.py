"""The chain of the audit on Postgres, where many write at once and a clear may come in between."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from copilot.storage.account_tables import AUDIT
from copilot.storage.holdings import holdings
from copilot.storage.store import Store
from engine.export import WorkspaceData
from engine.storage.database import connect
from engine.storage.holdings import Holding
from engine.testing import FrozenClock
from tests.copilot.audit_builders import append_from_threads, ids, require_one_chain, write
from tests.postgres import new_database


@pytest.fixture
def store():
    with new_database() as url:
        database = connect(url)
        yield Store.open(database)
        database.dispose()


def test_appends_from_many_threads_make_one_chain(store) -> None:
    append_from_threads(store, each=10)
    require_one_chain(store, each=10)


def test_what_was_changed_is_found(store) -> None:
    write(store, 5)
    assert store.audit.verify("acme").intact
    with store.database.write() as connection:
        spoilt = sa.update(AUDIT).where(AUDIT.c.id == ids(store)[2]).values(actor="person_9")
        connection.execute(spoilt)
    assert store.audit.verify("acme").broken.entry_id == ids(store)[2]


def test_a_workspace_that_is_cleared_while_it_is_written_to_has_one_chain_after_it(store) -> None:
    beside = [Holding(table, withheld) for table, withheld in holdings()]
    data = WorkspaceData(store.database.engine, now=FrozenClock().now, beside=beside)
    cleared = []
    with ThreadPoolExecutor(3) as pool:
        writing = [pool.submit(write, store, 40) for _ in range(3)]
        while not all(one.done() for one in writing):
            with suppress(OperationalError):  # overtaken five times: nothing was deleted
                cleared.append(data.clear("acme", confirm="acme"))
        for one in writing:
            one.result()
    cleared.append(data.clear("acme", confirm="acme"))
    write(store, 1)
    found = store.audit.verify("acme")
    assert (found.intact, found.entries) == (True, 1)
    gone = [one["copilot_audit"] for one in cleared]
    assert sum(gone) == 120
    assert all(one["copilot_audit_head"] == bool(one["copilot_audit"]) for one in cleared)
