"""What `test_migrations` says about a database of any kind, on Postgres."""

import pytest

from engine.storage.database import connect
from tests.engine.test_migrations import (
    test_a_run_of_the_oldest_version_can_be_read_and_resumed,  # noqa: F401
    test_a_run_of_the_oldest_version_is_resumed_with_the_limit_it_should_have,  # noqa: F401
    test_every_version_comes_up_to_the_tables_in_code,  # noqa: F401
    test_versions_of_before_get_the_name_in_their_definition,  # noqa: F401
)
from tests.postgres import new_database


@pytest.fixture
def database():
    with new_database(migrated=False) as url:
        database = connect(url)
        yield database
        database.dispose()
