"""What `test_state_machine` says, on Postgres."""

import pytest

from tests.engine.test_state_machine import Lives, run_lives
from tests.postgres import new_database, require_server


class LivesOnPostgres(Lives):
    """The same, each in a database of its own."""

    def database(self, folder):
        return self.closing.enter_context(new_database())


def test_nothing_committed_is_lost_or_done_twice_whatever_happens_to_a_run():
    require_server()
    run_lives(5, 10, LivesOnPostgres)


@pytest.mark.long
def test_the_same_over_many_long_lives():
    require_server()
    run_lives(300, 40, LivesOnPostgres)
