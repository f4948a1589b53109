"""A store on a real SQLite file, and the clock it reads."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from copilot.storage.store import Store
from copilot.testing import ManualClock
from tests.copilot.storage_builders import sqlite_engine


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = sqlite_engine(tmp_path / "copilot.sqlite")
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: Engine, clock: ManualClock) -> Store:
    return Store.open(engine, clock=clock)
