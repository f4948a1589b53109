"""What `test_nested_crashes` says, on Postgres."""

from tests.engine import test_nested_crashes as scene
from tests.postgres import on_postgres, same_tests

postgres = on_postgres()
globals().update(same_tests(scene))
