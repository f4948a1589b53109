"""Standing approvals on Postgres, where nothing but their rows keeps two transactions apart."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from copilot.errors import ApprovalRefused
from copilot.storage.account_tables import API_KEY, PRINCIPAL
from copilot.storage.standing_tables import STANDING_APPROVAL
from copilot.storage.store import Store
from engine.storage.database import connect
from tests.copilot.standing_builders import (
    begin,
    begin_while_it_is_revoked,
    signed,
    use,
    use_from_threads,
)
from tests.postgres import new_database

_WAITING = sa.text(
    "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('tuple', 'transactionid')"
)


@pytest.fixture
def store():
    with new_database() as url:
        database = connect(url)
        yield Store.open(database)
        database.dispose()


def test_threads_never_use_it_more_often_than_was_signed(store) -> None:
    standing = signed(store, max_uses=10)
    found = use_from_threads(store, threads=8, each=4)
    assert len({one.approval_id for one in found}) == len(found) == 10
    assert store.standing.get("acme", standing.standing_id).uses == 10
    assert store.audit.verify("acme").intact


def test_nothing_begins_once_it_is_revoked_also_from_other_threads(store) -> None:
    _, late = begin_while_it_is_revoked(store, threads=6, each=20)
    assert late == 0


ENDS = {
    "revoked": (lambda at: sa.update(STANDING_APPROVAL).values(revoked_at=at), "was revoked"),
    "no key": (lambda at: sa.update(API_KEY).values(revoked_at=at), "No key of Olga"),
    "no owner": (lambda _: sa.update(PRINCIPAL).values(role="viewer"), "is no owner any more"),
}


@pytest.mark.parametrize(("ending", "why"), ENDS.values(), ids=ENDS)
def test_a_change_that_begins_during_its_end_waits_for_it_and_is_refused(
    store, ending, why
) -> None:
    signed(store)
    approval = use(store)
    now = store.database.now()
    with ThreadPoolExecutor(1) as pool:
        with store.database.write() as revoking:
            revoking.execute(ending(now))
            beginning = pool.submit(begin, store, approval)
            with store.database.read() as watching:
                while not watching.execute(_WAITING).scalar_one():
                    assert not beginning.done()
        with pytest.raises(ApprovalRefused, match=why):
            beginning.result(60)
    assert store.approvals.find("acme", approval.approval_id).used is False
