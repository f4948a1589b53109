"""What a day has used, and what stopped steps have, on Postgres: the queries and the fence."""

from tests.engine import test_interrupted_steps as scene
from tests.engine.test_limits import (
    engine_with,  # noqa: F401 - a fixture
    test_the_day_is_checked_before_a_model_is_asked_and_after,  # noqa: F401
    test_the_tokens_of_a_day_are_limited_likewise_whatever_they_cost,  # noqa: F401
)
from tests.postgres import on_postgres, same_tests

postgres = on_postgres()
globals().update(same_tests(scene))
