"""What `test_time_limits` says, on Postgres."""

from tests.engine import test_time_limits as scene
from tests.postgres import on_postgres, same_tests

postgres = on_postgres()
globals().update(same_tests(scene))
