"""Audits to be spoilt, and the same appends from many threads."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import sqlalchemy as sa

from copilot.storage.account_tables import AUDIT, AUDIT_HEAD
from copilot.storage.store import Store
from copilot.types.principal import Principal

ADA = Principal(id="person_1", name="Ada", workspace_id="acme")
BOB = Principal(id="person_2", name="Bob", workspace_id="rival")
THREADS = 16


def write(store: Store, count: int, *, by: Principal = ADA) -> None:
    for number in range(count):
        store.audit.add(by, "approve_fix", f"fix-{number}", {"digest": f"d{number}", "n": number})


def ids(store: Store, workspace_id: str = "acme") -> list[int]:
    """Of all entries, the oldest first."""
    wanted = sa.select(AUDIT.c.id).where(AUDIT.c.workspace_id == workspace_id)
    with store.database.read() as connection:
        return list(connection.execute(wanted.order_by(AUDIT.c.id)).scalars())


def append_from_threads(store: Store, *, each: int) -> None:
    """Sixteen threads that start together, for two workspaces."""
    barrier = Barrier(THREADS)

    def run(number: int) -> None:
        barrier.wait()
        write(store, each, by=BOB if number % 4 == 0 else ADA)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(run, range(THREADS)))


def require_one_chain(store: Store, *, each: int) -> None:
    for workspace_id, threads in (("acme", 12), ("rival", 4)):
        found = store.audit.verify(workspace_id)
        assert (found.intact, found.broken, found.entries) == (True, None, threads * each)
        assert found.head.entry_id == ids(store, workspace_id)[-1]
        wanted = sa.select(AUDIT.c.previous).where(AUDIT.c.workspace_id == workspace_id)
        with store.database.read() as connection:
            before = list(connection.execute(wanted).scalars())
        assert len(set(before)) == len(before)  # none follows on the same as another: no fork


def forget_head(store: Store, workspace_id: str) -> None:
    with store.database.write() as connection:
        connection.execute(sa.delete(AUDIT_HEAD).where(AUDIT_HEAD.c.workspace_id == workspace_id))
