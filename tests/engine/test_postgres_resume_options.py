"""What `test_resume_options` says, on Postgres."""

from tests.engine import test_resume_options as scene
from tests.postgres import on_postgres, same_tests

postgres = on_postgres()
globals().update(same_tests(scene))
