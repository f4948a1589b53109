"""What `test_store` says, on Postgres."""

from tests.engine import test_store as scene
from tests.postgres import on_postgres, same_tests

postgres = on_postgres()
globals().update(same_tests(scene))


def test_it_is_postgres(engine):
    assert engine.database.dialect.name == "postgresql"
