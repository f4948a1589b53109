"""Many analyses at once on credits for a few: each is paid once, and nobody pays for nothing."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from copilot.errors import InsufficientCredits
from copilot.storage.store import Store
from copilot.testing import ScriptedModels
from engine.storage.database import connect
from tests.copilot.test_model_analysis import Bench, a_run, an_answer
from tests.postgres import new_database

ANALYSES, AFFORDED, THREADS, PRICE = 200, 50, 50, 2


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        database = connect(f"sqlite:///{tmp_path / 'copilot.db'}")
        yield Store.open(database)
        database.dispose()
        return
    with new_database() as url:
        database = connect(url)
        yield Store.open(database)
        database.dispose()


def test_two_hundred_at_once_on_credits_for_fifty(store: Store) -> None:
    store.ledger.grant("acme", "start", credits=AFFORDED * PRICE, reason="trial")
    models = ScriptedModels(an_answer(), seconds=0.01)
    bench = Bench(store, models, model_policy="always", model_credit_cost=PRICE)
    begin = threading.Barrier(THREADS)

    def ask(number: int) -> str:
        if number < THREADS:
            begin.wait()
        try:
            run = a_run(f"connection refused by host-{number}.acme.example", number=number)
            report = bench.analyze(run, require_model=True, idempotency_key=f"key-{number}")
        except InsufficientCredits:
            return "402"
        return report.produced_by

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(ask, range(ANALYSES)))
    assert answers.count("openai") == AFFORDED
    assert answers.count("402") == ANALYSES - AFFORDED
    assert store.ledger.balance("acme") == 0
    assert len(models.asked) == AFFORDED
    assert store.ledger.audit("acme").balanced
