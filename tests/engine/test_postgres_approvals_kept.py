"""What `test_approvals_kept` says, on Postgres."""

from tests.engine import test_approvals_kept as scene
from tests.postgres import on_postgres, same_tests

postgres = on_postgres()
globals().update(same_tests(scene))
