"""Runs that a quota stops, on Postgres: the races, and the queries."""

from tests.engine.test_quota_parking import (
    make_office,  # noqa: F401 - fixtures
    office,  # noqa: F401
    test_a_person_cancels_it,  # noqa: F401
    test_a_run_is_parked_and_goes_on_by_itself_when_the_quota_resets,  # noqa: F401
    test_it_goes_on_once_however_many_workers_and_ticks_there_are,  # noqa: F401
    test_it_is_parked_again_while_others_use_the_quota_up,  # noqa: F401
    test_it_waits_on_while_its_workflow_is_paused,  # noqa: F401
)
from tests.engine.test_quota_wakes import (
    test_a_limit_that_is_raised_or_lifted_has_parked_runs_go_on_with_the_next_tick,  # noqa: F401
    test_without_enough_room_it_is_parked_again_until_the_quota_resets,  # noqa: F401
)
from tests.postgres import on_postgres

postgres = on_postgres()
