"""Schedules on Postgres, where many processes tick at once: races, crashes, and the queries."""

from tests.engine import test_schedules_crashes as scene
from tests.engine.test_schedules import (
    make_office,  # noqa: F401 - a fixture
    test_a_failed_run_that_is_resumed_and_succeeds_ends_the_streak,  # noqa: F401
    test_no_more_runs_than_the_cap_and_the_rest_as_places_get_free,  # noqa: F401
    test_three_failures_warn_and_then_pause,  # noqa: F401
    test_turns_of_agent_steps_are_averaged,  # noqa: F401
)
from tests.postgres import on_postgres, same_tests

postgres = on_postgres()
globals().update(same_tests(scene))
globals().pop("test_the_tables_come_with_the_schema")  # opens a file of its own
