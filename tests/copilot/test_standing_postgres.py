"""Standing approvals on Postgres, where nothing but their rows keeps two transactions apart."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from copilot.errors import ApprovalRefused
from copilot.storage.account_tables import API_KEY, PRINCIPAL
from copilot.storage.audit import append
from copilot.storage.standing_tables import STANDING_APPROVAL
from copilot.storage.store import Store
from copilot.types.principal import Principal, Role
from copilot.types.standing import StandingState
from engine.storage.database import connect
from tests.copilot.standing_builders import (
    OLGA,
    begin,
    begin_while_it_is_revoked,
    signed,
    terms,
    use,
    use_from_threads,
)
from tests.postgres import new_database

_WAITING = sa.text(
    "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted AND locktype IN ('tuple', 'transactionid')"
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


def test_giving_one_and_revoking_another_do_not_wait_for_each_other(store) -> None:
    """The first of two is suspended, which the audit is told; the audit is held meanwhile."""
    ben = Principal(id="person_2", name="Ben", workspace_id="acme", role=Role.OWNER)
    tomorrow = store.database.now() + timedelta(days=1)
    store.standing.create(ben, terms(store, expires_at=tomorrow))
    revoked = signed(store).standing_id
    with ThreadPoolExecutor(2) as pool:
        with store.database.write() as holding:
            append(holding, OLGA, "hold", "audit", {}, at=store.database.now())
            using = pool.submit(use, store)
            _until_waiting(store, 1, using)
            revoking = pool.submit(store.standing.revoke, OLGA, revoked)
            _until_waiting(store, 2, revoking)
        assert using.result(60).standing_id == revoked
        assert revoking.result(60).state is StandingState.REVOKED


def _until_waiting(store, transactions, working) -> None:
    """Until so many wait for a lock."""
    with store.database.read() as watching:
        while watching.execute(_WAITING).scalar_one() < transactions:
            assert not working.done()


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
            _until_waiting(store, 1, beginning)
        with pytest.raises(ApprovalRefused, match=why):
            beginning.result(60)
    assert store.approvals.find("acme", approval.approval_id).used is False
