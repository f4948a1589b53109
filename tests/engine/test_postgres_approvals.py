"""What `test_approvals` says, on Postgres: who decides first, and what may be stored."""

from tests.engine import test_approvals as scene
from tests.postgres import on_postgres, same_tests

postgres = on_postgres()
globals().update(same_tests(scene))
