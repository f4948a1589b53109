"""What a day may cost is kept by all that have analyses, in this process and in others."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from copilot.storage.model_tables import SPEND_HOLD
from copilot.storage.spending import LONGEST
from copilot.storage.store import Store
from copilot.testing import ManualClock, SimulatedCrash
from engine.storage.database import connect
from tests.postgres import new_database

MOST, CAP = Decimal("0.25"), Decimal("1")


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'copilot.db'}"
        return
    with new_database() as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    database = connect(url)
    yield Store.open(database)
    database.dispose()


def held(store: Store) -> int:
    with store.database.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(SPEND_HOLD)).scalar_one()


def test_two_processes_keep_one_cap(url: str, store: Store) -> None:
    other_database = connect(url)
    other = Store.open(other_database)
    with ExitStack() as under_way:
        takers = [store, other] * 4

        def take(one: Store) -> Decimal:
            return under_way.enter_context(one.spending.hold("acme", MOST, cap=CAP))

        with ThreadPoolExecutor(len(takers)) as pool:
            given = sorted(pool.map(take, takers))
        assert given == [Decimal(0)] * 4 + [MOST] * 4
        with store.spending.hold("globex", MOST, cap=CAP) as mine:
            assert mine == MOST
        with store.spending.hold("acme", MOST, cap=None) as mine:
            assert mine == MOST
    assert held(store) == 0
    other_database.dispose()


def test_the_last_one_gets_what_is_left(store: Store) -> None:
    with (
        store.spending.hold("acme", Decimal("0.9"), cap=CAP),
        store.spending.hold("acme", MOST, cap=CAP) as mine,
    ):
        assert mine == Decimal("0.1")


def test_what_a_crash_has_left_counts_no_more_after_a_while(url: str) -> None:
    database, clock = connect(url), ManualClock()
    store = Store.open(database, clock=clock)
    lost = {"hold_id": "hold_1", "workspace_id": "acme", "nano_usd": 10**9}
    with database.begin() as connection:
        connection.execute(sa.insert(SPEND_HOLD), lost | {"until": clock() + LONGEST})
    with store.spending.hold("acme", MOST, cap=CAP) as mine:
        assert mine == 0
    clock.advance(seconds=(LONGEST + timedelta(seconds=1)).total_seconds())
    with store.spending.hold("acme", MOST, cap=CAP) as mine:
        assert mine == MOST
        assert held(store) == 1
    database.dispose()


def test_what_ends_in_an_error_is_let_go(store: Store) -> None:
    with pytest.raises(SimulatedCrash), store.spending.hold("acme", MOST, cap=CAP):
        raise SimulatedCrash
    assert held(store) == 0
